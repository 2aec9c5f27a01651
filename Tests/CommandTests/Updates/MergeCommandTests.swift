import Foundation
import Testing

/// `granary merge`, and `granary stats` of what it works on.
@Suite struct MergeCommandTests {
    /// An index of several segments, some of their documents deleted or replaced.
    private func build() throws -> CommandIndex {
        let lines = (0..<60).map { CommandIndex.line("d\($0)", ["x": Double($0 + 1) / 4, "y\($0 % 7)": 2]) }
        let index = try CommandIndex.build(Workspace(), lines, "--segment-documents", "10")
        try index.add(["d1", "d31"].map { CommandIndex.line($0, ["z": 1]) }, "--no-merge")
        try index.delete(["d2", "d3", "d59"])
        return index
    }

    private func answers(_ index: CommandIndex) throws -> String {
        let queries = try index.files.write(
            "q.jsonl", ["x", "y3", "z"].map { "{\"vector\": {\"\($0)\": 1, \"y5\": 0.5}}\n" }.joined())
        return try index.run("search", ["--queries", queries, "--exact", "--json", "-k", "60"]).output
    }

    @Test("One segment is left, without the deleted, and with the same documents and answers")
    func mergesAll() throws {
        let index = try build()
        let (documents, answered) = (try index.documents(), try answers(index))
        let exported = try index.run("export").output
        let before = try index.json("stats")
        #expect(before["segmentCount"] as? Int == 7)
        #expect(before["deadDocuments"] as? Int == 5)
        let said = try index.json("merge")
        #expect(said["segmentsBefore"] as? Int == 7)
        #expect(said["segments"] as? Int == 1)
        #expect(said["deadBefore"] as? Int == 5)
        #expect(said["dead"] as? Int == 0)
        #expect(said["documents"] as? Int == 57)
        #expect(said["bytesBefore"] as? Int == before["bytesOnDisk"] as? Int)
        let after = try index.json("stats")
        #expect(said["bytes"] as? Int == after["bytesOnDisk"] as? Int)
        #expect((said["bytes"] as? Int ?? .max) < (said["bytesBefore"] as? Int ?? 0))
        #expect(after["segmentCount"] as? Int == 1)
        #expect(after["deadDocuments"] as? Int == 0)
        #expect(try index.documents() == documents)
        #expect(try index.run("export").output == exported, "in the same order")
        #expect(try answers(index) == answered)
        try index.verify()
    }

    @Test("No more segments are left than asked for, and a merge with nothing to do changes nothing")
    func mergesSome() throws {
        let index = try build()
        let documents = try index.documents()
        let said = try index.run("merge", ["--to", "3", "--threads", "1"])
        #expect(said.output.hasPrefix("7 segments of "), "\(said)")
        #expect(try (2...3).contains(index.segments().count), "and not many fewer, which costs more")
        let before = try index.bytes()
        let again = try index.run("merge", ["--to", "3"])
        #expect(again.output.contains("0 deleted documents dropped"), "\(again)")
        #expect(try index.bytes() == before)
        #expect(try index.documents() == documents)
    }

    @Test("Statistics name every segment, what is deleted in it, and its sections when asked")
    func statistics() throws {
        let index = try build()
        let report = try index.json("stats")
        let segments = try #require(report["segments"] as? [[String: Any]])
        #expect(segments.map { $0["documents"] as? Int ?? 0 }.sorted() == [2, 10, 10, 10, 10, 10, 10])
        #expect(segments.reduce(0) { $0 + ($1["dead"] as? Int ?? 0) } == 5)
        let text = try index.run("stats").output
        #expect(text.contains("documents    57\n"))
        #expect(text.contains("deleted      5 (8.1 %)\n"), "\(text)")
        for name in try index.segments() {
            #expect(text.contains("\nsegment \(name), "))
            #expect(try index.files.names(index.name).contains { $0.hasPrefix(name) })
        }
        #expect(!text.contains("  blocks/rows"))
        let long = try index.run("stats", ["--sections"]).output
        #expect(long.components(separatedBy: "  blocks/rows").count == 8)
    }
}
