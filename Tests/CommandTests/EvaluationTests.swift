import CommandSupport
import Granary
import Testing

/// Runs, judgements and what they are worth.
@Suite struct EvaluationTests {
    // Ties, scores that differ in float64 only, grades, a negative grade, an unjudged document, a judged
    // query without a run (q4), a run without a judgement (q5), a query without a relevant document (q7).
    private static let run = """
        q1 Q0 d3 1 9.5 t
        q1 Q0 d1 2 9.5 t
        q1 Q0 d2 3 7.250000001 t
        q1 Q0 d9 4 7.25 t
        q1 Q0 d4 5 3 t
        q2 Q0 d5 1 2.0 t
        q2 Q0 d6 2 1.5 t
        q2 Q0 d7 3 1.0 t
        q2 Q0 d8 4 0.5 t
        q3 Q0 d1 1 1.0 t
        q5 Q0 d1 1 1.0 t
        q6 Q0 d2 1 5 t
        q6 Q0 d1 2 5 t

        """
    private static let judgements = """
        q1 0 d1 2
        q1 0 d2 1
        q1 0 d9 3
        q1 0 d4 0
        q1 0 d77 1
        q2 0 d7 1
        q2 0 d8 3
        q2 0 d6 -1
        q3 0 d2 1
        q4 0 d1 1
        q6 0 d1 1
        q7 0 d1 0

        """

    // Source: ir_measures 0.4.3 with pytrec-eval-terrier 0.5.11, command `ir_measures qrels run nDCG@k RR@k
    // R@100 -p 16`.
    @Test(
        "Figures are those of ir_measures",
        arguments: [
            (10, [0.2898845306159308, 0.3888888888888888, 0.4583333333333333]),
            (3, [0.2247719230419371, 0.3888888888888888, 0.4583333333333333]),
            (2, [0.1545019440895538, 0.3333333333333333, 0.4583333333333333]),
        ])
    func agreesWithReference(k: Int, expected: [Double]) throws {
        let files = try Workspace()
        let evaluation = Evaluation(
            run: try RunFile.read(try files.write("run", Self.run)),
            judgements: try Judgements.read(try files.write("qrels", Self.judgements)), k: k)
        #expect(evaluation.queries == 6)
        #expect(evaluation.values.map(\.name) == ["nDCG@\(k)", "MRR@\(k)", "recall@100"])
        for (value, reference) in zip(evaluation.values.map(\.value), expected) {
            #expect(abs(value - reference) < 1e-12, "\(value), not \(reference)")
        }
    }

    @Test("Recall stops at the hundredth document")
    func cutsRecall() {
        let entries = (0..<200).map { RunEntry(document: "d\($0)", score: Double(200 - $0)) }
        let evaluation = Evaluation(run: ["q": entries], judgements: ["q": ["d99": 1, "d100": 1]], k: 10)
        #expect(evaluation.values.last?.value == 0.5)
    }

    private func truth(_ ids: [[Int32]], _ scores: [[Float]]) throws -> GroundTruth {
        var bytes = [UInt32(ids.count), UInt32(ids[0].count)].flatMap { Matrix.little($0) }
        bytes += ids.joined().flatMap { Matrix.little($0) }
        bytes += scores.joined().flatMap { Matrix.little($0.bitPattern) }
        return try GroundTruth.open("gt", fileSystem: try MemoryFileSystem.with("gt", bytes))
    }

    @Test("Recall against a truth counts ties at the last place as right, and missing queries as wrong")
    func measuresRecall() throws {
        let truth = try truth([[5, 6, 7], [1, 2, 3]], [[3, 2, 2], [9, 8, 7]])
        let tied = ["0": [RunEntry(document: "5", score: 3), RunEntry(document: "7", score: 2)]]
        #expect(
            try Evaluation(run: tied, truth: truth, k: 2, queryRows: nil, documentRows: nil).values[0].value
                == 0.5)
        let names = ["x": [RunEntry(document: "b", score: 3), RunEntry(document: "c", score: 2)]]
        let rows = ["a": 1, "b": 2, "c": 4]
        let evaluation = try Evaluation(
            run: names, truth: truth, k: 2, queryRows: ["x": 1], documentRows: rows)
        #expect(evaluation.values[0].value == 0.25)
        #expect(evaluation.queries == 2)
    }

    @Test("A row of a truth without k answers is complete with those it has")
    func measuresShortTruth() throws {
        let truth = try truth([[4, -1]], [[1, 0]])
        let run = ["0": [RunEntry(document: "4", score: 1)]]
        #expect(
            try Evaluation(run: run, truth: truth, k: 2, queryRows: nil, documentRows: nil).values[0].value
                == 1)
    }

    @Test("Names that have no row, and a k beyond the truth, are errors")
    func refusesUnknownNames() throws {
        let truth = try truth([[4, 5]], [[2, 1]])
        func code(_ query: String, _ document: String, k: Int = 1) -> GranaryError.Code? {
            granaryError { () throws(GranaryError) in
                _ = try Evaluation(
                    run: [query: [RunEntry(document: document, score: 1)]], truth: truth, k: k,
                    queryRows: nil,
                    documentRows: nil)
            }?.code
        }
        #expect(code("0", "4") == nil)
        #expect(code("1", "4") == .malformedInput)
        #expect(code("-1", "4") == .malformedInput)
        #expect(code("x", "4") == .malformedInput)
        #expect(code("0", "x") == .malformedInput)
        #expect(code("0", "4", k: 3) == .invalidArgument)
    }

    @Test(
        "Lines of a run that are wrong are named",
        arguments: [
            "q Q0 d 1 2.5", "q Q0 d 1 2.5 t more", "q Q0 d 1 x t", "q Q0 d 1 nan t", "q Q0 d 1 inf t",
            "q Q0 a 2 1 t",
        ])
    func refusesRunLines(_ line: String) throws {
        let files = try Workspace()
        let path = try files.write("run", "q Q0 a 1 3 t\n\(line)\n")
        let error = granaryError { () throws(GranaryError) in _ = try RunFile.read(path) }
        #expect(error?.code == .malformedInput)
        #expect(error?.line == 2)
    }

    @Test(
        "Lines of judgements that are wrong are named",
        arguments: ["q 0 d", "q 0 d 1 1", "q 0 d 1.5", "q 0 d x"])
    func refusesJudgementLines(_ line: String) throws {
        let files = try Workspace()
        let path = try files.write("qrels", "q 0 a 1\n\n\(line)\n")
        let error = granaryError { () throws(GranaryError) in _ = try Judgements.read(path) }
        #expect(error?.code == .malformedInput)
        #expect(error?.line == 3)
    }

    @Test("A run keeps the order of its hits in any tool, and its scores to a step of float32 for each tie")
    func writesRun() throws {
        let hits = [
            Hit(id: "z", score: 1.2345678), Hit(id: "a", score: 1.2345678), Hit(id: 7, score: 1.2345678),
            Hit(id: "b", score: 1.2345676), Hit(id: "c", score: 0.1),
        ]
        let text = try RunFile.lines(query: "q", hits: hits)
        let fields = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(fields.map { $0[2] } == ["z", "a", "7", "b", "c"])
        #expect(fields.map { $0[3] } == ["1", "2", "3", "4", "5"])
        #expect(fields.allSatisfy { $0.count == 6 && $0[0] == "q" && $0[1] == "Q0" && $0[5] == "granary" })
        let scores = fields.compactMap { Float($0[4]) }
        #expect(scores == scores.sorted(by: >))
        #expect(Set(scores).count == hits.count)
        #expect(scores[0] == hits[0].score)
        #expect(scores[1] == hits[1].score.nextDown)
        #expect(scores[4] == hits[4].score)
    }

    @Test("Nine digits bring every float32 back")
    func writesScores() {
        let seed: UInt64 = 21
        var random = SeededGenerator(seed: seed)
        for _ in 0..<5000 {
            let score = Float(bitPattern: UInt32.random(in: 1..<0x7F80_0000, using: &random))
            #expect(Float(RunFile.score(score)) == score, "seed \(seed)")
        }
    }

    @Test("An id with white space has no place in a run")
    func refusesSpaces() {
        for id in ["a b", "a\tb", "a\u{A0}b", "\n"] {
            let inHit = granaryError { () throws(GranaryError) in
                _ = try RunFile.lines(query: "q", hits: [Hit(id: .string(id), score: 1)])
            }
            let inQuery = granaryError { () throws(GranaryError) in
                _ = try RunFile.lines(query: .string(id), hits: [Hit(id: "a", score: 1)])
            }
            #expect(inHit?.code == .invalidArgument)
            #expect(inQuery?.code == .invalidArgument)
        }
    }
}
