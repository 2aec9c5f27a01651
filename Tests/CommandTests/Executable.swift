import Foundation
import Testing

/// The built `granary`, run as a process.
enum Executable {
    /// What a process left.
    struct Outcome {
        var code: Int32
        var output: String
        var errors: String

        /// The lines of standard output.
        var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    /// The path: executables are beside the test bundle.
    static var path: String {
        let bundles = [
            Bundle.main.executableURL, Bundle.main.bundleURL, URL(fileURLWithPath: CommandLine.arguments[0]),
        ]
        for bundle in bundles.compactMap({ $0 }) {
            var directory = bundle.resolvingSymlinksInPath()
            for _ in 0..<4 {
                directory = directory.deletingLastPathComponent()
                let candidate = directory.appendingPathComponent("granary").path
                if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
            }
        }
        return "granary"
    }

    /// Runs it to its end.
    static func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

    static func run(_ arguments: [String]) throws -> Outcome {
        let running = try start(arguments)
        return running.wait()
    }

    /// Starts it.
    static func start(_ arguments: [String]) throws -> Running {
        let files = try Workspace()
        let (output, errors) = (try files.write("output", ""), try files.write("errors", ""))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        // Files, not pipes: a full pipe would stop the process.
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
        try process.run()
        return Running(process: process, files: files)
    }

    struct Running {
        let process: Process
        let files: Workspace

        func wait() -> Outcome {
            process.waitUntilExit()
            let code =
                process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
            return Outcome(
                code: code, output: (try? files.read("output")) ?? "",
                errors: (try? files.read("errors")) ?? "")
        }
    }
}
