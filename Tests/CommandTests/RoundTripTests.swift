import Foundation
import Testing

/// Index → file → index.
@Suite struct RoundTripTests {
    private static func collection(_ random: inout SeededGenerator, rows: Int) -> [[(Int32, Float)]] {
        (0..<rows).map { _ in
            var vector: [Int32: Float] = [:]
            for _ in 0..<Int.random(in: 0...30, using: &random) {
                vector[Int32.random(in: 0..<300, using: &random)] =
                    Float(Int.random(in: 1...300, using: &random)) / 100
            }
            return vector.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }
    }

    private func build(_ files: Workspace, _ index: String, _ input: String, _ options: [String] = []) throws
    {
        let outcome = try Executable.run(
            ["build", "--index", files.file(index), "--input", files.file(input)] + options)
        #expect(outcome.code == 0, "\(outcome.errors)")
    }

    private func answers(_ files: Workspace, _ index: String, _ queries: String) throws -> String {
        let outcome = try Executable.run(
            "search", "--index", files.file(index), "--queries", files.file(queries), "--exact", "--json",
            "-k", "20")
        #expect(outcome.code == 0, "\(outcome.errors)")
        return outcome.output
    }

    private func export(_ files: Workspace, _ index: String, _ options: [String]) throws {
        let outcome = try Executable.run(["export", "--index", files.file(index)] + options)
        #expect(outcome.code == 0, "\(outcome.errors)")
    }

    @Test("A numbered index comes back from JSON lines and from a matrix", arguments: ["float16", "float32"])
    func numberedIndex(weights: String) throws {
        let seed: UInt64 = 31
        var random = SeededGenerator(seed: seed)
        let files = try Workspace()
        _ = try files.write("base.csr", Matrix(columns: 300, Self.collection(&random, rows: 400)).bytes)
        _ = try files.write("q.csr", Matrix(columns: 300, Self.collection(&random, rows: 30)).bytes)
        let options = ["--weights", weights]
        try build(files, "index", "base.csr", options)
        let expected = try answers(files, "index", "q.csr")
        try export(files, "index", ["--output", files.file("out.jsonl")])
        try build(files, "fromLines", "out.jsonl", options + ["--decimal-tokens"])
        #expect(try answers(files, "fromLines", "q.csr") == expected, "seed \(seed)")
        try export(files, "index", ["--format", "csr", "--output", files.file("out.csr")])
        try build(files, "fromMatrix", "out.csr", options)
        #expect(try answers(files, "fromMatrix", "q.csr") == expected, "seed \(seed)")
        if weights == "float32" {
            #expect(
                try Data(contentsOf: URL(fileURLWithPath: files.file("out.csr"))).dropFirst(24)
                    == Data(contentsOf: URL(fileURLWithPath: files.file("base.csr"))).dropFirst(24))
        }
    }

    @Test("A named index comes back from JSON lines, and from a matrix with ids and vocabulary")
    func namedIndex() throws {
        let seed: UInt64 = 37
        var random = SeededGenerator(seed: seed)
        let files = try Workspace()
        func lines(_ rows: Int, _ prefix: String) -> String {
            Self.collection(&random, rows: rows).enumerated().map { row, vector in
                // Weights of one binary place: sums have the same bits in any order.
                let terms = vector.map { "\"t \\\"\($0)é\": \(Float(Int($1 * 2) + 1) / 2)" }
                return
                    "{\"id\": \"\(prefix)\(row)\", \"text\": \"\(row)\", "
                    + "\"vector\": {\(terms.joined(separator: ", "))}}\n"
            }.joined()
        }
        _ = try files.write("base.jsonl", lines(400, "d"))
        _ = try files.write("q.jsonl", lines(30, "q"))
        try build(files, "index", "base.jsonl")
        let expected = try answers(files, "index", "q.jsonl")
        #expect(expected.contains("\"payload\""))
        try export(files, "index", ["--output", files.file("out.jsonl")])
        try build(files, "fromLines", "out.jsonl")
        #expect(try answers(files, "fromLines", "q.jsonl") == expected, "seed \(seed)")
        let again = try Executable.run("export", "--index", files.file("fromLines"))
        #expect(try again.output == files.read("out.jsonl"))
        try export(
            files, "index",
            [
                "--format", "csr", "--output", files.file("out.csr"), "--ids", files.file("out.ids"),
                "--vocabulary",
                files.file("out.txt"),
            ])
        try build(
            files, "fromMatrix", "out.csr",
            ["--ids", files.file("out.ids"), "--vocabulary", files.file("out.txt")])
        let bare = expected.replacing(#/, "payload": {"text":"\d+"}/#, with: "")
        #expect(try answers(files, "fromMatrix", "q.jsonl") == bare, "seed \(seed)")
    }

    @Test("Several small segments answer as one does")
    func segments() throws {
        let seed: UInt64 = 41
        var random = SeededGenerator(seed: seed)
        let files = try Workspace()
        _ = try files.write("base.csr", Matrix(columns: 300, Self.collection(&random, rows: 400)).bytes)
        _ = try files.write("q.csr", Matrix(columns: 300, Self.collection(&random, rows: 30)).bytes)
        try build(files, "one", "base.csr")
        try build(files, "many", "base.csr", ["--segment-documents", "60"])
        #expect(try files.names("many").count { $0.hasSuffix(".blocks") } == 7)
        #expect(try answers(files, "many", "q.csr") == answers(files, "one", "q.csr"), "seed \(seed)")
    }

    @Test("An exact search finds what a truth has, through ids")
    func truth() throws {
        let files = try Workspace()
        _ = try files.write("base.csr", Matrix(columns: 3, [[(0, 1)], [(0, 3), (1, 1)], [(1, 2)]]).bytes)
        _ = try files.write("base.ids", "a\nb\nc\n")
        _ = try files.write("q.csr", Matrix(columns: 3, [[(0, 1)], [(1, 1)]]).bytes)
        _ = try files.write("q.ids", "x\ny\n")
        let rows = [Int32(1), 0, 2, 1].flatMap { Matrix.little($0) }
        let scores = [Float(3), 1, 2, 1].flatMap { Matrix.little($0.bitPattern) }
        _ = try files.write("truth.gt", [UInt32(2), 2].flatMap { Matrix.little($0) } + rows + scores)
        try build(files, "index", "base.csr", ["--ids", files.file("base.ids")])
        let searched = try Executable.run(
            "search", "--index", files.file("index"), "--queries", files.file("q.csr"), "--ids",
            files.file("q.ids"),
            "--exact", "--run", files.file("run"))
        #expect(searched.code == 0, "\(searched.errors)")
        let evaluated = try Executable.run(
            "eval", "--run", files.file("run"), "--truth", files.file("truth.gt"), "--ids",
            files.file("base.ids"),
            "--query-ids", files.file("q.ids"), "-k", "2")
        #expect(evaluated.lines == ["recall@2    1.0000", "queries     2"])
        let unnamed = try Executable.run(
            "eval", "--run", files.file("run"), "--truth", files.file("truth.gt"), "-k", "2")
        #expect(unnamed.code == 65)
    }

    @Test("An exact search of an index with blocks is brute force, ties to the row inserted first")
    func exactSearch() throws {
        let seed: UInt64 = 43
        var random = SeededGenerator(seed: seed)
        let files = try Workspace()
        // Quarters: sums and products have the same bits in any order.
        func rows(_ count: Int, _ random: inout SeededGenerator) -> [[(Int32, Float)]] {
            Self.collection(&random, rows: count).map { $0.map { ($0.0, Float(Int($0.1 * 4) + 1) / 4) } }
        }
        let (documents, queries) = (rows(1200, &random), rows(10, &random))
        _ = try files.write("base.csr", Matrix(columns: 300, documents).bytes)
        _ = try files.write("q.csr", Matrix(columns: 300, queries).bytes)
        try build(files, "index", "base.csr")
        let searched = try Executable.run(
            "search", "--index", files.file("index"), "--queries", files.file("q.csr"), "--exact", "-k", "50",
            "--run", files.file("run"))
        #expect(searched.code == 0, "\(searched.errors)")
        let found = try files.read("run").split(separator: "\n").map { $0.split(separator: " ")[0...2] }
        for (number, query) in queries.enumerated() {
            let weights = Dictionary(uniqueKeysWithValues: query)
            let scores = documents.map { $0.reduce(Float(0)) { $0 + $1.1 * weights[$1.0, default: 0] } }
            let best = scores.indices.filter { scores[$0] > 0 }
                .sorted { (scores[$0], $1) > (scores[$1], $0) }.prefix(50)
            let hits = found.filter { $0[0] == "\(number)" }.map { "\($0[2])" }
            #expect(hits == best.map { "\($0)" }, "query \(number), seed \(seed)")
        }
    }
}
