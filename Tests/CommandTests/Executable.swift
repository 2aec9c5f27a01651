import Foundation
import Testing

/// The built executables, run as processes.
enum Executable {
    /// What a process left.
    struct Outcome {
        var code: Int32
        var output: String
        var errors: String

        /// The lines of standard output.
        var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    /// The path of one: executables are beside the test bundle, or the system's.
    static func path(_ name: String) -> String {
        let bundles = [
            Bundle.main.executableURL, Bundle.main.bundleURL, URL(fileURLWithPath: CommandLine.arguments[0]),
        ]
        for bundle in bundles.compactMap({ $0 }) {
            var directory = bundle.resolvingSymlinksInPath()
            for _ in 0..<4 {
                directory = directory.deletingLastPathComponent()
                let candidate = directory.appendingPathComponent(name).path
                if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
            }
        }
        let system = ["/usr/bin/\(name)", "/bin/\(name)"]
        return system.first { FileManager.default.isExecutableFile(atPath: $0) } ?? name
    }

    /// Runs `granary` to its end.
    static func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

    /// Runs one to its end.
    static func run(_ arguments: [String], name: String = "granary") throws -> Outcome {
        let running = try start(arguments, name: name)
        return running.wait()
    }

    /// Starts one.
    ///
    /// - Parameter ignored: a signal that it is started without hearing, as by nohup.
    static func start(
        _ arguments: [String], name: String = "granary", ignoring ignored: String? = nil
    ) throws -> Running {
        let files = try Workspace()
        let (output, errors) = (try files.write("output", ""), try files.write("errors", ""))
        let process = Process()
        if let ignored {
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "trap '' \(ignored); exec \"$@\"", "sh", path(name)] + arguments
        } else {
            process.executableURL = URL(fileURLWithPath: path(name))
            process.arguments = arguments
        }
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

        /// Ends it by a signal while it works: it says that it was cancelled, and nothing else.
        func interrupt(by signal: Int32 = SIGINT) {
            #expect(process.isRunning)
            kill(process.processIdentifier, signal)
            let outcome = wait()
            #expect(outcome.code == 1, "\(outcome)")
            #expect(outcome.errors.contains("cancelled"), "\(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
    }
}
