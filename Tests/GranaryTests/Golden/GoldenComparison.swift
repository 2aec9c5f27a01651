import Granary
import TestSupport
import Testing

/// A snapshot of a golden index beside the documents that it must hold.
struct GoldenComparison {
    private let snapshot: Snapshot
    private let recipe: GoldenRecipe
    private let documents: [Document]
    /// The same documents with a number for each token: weights are such that sums are exact, so that any
    /// numbers do.
    private let numbered: [Document]
    private let numberOfToken: [String: UInt32]
    private let bruteForce: BruteForce

    init(_ snapshot: Snapshot, _ recipe: GoldenRecipe, _ documents: [Document]) throws {
        self.snapshot = snapshot
        self.recipe = recipe
        self.documents = documents
        let tokens = Set(documents.flatMap(\.sparse.weightOfToken.keys)).sorted()
        let numbers = Dictionary(uniqueKeysWithValues: zip(tokens, UInt32(0)...))
        numberOfToken = numbers
        numbered = try documents.map { document in
            var document = document
            document.sparse = try Self.numbered(document.sparse, numbers)
            return document
        }
        bruteForce = BruteForce(numbered)
    }

    private static func numbered(_ vector: SparseVector, _ numbers: [String: UInt32]) throws -> SparseVector {
        guard case .tokens(let tokens, let weights) = vector.entries else { return vector }
        return try SparseVector(components: tokens.map { numbers[$0] ?? .max }, weights: weights)
    }

    /// Compares all that there is.
    func expectAll() throws {
        try snapshot.verify(.full)
        try expectDocuments()
        try expectSparseAnswers()
        try expectDenseAnswers()
        try expectFilters()
    }

    private func expectDocuments() throws {
        #expect(snapshot.documentCount == documents.count)
        var found: [Document] = []
        try snapshot.forEachDocument { found.append($0) }
        #expect(found.map(\.id) == documents.map(\.id))
        for (stored, wanted) in zip(found, documents) {
            let isSame = stored == wanted
            #expect(isSame, "document \(wanted.id)")
            let byID = try snapshot.document(id: wanted.id)
            #expect(byID?.payload == wanted.payload && byID?.dense == wanted.dense)
            #expect(try snapshot.payload(id: wanted.id) == wanted.payload)
        }
        for absent: DocumentKey in ["nobody", 123_456_789] {
            #expect(try snapshot.document(id: absent) == nil)
        }
    }

    /// Queries of a few components of a document each, with other weights.
    private func queries() throws -> [SparseVector] {
        var random = TestRandom(seed: 77)
        var queries: [SparseVector] = []
        for document in documents.prefix(24) where document.sparse.count > 0 {
            func weight() -> Float { Float(random.int(1...16)) / 8 }
            switch document.sparse.entries {
            case .tokens(let tokens, _):
                let some = tokens.shuffled(using: &random).prefix(5)
                queries.append(try SparseVector(tokens: some.map { ($0, weight()) }))
            case .components(let components, _):
                let some = components.shuffled(using: &random).prefix(5)
                queries.append(
                    try SparseVector(components: Array(some), weights: some.map { _ in weight() }))
            }
        }
        return queries
    }

    private func expectSparseAnswers() throws {
        let queries = try queries()
        var recall = 0.0
        for query in queries {
            let plain = try Self.numbered(query, numberOfToken)
            let expected = bruteForce.search(plain, k: 5)
            #expect(!expected.isEmpty)
            #expect(try snapshot.search(Query(sparse: query, k: 5, exact: true)) == expected)
            #expect(
                try snapshot.score(query, ids: expected.map(\.id)) == expected.map { Optional($0.score) })
            let hits = try snapshot.search(Query(sparse: query, k: 5, recall: 0.9))
            recall += bruteForce.recall(hits, plain, k: 5)
            // By the lists alone, which may be pruned.
            let scores = Dictionary(
                uniqueKeysWithValues: bruteForce.search(plain, k: documents.count).map { ($0.id, $0.score) })
            for hit in try snapshot.search(Query(sparse: query, k: 5, settings: .everything)) {
                #expect(scores[hit.id] == hit.score)
            }
        }
        #expect(recall >= 0.9 * Double(queries.count))
    }

    private func expectDenseAnswers() throws {
        guard let schema = recipe.schema.dense else { return }
        let stored = documents.compactMap(\.dense)
        #expect(!stored.isEmpty)
        for query in stored.prefix(6) {
            let scores = stored.map { schema.metric.definition(of: $0, for: query) }.sorted(by: >)
            let hits = try snapshot.search(
                Query(sparse: try SparseVector(components: [], weights: []), dense: query, k: 7))
            #expect(hits.count == min(7, stored.count))
            for (hit, score) in zip(hits, scores) {
                #expect(abs(Double(hit.score) - score) <= 1e-5 * max(1, abs(score)))
            }
        }
    }

    private func expectFilters() throws {
        guard let facts = recipe.facts else { return }
        let components = Set(documents.flatMap(\.sparse.weightOfComponent.keys)).sorted()
        let everything = try SparseVector(components: components, weights: components.map { _ in 1 })
        let ids = bruteForce.search(everything, k: documents.count).map(\.id)
        var random = TestRandom(seed: 78)
        for _ in 0..<60 {
            var query = Query(sparse: everything, k: documents.count, exact: true)
            let filter = facts.filter(&random)
            query.filter = filter
            #expect(try snapshot.search(query).map(\.id) == ids.filter { facts.matches($0, filter) })
        }
    }
}
