import Foundation
import Testing

/// The built executable: what it prints, and how it ends.
@Suite struct CommandLineTests {
    private static let documents = """
        {"id": "oil", "vector": {"oil": 2, "crisis": 1}, "text": "The oil crisis"}
        {"id": "olive", "vector": {"oil": 1, "olive": 3}, "payload": {"text": "Olive oil"}}
        {"id": "bank", "vector": {"bank": 2, "crisis": 1.5}}
        {"id": "empty", "vector": {}}

        """
    private static let queries = """
        {"id": "q1", "vector": {"oil": 1, "crisis": 0.5}, "text": "oil?"}
        {"id": "q2", "vector": {"unknown": 1}}

        """

    private func build(_ files: Workspace, _ options: String...) throws -> Executable.Outcome {
        let input = try files.write("in.jsonl", Self.documents)
        return try Executable.run(["build", "--index", files.file("index"), "--input", input] + options)
    }

    @Test("Documents become an index that answers, in text")
    func answersInText() throws {
        let files = try Workspace()
        let built = try build(files)
        #expect(built.code == 0, "\(built.errors)")
        #expect(built.output.contains("4 documents"))
        #expect(built.errors.isEmpty)
        let queries = try files.write("q.jsonl", Self.queries)
        let found = try Executable.run("search", "--index", files.file("index"), "--queries", queries)
        #expect(found.code == 0, "\(found.errors)")
        #expect(found.lines.first == "q1  oil?")
        #expect(found.output.contains("  1.   2.5000  oil  The oil crisis"))
        #expect(found.output.contains("  2.   1.0000  olive  Olive oil"))
        #expect(found.output.contains("q2\n  no hits"))
    }

    /// A line of `search --json`.
    private struct Answer: Decodable {
        struct Hit: Decodable {
            struct Term: Decodable {
                var token: String
                var product: Float
            }
            var id: String
            var score: Float
            var payload: [String: String]?
            var terms: [Term]?
        }
        var id: String
        var hits: [Hit]
    }

    @Test("Answers for programs are JSON, with payloads and what each token adds")
    func answersInJSON() throws {
        let files = try Workspace()
        #expect(try build(files).code == 0)
        let queries = try files.write("q.jsonl", Self.queries)
        let found = try Executable.run(
            "search", "--index", files.file("index"), "--queries", queries, "--json", "--explain", "-k",
            "1000000")
        let answers = try found.lines.map { try JSONDecoder().decode(Answer.self, from: Data($0.utf8)) }
        #expect(answers.map(\.id) == ["q1", "q2"])
        #expect(answers[0].hits.map(\.id) == ["oil", "olive", "bank"])
        #expect(answers[0].hits.map(\.score) == [2.5, 1, 0.75])
        #expect(answers[0].hits[0].payload == ["text": "The oil crisis"])
        #expect(answers[0].hits[1].payload == ["text": "Olive oil"])
        #expect(answers[0].hits[2].payload == nil)
        #expect(Set(answers[0].hits[0].terms?.map(\.token) ?? []) == ["oil", "crisis"])
        for hit in answers[0].hits { #expect(hit.terms?.reduce(0) { $0 + $1.product } == hit.score) }
        #expect(answers[1].hits.isEmpty)
    }

    @Test("A run is written, evaluated by judgements, and has no lines for a query without hits")
    func evaluatesRun() throws {
        let files = try Workspace()
        #expect(try build(files).code == 0)
        let queries = try files.write("q.jsonl", Self.queries)
        let searched = try Executable.run(
            "search", "--index", files.file("index"), "--queries", queries, "--run", files.file("run"),
            "--exact")
        #expect(searched.code == 0, "\(searched.errors)")
        #expect(searched.output.isEmpty)
        #expect(
            try files.read("run")
                == "q1 Q0 oil 1 2.5 granary\nq1 Q0 olive 2 1 granary\nq1 Q0 bank 3 0.75 granary\n")
        let qrels = try files.write("qrels", "q1 0 olive 1\n")
        let text = try Executable.run("eval", "--run", files.file("run"), "--qrels", qrels)
        #expect(
            text.lines == ["nDCG@10     0.6309", "MRR@10      0.5000", "recall@100  1.0000", "queries     1"])
        let json = try Executable.run(
            "eval", "--run", files.file("run"), "--qrels", qrels, "-k", "1", "--json")
        #expect(json.output == "{\"queries\": 1, \"nDCG@1\": 0.0, \"MRR@1\": 0.0, \"recall@100\": 1.0}\n")
    }

    @Test("Statistics and verification describe the index, and a flipped bit is found")
    func describes() throws {
        let files = try Workspace()
        #expect(try build(files, "--weights", "float32", "--compression", "lz4").code == 0)
        let stats = try Executable.run("stats", "--index", files.file("index"), "--json")
        let object = try JSONSerialization.jsonObject(with: Data(stats.output.utf8)) as? [String: Any]
        #expect(object?["documents"] as? Int == 4)
        #expect(object?["weights"] as? String == "float32")
        #expect(object?["hasVocabulary"] as? Bool == true)
        #expect(try Executable.run("stats", "--index", files.file("index")).output.contains("documents    4"))
        let verified = try Executable.run("verify", "--index", files.file("index"), "--full", "--json")
        #expect(verified.output == "{\"level\": \"full\", \"generation\": 2, \"documents\": 4}\n")
        let name = try #require(try files.names("index").first { $0.hasSuffix(".blocks") })
        let url = URL(fileURLWithPath: files.file("index/" + name))
        var bytes = try Data(contentsOf: url)
        bytes[4096] ^= 1
        try bytes.write(to: url)
        let damaged = try Executable.run("verify", "--index", files.file("index"), "--full")
        #expect(damaged.code == 1)
        #expect(damaged.errors.contains(name), "\(damaged.errors)")
        #expect(damaged.output.isEmpty)
    }

    @Test("Damage that changes what is printed is an error with --verify-reads")
    func verifiesReads() throws {
        let files = try Workspace()
        #expect(try build(files).code == 0)
        let queries = try files.write("q.jsonl", Self.queries)
        let search = ["search", "--index", files.file("index"), "--queries", queries]
        let export = ["export", "--index", files.file("index")]
        let sound = try [search, export].map { try Executable.run($0).output }
        #expect(try [search, export].map { try Executable.run($0 + ["--verify-reads"]).output } == sound)
        let name = try #require(try files.names("index").first { $0.hasSuffix(".blocks") })
        let url = URL(fileURLWithPath: files.file("index/" + name))
        var bytes = try Data(contentsOf: url)
        // An id and a token.
        for place in bytes.ranges(of: Data("bank".utf8)) { bytes[place.lowerBound] ^= 1 }
        try bytes.write(to: url)
        for (command, answer) in zip([search, export], sound) {
            let unseen = try Executable.run(command)
            #expect(unseen.code == 0 && unseen.output != answer)
            let seen = try Executable.run(command + ["--verify-reads"])
            #expect(seen.code == 1 && seen.errors.contains(name), "\(seen.errors)")
        }
    }

    @Test("The last of the documents with one id wins, with a warning")
    func replacesDuplicates() throws {
        let files = try Workspace()
        let input = try files.write(
            "in.jsonl",
            ["a\",\"vector\":{\"x\":1}}", "b\",\"vector\":{\"x\":1}}", "a\",\"vector\":{\"x\":3}}"]
                .map { "{\"id\":\"\($0)\n" }.joined()
        )
        let built = try Executable.run("build", "--index", files.file("index"), "--input", input, "--json")
        #expect(built.code == 0)
        #expect(built.output.hasPrefix("{\"documents\": 2, \"rows\": 3, \"replaced\": 1,"), "\(built.output)")
        #expect(built.errors.contains("warning: 1 documents"))
        let exported = try Executable.run("export", "--index", files.file("index"))
        #expect(
            exported.lines.sorted() == [
                "{\"id\": \"a\", \"vector\": {\"x\": 3.0}}", "{\"id\": \"b\", \"vector\": {\"x\": 1.0}}",
            ])
    }

    @Test(
        "Bad usage ends with 64",
        arguments: [
            ["search", "--index", "x", "--queries", "q.jsonl", "-k", "0"],
            ["search", "--index", "x", "--queries", "q.jsonl", "--recall", "0"],
            ["search", "--index", "x", "--queries", "q.jsonl", "--recall", "1.5"],
            ["search", "--index", "x", "--queries", "q.jsonl", "--recall", "0.9", "--exact"],
            ["search", "--index", "x", "--queries", "q.jsonl", "--threads", "0"],
            ["search", "--queries", "q.jsonl"], ["build", "--index", "x"],
            ["build", "--index", "x", "--input"],
            ["build", "--index", "x", "--input", "a.jsonl", "--memory", "much"],
            ["build", "--index", "x", "--input", "a.jsonl", "--memory", "1M"],
            ["build", "--index", "x", "--input", "a.jsonl", "--weights", "float8"],
            ["build", "--index", "x", "--input", "a.jsonl", "--segment-documents", "0"],
            ["build", "--index", "x", "--input", "a.unknown"], ["eval", "--run", "r"],
            ["eval", "--run", "r", "--qrels", "q", "--truth", "t"],
            ["eval", "--run", "r", "--qrels", "q", "-k", "0"],
            ["export", "--index", "x", "--format", "parquet"], ["nonsense"],
            ["build", "--index", "x", "--input", "a.jsonl", "--dense", "a.bin"],
            ["build", "--index", "x", "--input", "a.jsonl", "--dense-format", "npy"],
            ["build", "--index", "x", "--input", "a.jsonl", "--dense", "a.npy", "--ignore-dense"],
            ["build", "--index", "x", "--input", "a.jsonl", "--dense-dimensions", "8193"],
            ["build", "--index", "x", "--input", "a.jsonl", "--metric", "innerProduct"],
            ["build", "--index", "x", "--input", "a.jsonl", "--dense-element", "float64"],
            ["search", "--index", "x", "--queries", "q.jsonl", "--candidates", "0"],
            ["search", "--index", "x", "--queries", "q.jsonl", "--fusion", "linear"],
            ["search", "--index", "x", "--queries", "q.jsonl", "--dense-queries", "q"],
            ["export", "--index", "x", "--dense", "a.bin"],
            ["export", "--index", "x", "--dense-format", "npy"],
        ])
    func refusesUsage(_ arguments: [String]) throws {
        let outcome = try Executable.run(arguments)
        #expect(outcome.code == 64, "\(outcome)")
        #expect(!outcome.errors.isEmpty)
        #expect(outcome.output.isEmpty)
    }

    @Test("Help is on standard output, for every command, with an example")
    func helps() throws {
        for command in [[], ["build"], ["search"], ["eval"], ["stats"], ["verify"], ["export"]] {
            let outcome = try Executable.run(command + ["--help"])
            #expect(outcome.code == 0)
            #expect(outcome.output.contains("EXAMPLE"), "\(command)")
            #expect(outcome.errors.isEmpty)
        }
    }

    @Test("What is not there ends with 1")
    func reportsMissing() throws {
        let files = try Workspace()
        let queries = try files.write("q.jsonl", Self.queries)
        try FileManager.default.createDirectory(
            atPath: files.file("empty"), withIntermediateDirectories: false)
        let missing = files.file("missing")
        for arguments in [
            ["search", "--index", missing, "--queries", queries], ["stats", "--index", missing],
            ["verify", "--index", files.file("empty")], ["export", "--index", files.file("empty")],
            ["build", "--index", files.file("index"), "--input", missing + ".jsonl"],
            ["build", "--index", missing + "/deep", "--input", queries],
            ["eval", "--run", missing, "--qrels", missing],
        ] {
            let outcome = try Executable.run(arguments)
            #expect(outcome.code == 1, "\(arguments): \(outcome)")
            #expect(outcome.errors.hasPrefix("granary: "))
        }
        #expect(!files.exists("index"))
    }
}
