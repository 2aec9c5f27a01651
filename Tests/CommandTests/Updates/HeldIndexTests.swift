import Foundation
import Granary
import Testing

/// Commands without the rights of root, who may write everywhere.
private enum Others {
    /// What takes from root the right to pass over permissions.
    private static let drop = ["--bounding-set=-dac_override,-dac_read_search"]

    /// Whether a process can be without.
    static let areThere =
        geteuid() != 0 || (try? Executable.run(drop + ["true"], name: "setpriv").code) == 0

    /// Runs `granary` so.
    static func run(_ arguments: [String]) throws -> Executable.Outcome {
        guard geteuid() == 0 else { return try Executable.run(arguments) }
        return try Executable.run(drop + [Executable.path("granary")] + arguments, name: "setpriv")
    }

    static func permit(_ permissions: Int, _ path: String) throws {
        try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: path)
    }
}

/// Commands on an index that another writer has, or that may only be read.
@Suite struct HeldIndexTests {
    /// Every command that takes an index for itself, with arguments that would change it.
    private func changes(_ index: CommandIndex) throws -> [[String]] {
        let files = index.files
        let part = try CommandIndex.build(files, [CommandIndex.line("a", ["x": 5])], name: "part")
        return [
            ["add", "--input", files.file("part.jsonl")],
            ["delete", "--ids", try files.write("ids", "d1\n")],
            ["merge"], ["repair"], ["repair", "--apply"],
            ["attach", "--from", part.path],
            ["detach", "--segments", try #require(try index.segments().first), "--to", files.file("old")],
        ]
    }

    private func build(_ files: Workspace) throws -> CommandIndex {
        let lines = (0..<6).map { CommandIndex.line("d\($0)", ["x": 1]) }
        return try CommandIndex.build(files, lines, "--segment-documents", "2")
    }

    @Test("While another writes, changes are refused at once and hear who it is; reading goes on")
    func locked() throws {
        let files = try Workspace()
        let index = try build(files)
        let writer = try Index.open(at: index.path).writer()
        defer { writer.close() }
        let holder = "process \(ProcessInfo.processInfo.processIdentifier)"
        for arguments in try changes(index) {
            let outcome = try index.attempt(arguments[0], Array(arguments.dropFirst()))
            #expect(outcome.code == 1, "\(arguments): \(outcome)")
            #expect(outcome.errors.hasPrefix("granary: locked: "), "\(arguments): \(outcome)")
            #expect(outcome.errors.contains(holder), "\(outcome.errors)")
            #expect(outcome.errors.contains(index.path), "\(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
        #expect(!files.exists("old"))
        try index.run("stats")
        try index.run("backup", ["--to", files.file("backup")])
        #expect(try index.documents().count == 6)
        try index.verify()
    }

    @Test(
        "In a directory that may not be written, changes are refused and name the file; reading goes on",
        .enabled(if: Others.areThere, "root may do all, and has no setpriv"))
    func readOnly() throws {
        let files = try Workspace()
        let index = try build(files)
        let arguments = try changes(index)
        let before = try index.bytes()
        for name in try files.names(index.name) { try Others.permit(0o444, "\(index.path)/\(name)") }
        try Others.permit(0o555, index.path)
        defer { try? Others.permit(0o755, index.path) }
        for arguments in arguments {
            let outcome = try Others.run([arguments[0], "--index", index.path] + arguments.dropFirst())
            #expect(outcome.code == 1, "\(arguments): \(outcome)")
            #expect(outcome.errors.hasPrefix("granary: permission denied: "), "\(arguments): \(outcome)")
            #expect(outcome.errors.contains(index.path + "/"), "\(outcome.errors)")
        }
        for command in ["stats", "verify", "export"] {
            let outcome = try Others.run([command, "--index", index.path])
            #expect(outcome.code == 0, "\(command): \(outcome)")
        }
        #expect(try Others.run(["backup", "--index", index.path, "--to", files.file("backup")]).code == 0)
        #expect(try index.bytes() == before)
        #expect(!files.exists("old"))
    }
}
