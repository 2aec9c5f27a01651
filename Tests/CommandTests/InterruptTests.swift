import Foundation
import Testing

/// Ctrl-C during a build.
@Suite struct InterruptTests {
    @Test("An interrupted build leaves nothing behind", arguments: [SIGINT, SIGTERM, SIGHUP])
    func leavesNothing(_ signal: Int32) throws {
        let files = try Workspace()
        // Enough to read for seconds, by an executable that is not optimised or by one that is.
        let terms = (0..<60).map { "\"token\($0)\": 0.25" }.joined(separator: ", ")
        let lines = (0..<1000).map { _ in "{\"vector\": {\(terms)}}\n" }.joined()
        let input = try files.write("in.jsonl", lines)
        let running = try Executable.start(
            ["build", "--index", files.file("index"), "--input"] + [String](repeating: input, count: 400))
        // The manifest is there before the first document is read.
        while running.process.isRunning, try !Self.hasManifest(files) { usleep(2000) }
        #expect(running.process.isRunning)
        kill(running.process.processIdentifier, signal)
        let outcome = running.wait()
        #expect(outcome.code == 1, "\(outcome)")
        #expect(outcome.errors.contains("cancelled"), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
        #expect(try files.names() == ["in.jsonl"])
    }

    private static func hasManifest(_ files: Workspace) throws -> Bool {
        guard files.exists("index") else { return false }
        return try files.names("index").contains { $0.hasPrefix("MANIFEST-") && !$0.hasSuffix("tmp") }
    }
}
