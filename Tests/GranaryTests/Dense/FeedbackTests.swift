import Granary
import GranaryStorage
import TestSupport
import Testing

/// Feedback queries against Rocchio's formula over dictionaries.
@Suite struct FeedbackTests {
    private static let dimensions = 9

    private static func key(_ number: Int) -> DocumentKey { .number(UInt64(number)) }

    /// 60 documents in three segments; each tenth lacks its sparse half, each seventh its dense one.
    private static func index(
        tokens: Bool = false, metric: DenseMetric = .innerProduct, seed: UInt64 = 7
    ) throws -> Snapshot {
        var random = TestRandom(seed: seed)
        let schema = DenseSchema(dimensions: dimensions, element: .float32, metric: metric)
        let test = try TestIndex(Schema(weights: .float32, dense: schema))
        for segment in 0..<3 {
            try test.write { (writer) throws(GranaryError) in
                for number in segment * 20..<segment * 20 + 20 {
                    var weights: [Int: Float] = [:]
                    for _ in 0..<(number % 10 == 0 ? 0 : 12) {
                        weights[random.int(0...39)] = random.float(0.1...3)
                    }
                    let dense = (0..<dimensions).map { _ in random.float(-2...2) }
                    try writer.upsert(
                        Document(
                            id: key(number), sparse: try vector(weights, tokens: tokens),
                            dense: number % 7 == 0 ? nil : dense))
                }
            }
        }
        return try test.index.snapshot()
    }

    private static func vector(_ weights: [Int: Float], tokens: Bool) throws(GranaryError) -> SparseVector {
        if tokens {
            return try SparseVector(tokens: weights.map { ("t\($0.key)", $0.value) })
        }
        let keys = weights.keys.sorted()
        return try SparseVector(components: keys.map { UInt32($0) }, weights: keys.map { weights[$0] ?? 0 })
    }

    /// The weights of either kind of vector, by name.
    private static func weights(_ vector: SparseVector) -> [String: Double] {
        var found: [String: Double] = [:]
        for (component, weight) in vector.weightOfComponent { found["t\(component)"] = Double(weight) }
        for (token, weight) in vector.weightOfToken { found[token] = Double(weight) }
        return found
    }

    private static func length(_ values: some Sequence<Double>) -> Double {
        values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }

    /// α query + β mean − γ mean, each document at the query's length.
    private static func rocchio(
        _ query: [String: Double], _ near: [[String: Double]], _ far: [[String: Double]], _ feedback: Feedback
    ) -> [String: Double] {
        let length = Self.length(query.values)
        var made = query.mapValues { $0 * Double(feedback.original) }
        for (rows, weight) in [(near, Double(feedback.relevant)), (far, -Double(feedback.nonRelevant))] {
            let rows = rows.filter { !$0.isEmpty }
            for row in rows {
                let scale = weight / Double(rows.count) * (length > 0 ? length : 1) / Self.length(row.values)
                for (name, value) in row { made[name, default: 0] += scale * value }
            }
        }
        return made.filter { $0.value > 0 }
    }

    private static func documents(_ ids: [DocumentKey], _ snapshot: Snapshot) throws -> [Document] {
        try ids.map { try #require(try snapshot.document(id: $0)) }
    }

    @Test(arguments: [false, true]) func isRocchioOverTheStoredRows(tokens: Bool) throws {
        let snapshot = try Self.index(tokens: tokens)
        var random = TestRandom(seed: 3)
        for round in 0..<40 {
            var asked: [Int: Float] = [:]
            for _ in 0..<round % 7 { asked[random.int(0...45)] = random.float(0.1...2) }
            let query = try Self.vector(asked, tokens: tokens)
            let near = (0..<random.int(0...5)).map { _ in Self.key(random.int(0...59)) }
            let far = (0..<random.int(0...3)).map { _ in Self.key(random.int(0...59)) }
            let feedback = Feedback(
                original: random.float(0.5...1), relevant: random.float(0...1),
                nonRelevant: random.float(0...1),
                terms: random.int(0...30), halves: .sparse)
            let made = try snapshot.feedback(Query(sparse: query), from: near, negative: far, feedback)
            let found = Self.weights(made.sparse)
            let rows = try [near, far].map {
                try Self.documents($0, snapshot).map { Self.weights($0.sparse) }
            }
            guard rows.joined().contains(where: { !$0.isEmpty }) else {
                #expect(made.sparse == query)
                continue
            }
            let wanted = Self.rocchio(Self.weights(query), rows[0], rows[1], feedback)
            for (name, weight) in found { #expect(abs(weight - (wanted[name] ?? 0)) < 1e-6 * max(1, weight)) }
            let own = wanted.keys.filter { Self.weights(query)[$0] != nil }
            #expect(own.allSatisfy { found[$0] != nil })
            #expect(found.count == max(own.count, min(wanted.count, feedback.terms)))
            let left = wanted.filter { found[$0.key] == nil }.values.max() ?? 0
            let added = found.filter { Self.weights(query)[$0.key] == nil }
            #expect(added.values.allSatisfy { $0 > left - 1e-6 })
            if tokens, found.count > 0 { #expect(made.sparse.weightOfToken.count == found.count) }
        }
    }

    @Test(arguments: DenseMetric.allCases) func isRocchioOverTheDenseVectors(_ metric: DenseMetric) throws {
        let snapshot = try Self.index(metric: metric)
        let sparse = try SparseVector(components: [1], weights: [1])
        var random = TestRandom(seed: 5)
        for _ in 0..<20 {
            let query = (0..<Self.dimensions).map { _ in random.float(-1...1) }
            let near = (0..<random.int(0...4)).map { _ in Self.key(random.int(0...59)) }
            let far = (0..<random.int(0...2)).map { _ in Self.key(random.int(0...59)) }
            let feedback = Feedback(relevant: 0.7, nonRelevant: 0.3, halves: .dense)
            let made = try snapshot.feedback(
                Query(sparse: sparse, dense: query), from: near, negative: far, feedback)
            #expect(made.sparse == sparse)
            let rows = try [near, far].map {
                try Self.documents($0, snapshot).compactMap(\.dense).map { $0.map(Double.init) }
            }
            let found = try #require(made.dense)
            if rows[0].isEmpty, rows[1].isEmpty {
                #expect(found == query)
                continue
            }
            let asked = query.map(Double.init)
            let length = metric == .cosine ? 1 : Self.length(asked)
            var wanted = metric == .cosine ? asked.map { $0 / Self.length(asked) } : asked
            var total = 1.0
            for (rows, weight) in zip(rows, [0.7, -0.3]) where !rows.isEmpty {
                total += weight
                for row in rows {
                    let scale = metric == .euclidean ? 1 : length / Self.length(row)
                    for place in wanted.indices {
                        wanted[place] += weight / Double(rows.count) * scale * row[place]
                    }
                }
            }
            if metric == .euclidean { wanted = wanted.map { $0 / total } }
            #expect(zip(found, wanted).allSatisfy { abs(Double($0) - $1) < 1e-5 })
        }
    }

    @Test func leavesAHalfThatNoDocumentAddsToAsItIs() throws {
        let snapshot = try Self.index(metric: .cosine)
        let query = Query(
            sparse: try SparseVector(components: [3, 5], weights: [1, 2]),
            dense: [Float](repeating: 1, count: 9))
        let feedback = Feedback(original: 0.5)
        #expect(try snapshot.feedback(query, from: [], feedback) == query)
        // Document 10 has only a dense vector, 7 only a sparse one.
        let dense = try snapshot.feedback(query, from: [10], feedback)
        #expect(dense.sparse == query.sparse && dense.dense != query.dense)
        let sparse = try snapshot.feedback(query, from: [7], feedback)
        #expect(sparse.sparse != query.sparse && sparse.dense == query.dense)
        // A mean is that of the documents that have the half.
        #expect(try snapshot.feedback(query, from: [7, 10], feedback).sparse == sparse.sparse)
        #expect(try snapshot.feedback(query, from: [7, 10], feedback).dense == dense.dense)
    }

    @Test func makesAHalfOnlyWhenAskedFor() throws {
        let snapshot = try Self.index(metric: .cosine)
        let none = try SparseVector(components: [], weights: [])
        let sparse = Query(sparse: try SparseVector(components: [3], weights: [1]))
        #expect(try snapshot.feedback(sparse, from: [1]).dense == nil)
        #expect(try snapshot.feedback(sparse, from: [1], Feedback(halves: .dense)).dense != nil)
        let dense = Query(sparse: none, dense: [Float](repeating: 1, count: 9))
        #expect(try snapshot.feedback(dense, from: [1]).sparse == none)
        #expect(try snapshot.feedback(dense, from: [1], Feedback(halves: .sparse)).sparse.count > 0)
        // Without a query: documents like these.
        let alike = try snapshot.feedback(Query(sparse: none), from: [1])
        #expect(alike.dense != nil && alike.sparse.count > 0)
        #expect(try snapshot.search(alike).first?.id == 1)
    }

    @Test func fillsUpWithEqualComponentsInOrderAndDropsNegativeOnes() throws {
        let test = try TestIndex(Schema(weights: .float32))
        try test.write { (writer) throws(GranaryError) in
            let even = try SparseVector(components: [9, 2, 7, 4], weights: [1, 1, 1, 1])
            try writer.upsert(Document(id: "even", sparse: even))
            try writer.upsert(
                Document(id: "bad", sparse: try SparseVector(components: [20, 2], weights: [1, 1])))
        }
        let snapshot = try test.index.snapshot()
        let query = Query(sparse: try SparseVector(components: [20, 30], weights: [1, 1]))
        let filled = try snapshot.feedback(query, from: ["even"], Feedback(relevant: 1, terms: 5)).sparse
        #expect(Set(filled.weightOfComponent.keys) == [2, 4, 7, 20, 30])
        let feedback = Feedback(relevant: 1, nonRelevant: 1.5)
        let left = try snapshot.feedback(query, from: ["even"], negative: ["bad"], feedback).sparse
        #expect(Set(left.weightOfComponent.keys) == [4, 7, 9, 30])
    }

    @Test func keepsTokensThatTheIndexDoesNotKnow() throws {
        let snapshot = try Self.index(tokens: true)
        let query = Query(sparse: try SparseVector(["t1": 1, "unknown": 3]))
        let made = try snapshot.feedback(query, from: [1], Feedback(original: 0.5, terms: 4)).sparse
        #expect(made.weightOfToken["unknown"] == 1.5)
        #expect(made.count == 4)
    }

    @Test func refusesWhatCannotBe() throws {
        let snapshot = try Self.index(metric: .euclidean)
        let sparse = try SparseVector(components: [3], weights: [1])
        let query = Query(sparse: sparse, dense: [Float](repeating: 1, count: 9))
        do throws(GranaryError) {
            _ = try snapshot.feedback(query, from: [1], negative: ["nobody"])
            Issue.record("an unknown id was taken")
        } catch { #expect(error.code == .notFound && error.message.contains("nobody")) }
        let wrong = [
            Feedback(original: -1), Feedback(relevant: .nan), Feedback(nonRelevant: .infinity),
            Feedback(terms: -1), Feedback(interpolation: .linear(weight: 1.5)),
            Feedback(interpolation: .reciprocalRank(k: -1, weight: 0.5)), Feedback(original: 0, relevant: 0),
        ]
        for feedback in wrong {
            #expect(errorCode { _ = try snapshot.feedback(query, from: [1], feedback) } == .invalidArgument)
        }
        #expect(
            errorCode { _ = try snapshot.search(query, feedback: Feedback(), from: 0) } == .invalidArgument)
        var short = query
        short.k = 0
        #expect(
            errorCode { _ = try snapshot.search(short, feedback: Feedback(), from: 3) } == .invalidArgument)
        short = Query(sparse: sparse, dense: [1])
        #expect(errorCode { _ = try snapshot.feedback(short, from: [1]) } == .invalidArgument)
        let large = Feedback(original: 70_000, halves: .sparse)
        #expect(errorCode { _ = try snapshot.feedback(query, from: [1], large) } == .invalidWeight)
        let cosine = try Self.index(metric: .cosine)
        let nothing = Feedback(original: 0, relevant: 0, halves: .dense)
        #expect(errorCode { _ = try cosine.feedback(query, from: [1], nothing) } == .invalidArgument)
    }

    @Test func searchesTwice() async throws {
        let snapshot = try Self.index()
        let sparse = try SparseVector(components: [1, 4, 6], weights: [1, 0.5, 0.7])
        let dense = (0..<Self.dimensions).map { Float($0) - 4 }
        let fused = Query(
            sparse: sparse, dense: dense, k: 8, fusion: .linear(sparse: 1, dense: 0.1), recall: 1)
        for query in [Query(sparse: sparse, k: 8, exact: true), fused] {
            let feedback = Feedback(relevant: 0.6)
            let first = try Self.search(snapshot, query)
            let made = try Self.feedback(snapshot, query, first.prefix(3).map(\.id), feedback)
            #expect(made.k == 8 && made.accuracy == query.accuracy && made.fusion == query.fusion)
            let second = try Self.search(snapshot, made)
            #expect(first != second)
            #expect(try Self.search(snapshot, query, feedback, 3) == second)
            #expect(try await snapshot.search(query, feedback: feedback, from: 3) == second)
            #expect(try await snapshot.feedback(query, from: first.prefix(3).map(\.id), feedback) == made)
        }
        let nothing = Query(sparse: try SparseVector(components: [999], weights: [1]))
        #expect(try Self.search(snapshot, nothing, Feedback(), 3) == [])
    }

    /// In an asynchronous test the synchronous calls have to be asked for.
    private static func search(_ snapshot: Snapshot, _ query: Query) throws -> [Hit] {
        try snapshot.search(query)
    }

    private static func search(
        _ snapshot: Snapshot, _ query: Query, _ feedback: Feedback, _ count: Int
    ) throws -> [Hit] { try snapshot.search(query, feedback: feedback, from: count) }

    private static func feedback(
        _ snapshot: Snapshot, _ query: Query, _ ids: [DocumentKey], _ feedback: Feedback
    ) throws -> Query { try snapshot.feedback(query, from: ids, feedback) }

    @Test(arguments: [
        Feedback.Interpolation.linear(weight: 0.4), .linear(weight: 0), .reciprocalRank(k: 60, weight: 0.3),
        .reciprocalRank(k: 0, weight: 0.5),
    ]) func joinsTheListsOfBothSearches(_ interpolation: Feedback.Interpolation) throws {
        let snapshot = try Self.index()
        var query = Query(
            sparse: try SparseVector(components: [1, 4], weights: [1, 0.5]), k: 5, exact: true)
        let feedback = Feedback(relevant: 0.8, interpolation: interpolation)
        let found = try snapshot.search(query, feedback: feedback, from: 2)
        query.k = 100
        let first = try snapshot.search(query)
        let second = try snapshot.search(
            try snapshot.feedback(query, from: first.prefix(2).map(\.id), feedback))
        var scores: [DocumentKey: Double] = [:]
        func add(_ hits: [Hit], _ weight: Double) {
            let (most, least) = (Double(hits[0].score), Double(hits[hits.count - 1].score))
            for (rank, hit) in hits.enumerated() {
                switch interpolation {
                case .linear:
                    scores[hit.id, default: 0] += weight * (Double(hit.score) - least) / (most - least)
                case .reciprocalRank(let k, _):
                    scores[hit.id, default: 0] += weight / (Double(k) + Double(rank) + 1)
                }
            }
        }
        let weight =
            switch interpolation {
            case .linear(let weight), .reciprocalRank(_, let weight): Double(weight)
            }
        add(first, 1 - weight)
        add(second, weight)
        let best = scores.values.sorted(by: >).prefix(5)
        #expect(found.count == 5)
        for (hit, score) in zip(found, best) {
            #expect(abs(Double(hit.score) - score) < 1e-6)
            #expect(abs((scores[hit.id] ?? 0) - score) < 1e-6)
        }
        #expect(Set(found.map(\.id)).count == 5)
    }

    @Test func tiesOfJoinedListsGoToTheDocumentInsertedFirst() throws {
        let test = try TestIndex(Schema(weights: .float32))
        // All are alike, so that both lists and what is made of them are ties; later segments are larger.
        for (segment, count) in [1, 3, 6].enumerated() {
            try test.write { (writer) throws(GranaryError) in
                for number in 0..<count {
                    try writer.upsert(
                        Document(
                            id: Self.key(100 * segment + number),
                            sparse: try SparseVector(components: [1, 2], weights: [1, 1])))
                }
            }
        }
        let snapshot = try test.index.snapshot()
        let query = Query(sparse: try SparseVector(components: [1], weights: [1]), k: 10, exact: true)
        let feedback = Feedback(interpolation: .linear(weight: 0.5))
        let found = try snapshot.search(query, feedback: feedback, from: 3)
        #expect(found.map(\.id) == [0, 100, 101, 102, 200, 201, 202, 203, 204, 205].map(Self.key))
    }
}
