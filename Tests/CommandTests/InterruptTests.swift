import Foundation
import Testing

/// Ctrl-C during a build and a search.
@Suite struct InterruptTests {
    @Test("An interrupted build leaves nothing behind", arguments: [SIGINT, SIGTERM, SIGHUP])
    func leavesNothing(_ signal: Int32) throws {
        let files = try Workspace()
        let running = try Self.build(files, rows: 400_000)
        running.interrupt(by: signal)
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

    @Test(
        "A search stops while its queries are transposed, and leaves nothing behind",
        .enabled(if: FileManager.default.isReadableFile(atPath: "/proc/self/io")))
    func search() throws {
        let files = try Workspace()
        let input = try files.write("in.jsonl", #"{"vector": {"x": 1}}"# + "\n")
        let built = try Executable.run("build", "--index", files.file("index"), "--input", input)
        try #require(built.code == 0, "\(built)")
        // Version 1, and the number of lists. Each byte of the hole behind is a list without postings.
        let lists: UInt64 = 1 << 28
        let header: [UInt8] = [8, 1, 16, 0x80, 0x80, 0x80, 0x80, 1]
        let queries = try files.write("q.ciff", [UInt8(header.count)] + header)
        try files.extend("q.ciff", to: UInt64(1 + header.count) + lists)
        let running = try Executable.start(
            ["search", "--index", files.file("index"), "--queries", queries, "--run", files.file("run")])
        // Nothing else of what it reads is as long.
        while running.process.isRunning, try Self.bytesRead(running.process) < 8 << 20 { usleep(2000) }
        running.interrupt()
        #expect(try files.names() == ["in.jsonl", "index", "q.ciff"])
    }

    /// Bytes that a process has read by calls of the system; none when it has ended.
    private static func bytesRead(_ process: Process) throws -> Int {
        let counts = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/io", encoding: .utf8)
        let line = counts?.split(separator: "\n").first { $0.hasPrefix("rchar: ") }
        return line.flatMap { Int($0.dropFirst(7)) } ?? 0
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
