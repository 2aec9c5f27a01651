import Foundation
import Testing

/// Ctrl-C during a build.
@Suite struct InterruptTests {
    @Test("An interrupted build leaves nothing behind", arguments: [SIGINT, SIGTERM, SIGHUP])
    func leavesNothing(_ signal: Int32) throws {
        let files = try Workspace()
        let running = try Self.build(files, rows: 400_000)
        #expect(running.process.isRunning)
        kill(running.process.processIdentifier, signal)
        let outcome = running.wait()
        #expect(outcome.code == 1, "\(outcome)")
        #expect(outcome.errors.contains("cancelled"), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
        #expect(try files.names() == ["in.jsonl"])
    }

    @Test("A build that is started to outlive its terminal does")
    func outlivesTerminal() throws {
        let files = try Workspace()
        let running = try Self.build(files, rows: 4000, ignoring: "HUP")
        kill(running.process.processIdentifier, SIGHUP)
        let outcome = running.wait()
        #expect(outcome.code == 0, "\(outcome)")
        #expect(outcome.output.contains("4000 documents"))
    }

    /// Starts a build that reads for seconds, by an executable that is not optimised or by one that is, and
    /// waits for it to begin.
    private static func build(
        _ files: Workspace, rows: Int, ignoring ignored: String? = nil
    ) throws -> Executable.Running {
        let terms = (0..<60).map { "\"token\($0)\": 0.25" }.joined(separator: ", ")
        let lines = (0..<1000).map { _ in "{\"vector\": {\(terms)}}\n" }.joined()
        let input = try files.write("in.jsonl", lines)
        let running = try Executable.start(
            ["build", "--index", files.file("index"), "--input"]
                + [String](repeating: input, count: rows / 1000) + ["--segment-documents", "900"],
            ignoring: ignored)
        // The manifest is there before the first document is read.
        while running.process.isRunning, try !hasManifest(files) { usleep(2000) }
        return running
    }

    private static func hasManifest(_ files: Workspace) throws -> Bool {
        guard files.exists("index") else { return false }
        return try files.names("index").contains { $0.hasPrefix("MANIFEST-") && !$0.hasSuffix("tmp") }
    }
}
