import Foundation
import Testing

/// `granary add`.
@Suite struct AddCommandTests {
    private typealias Line = CommandIndex

    private static let base = [
        Line.line("oil", ["oil": 2, "crisis": 1]), Line.line("bank", ["bank": 2, "crisis": 1.5]),
    ]

    @Test("New documents come in, ones with a known id replace it, and a search finds them")
    func addsAndReplaces() throws {
        let index = try CommandIndex.build(Workspace(), Self.base)
        let said = try index.add([Line.line("oil", ["olive": 4]), Line.line("gas", ["gas": 3])])
        #expect(said["added"] as? Int == 2)
        #expect(said["replaced"] as? Int == 1)
        #expect(said["documents"] as? Int == 3)
        #expect(said["commits"] as? Int == 1)
        #expect(
            try index.documents()
                == ["oil": ["olive": 4], "gas": ["gas": 3], "bank": ["bank": 2, "crisis": 1.5]])
        let queries = try index.files.write(
            "q.jsonl", [Line.line("new", ["olive": 1]), Line.line("old", ["oil": 1])].joined(separator: "\n"))
        try index.run("search", ["--queries", queries, "--run", index.files.file("run")])
        #expect(try index.files.read("run") == "new Q0 oil 1 4 granary\n")
        try index.verify()
    }

    @Test("People read what was added, in how many commits, and how many documents there are")
    func saysInText() throws {
        let index = try CommandIndex.build(Workspace(), Self.base)
        let input = try index.files.write("in.jsonl", Line.line("oil", ["oil": 1]) + "\n" + Self.base[1])
        let outcome = try index.run("add", ["--input", input, "--commit-every", "1", "--no-merge"])
        #expect(outcome.output.contains("2 documents added, 2 of them in the place of others"))
        #expect(outcome.output.contains("2 documents in generation 4 (\(index.path))"), "\(outcome)")
        #expect(outcome.output.contains("\n2 commits"))
        #expect(outcome.errors.isEmpty)
    }

    @Test("A bad line leaves the index as it was; with --commit-every what is committed stays, and is told")
    func badLine() throws {
        let index = try CommandIndex.build(Workspace(), Self.base)
        let before = try index.documents()
        let lines = ["a", "b", "c", "d", "e"].map { Line.line($0, ["x": 1]) } + ["{\"id\": \"f\"}"]
        let input = try index.files.write("in.jsonl", lines.joined(separator: "\n"))
        let whole = try index.attempt("add", ["--input", input])
        #expect(whole.code == 65)
        #expect(whole.errors.contains("in.jsonl, line 6"), "\(whole.errors)")
        #expect(whole.output.isEmpty)
        #expect(try index.documents() == before)
        let parts = try index.attempt("add", ["--input", input, "--commit-every", "2", "--json"])
        #expect(parts.code == 65)
        #expect(parts.errors.contains("the first 4 documents are committed, with generation 4"), "\(parts)")
        #expect(parts.errors.contains("in.jsonl, line 6"))
        #expect(parts.output.isEmpty)
        #expect(try index.documents().keys.sorted() == ["a", "b", "bank", "c", "d", "oil"])
        try index.verify()
    }

    @Test("Rows without ids replace those that an earlier input numbered")
    func numbersRows() throws {
        let index = try CommandIndex.build(Workspace(), [1, 2].map { "{\"vector\": {\"x\": \($0)}}" })
        #expect(try index.add(["{\"vector\": {\"x\": 8}}"])["replaced"] as? Int == 1)
        #expect(try index.documents() == ["0": ["x": 8], "1": ["x": 2]])
    }

    @Test("A note of how far the input is read comes back, and stays when a later input brings none")
    func userData() throws {
        let index = try CommandIndex.build(Workspace(), Self.base)
        let note = "day 7 \u{1b}[31m é"
        try index.add([Line.line("a", ["x": 1])], "--user-data", note)
        #expect(try index.json("stats")["userData"] as? String == note)
        let shown = try index.run("stats").output
        #expect(shown.contains("\(note.utf8.count) bytes: day 7 \\u{1b}[31m é"), "\(shown)")
        #expect(!shown.contains("\u{1b}"), "no commands to the terminal")
        try index.add([Line.line("b", ["x": 1])])
        #expect(try index.json("stats")["userData"] as? String == note)
        // No documents, but a commit of their end.
        try index.add([], "--user-data", "end")
        #expect(try index.json("stats")["userData"] as? String == "end")
        #expect(try index.documents().count == 4)
    }

    @Test("Segments are merged at the end when that is due, and left with --no-merge")
    func merges() throws {
        let index = try CommandIndex.build(Workspace(), Self.base)
        let lines = (0..<24).map { Line.line("d\($0)", ["x": Double($0 + 1)]) }
        let left = try index.add(lines, "--commit-every", "1", "--no-merge")
        #expect(left["merges"] as? Int == 0)
        #expect(left["segments"] as? Int == 25)
        #expect(try index.segments().count == 25)
        let merged = try index.add([Line.line("last", ["x": 9])])
        #expect((merged["merges"] as? Int ?? 0) > 0)
        #expect(try index.segments().count < 12)
        #expect(try index.documents().count == 27)
        try index.verify()
    }

    @Test("What is no index is told apart from what is no input")
    func namesWhatIsMissing() throws {
        let files = try Workspace()
        let index = try CommandIndex.build(files, Self.base)
        let nowhere = CommandIndex(files: files, name: "nowhere")
        let first = try nowhere.attempt("add", ["--input", files.file("index.jsonl")])
        #expect(first.code == 1)
        #expect(first.errors.contains("granary build") && first.errors.contains(nowhere.path), "\(first)")
        #expect(!files.exists("nowhere"))
        let second = try index.attempt("add", ["--input", files.file("absent.jsonl")])
        #expect(second.code == 1)
        #expect(second.errors.contains("absent.jsonl"), "\(second)")
    }

    @Test("After additions, deletes and merges in random order the index has what a dictionary has")
    func anyOrder() throws {
        let seed: UInt64 = 61
        var random = SeededGenerator(seed: seed)
        let index = try CommandIndex.build(Workspace(), [])
        var expected = CommandIndex.Documents()
        for round in 0..<12 {
            let ids = (0..<Int.random(in: 1...20, using: &random)).map { _ in
                "d\(Int.random(in: 0..<40, using: &random))"
            }
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                let said = try index.delete(ids)
                let known = Set(ids).filter { expected.removeValue(forKey: $0) != nil }
                #expect(said["deleted"] as? Int == known.count, "round \(round), seed \(seed)")
                #expect(said["missing"] as? Int == Set(ids).count - known.count, "round \(round)")
            case 1:
                let most = Int.random(in: 1...3, using: &random)
                let said = try index.json("merge", ["--to", "\(most)"])
                #expect((said["segments"] as? Int ?? .max) <= most, "round \(round), seed \(seed)")
            default:
                let vectors = ids.map { ($0, ["x": Double(round + 1), "y\($0)": 0.5]) }
                for (id, vector) in vectors { expected[id] = vector }
                try index.add(vectors.map { Line.line($0, $1) }, "--commit-every", "7", "--no-merge")
            }
            #expect(try index.documents() == expected, "round \(round), seed \(seed)")
        }
        try index.verify()
    }
}
