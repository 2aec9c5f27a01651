import Foundation
import Testing

/// Ctrl-C while an index is being changed.
@Suite struct InterruptedUpdateTests {
    /// The input of a build and of additions, a thousand documents alike: to cluster them is the longest work
    /// that there is for a merge.
    private func input(_ files: Workspace) throws -> String {
        let terms = (0..<60).map { "\"token\($0)\": 0.25" }.joined(separator: ", ")
        return try files.write("in.jsonl", String(repeating: "{\"vector\": {\(terms)}}\n", count: 1000))
    }

    private func start(_ index: CommandIndex, _ arguments: [String]) throws -> Executable.Running {
        let running = try Executable.start([arguments[0], "--index", index.path] + arguments.dropFirst())
        // The lock says who has it.
        let stamp = "process \(running.process.processIdentifier) "
        while running.process.isRunning {
            if let lock = try? index.files.read("\(index.name)/LOCK"), lock.contains(stamp) { break }
            usleep(2000)
        }
        return running
    }

    @Test("An interrupted addition leaves what it has committed, and says how much that is")
    func addition() throws {
        let files = try Workspace()
        let index = try CommandIndex.build(files, [CommandIndex.line("first", ["x": 1])])
        let input = [String](repeating: try input(files), count: 400)
        let running = try start(index, ["add", "--commit-every", "100", "--no-merge", "--input"] + input)
        // Two commits at least: each makes a segment.
        while running.process.isRunning,
            try files.names(index.name).count(where: { $0.hasSuffix(".summary") }) < 4
        { usleep(2000) }
        running.interrupt()
        let said = try running.files.read("errors")
        let numbers = said.matches(of: #/\d+/#).compactMap { Int($0.output) }
        try #require(numbers.count == 2, "\(said)")
        #expect(said.contains("the first \(numbers[0]) documents are committed"), "\(said)")
        #expect(numbers[0] >= 200 && numbers[0] % 100 == 0)
        let stats = try index.json("stats")
        #expect(stats["documents"] as? Int == 1 + numbers[0])
        #expect(stats["generation"] as? Int == numbers[1])
        try index.verify()
        // The lock is free.
        #expect(try index.delete(["first"])["deleted"] as? Int == 1)
    }

    @Test("An addition that is interrupted before its commit leaves the index as it was")
    func uncommitted() throws {
        let files = try Workspace()
        let index = try CommandIndex.build(files, [CommandIndex.line("first", ["x": 1])])
        let before = try index.bytes()
        let input = [String](repeating: try input(files), count: 400)
        try start(index, ["add", "--input"] + input).interrupt()
        #expect(try index.documents() == ["first": ["x": 1]])
        #expect(try index.bytes() == before)
        try index.verify()
    }

    @Test("An interrupted merge leaves all documents, and the next one goes on")
    func merge() throws {
        let files = try Workspace()
        let index = CommandIndex(files: files, name: "index")
        let input = [String](repeating: try input(files), count: 4)
        try index.run("build", ["--segment-documents", "900", "--input"] + input)
        let before = try index.segments()
        #expect(before.count == 5)
        try start(index, ["merge"]).interrupt()
        #expect(try index.segments() == before)
        #expect(try index.documents().count == 4000)
        try index.verify()
        let said = try index.json("merge", ["--to", "4"])
        #expect((said["segments"] as? Int ?? .max) <= 4)
        #expect(said["documents"] as? Int == 4000)
    }
}
