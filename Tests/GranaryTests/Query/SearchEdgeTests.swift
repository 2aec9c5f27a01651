import Granary
import TestSupport
import Testing

/// Queries at the border of what can be asked.
@Suite struct SearchEdgeTests {
    private func code(_ body: () throws -> Void) -> GranaryError.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? GranaryError)?.code }
    }

    /// Segments with blocks and with impact-ordered lists.
    private static func snapshot() throws -> Snapshot {
        let collection = try Collection.random(documents: 100, components: 50, seed: 21)
        return try TestIndex(
            collection.documents, options: .small(exactBelow: 1, blocksFrom: 30, segmentDocuments: 40)
        ).index.snapshot()
    }

    @Test func kBelowOneIsAnInvalidArgument() throws {
        let snapshot = try Self.snapshot()
        let query = try SparseVector(components: [1], weights: [1])
        for k in [0, -1, Int.min] {
            #expect(code { _ = try snapshot.search(Query(sparse: query, k: k)) } == .invalidArgument)
            #expect(
                code { _ = try snapshot.search(Query(sparse: query, k: k, exact: true)) } == .invalidArgument)
        }
    }

    @Test func settingsOutOfRangeAreAnInvalidArgument() throws {
        let snapshot = try Self.snapshot()
        let query = try SparseVector(components: [1], weights: [1])
        for recall in [0, -1, 1.01, .nan, .infinity] {
            #expect(
                code { _ = try snapshot.search(Query(sparse: query, recall: recall)) } == .invalidArgument)
        }
        let settings = [
            SearchSettings(listMass: -0.1), SearchSettings(listMass: 1.1), SearchSettings(listMass: .nan),
            SearchSettings(estimateFactor: -1), SearchSettings(estimateFactor: .nan),
            SearchSettings(estimateFactor: .infinity), SearchSettings(leastImpact: -0.1),
            SearchSettings(leastImpact: 1.1), SearchSettings(leastImpact: .nan),
        ]
        for setting in settings {
            #expect(
                code { _ = try snapshot.search(Query(sparse: query, settings: setting)) } == .invalidArgument)
        }
    }

    @Test func kBeyondTheCollectionGivesEveryDocumentThatSharesAComponent() throws {
        let snapshot = try Self.snapshot()
        let reference = try BruteForce(stored: snapshot)
        let query = try SparseVector(components: Array(0..<50), weights: [Float](repeating: 1, count: 50))
        let all = reference.search(query, k: 1000)
        #expect(all.count > 80)
        for k in [100, 101, 1 << 20, Int.max] {
            #expect(try snapshot.search(Query(sparse: query, k: k, exact: true)) == all)
            #expect(try snapshot.search(Query(sparse: query, k: k, recall: 0.9)) == all)
        }
    }

    @Test func aQueryOfUnknownComponentsOrNoneFindsNothing() throws {
        let snapshot = try Self.snapshot()
        for query in [
            try SparseVector(components: [], weights: []),
            try SparseVector(components: [4_294_967_295], weights: [1]),
            try SparseVector(components: [7000, 9_000_000], weights: [1, 65504]),
            try SparseVector(["unknown": 1, "words": 2]),
        ] {
            #expect(try snapshot.search(Query(sparse: query, exact: true)).isEmpty)
            #expect(try snapshot.search(Query(sparse: query, recall: 0.9)).isEmpty)
            #expect(try snapshot.score(query, ids: [0]) == [0])
        }
    }

    @Test func anEmptyIndexFindsNothing() throws {
        let test = try TestIndex()
        let query = try SparseVector(components: [1], weights: [1])
        #expect(try test.index.snapshot().search(Query(sparse: query, exact: true)).isEmpty)
        #expect(try test.index.snapshot().search(Query(sparse: query)).isEmpty)
        #expect(try test.index.snapshot().score(query, ids: ["a"]) == [nil])
        #expect(try test.index.snapshot().document(id: "a") == nil)
    }

    @Test(arguments: [1, 1000], [0, 1 << 30])
    func emptyVectorsAreStoredReadableAndNeverFound(_ exactBelow: Int, _ blocksFrom: Int) throws {
        let empty = try SparseVector(components: [], weights: [])
        let full = try SparseVector(components: [3, 5], weights: [1, 2])
        var documents = (0..<30).map { Document(id: .number($0), sparse: empty, payload: [UInt8($0)]) }
        documents.append(Document(id: "full", sparse: full))
        let snapshot = try TestIndex(
            documents, options: .small(exactBelow: exactBelow, blocksFrom: blocksFrom)
        ).index.snapshot()
        #expect(snapshot.documentCount == 31)
        #expect(try snapshot.document(id: 7) == documents[7])
        for query in [Query(sparse: full, k: 50, exact: true), Query(sparse: full, k: 50)] {
            #expect(try snapshot.search(query).map(\.id) == ["full"])
        }
        #expect(try snapshot.score(full, ids: [7, "full"]) == [0, 5])
        try snapshot.verify(.full)
    }

    @Test(arguments: [0, 1 << 30]) func anIndexOfEmptyVectorsOnlyWorks(_ blocksFrom: Int) throws {
        let empty = try SparseVector(components: [], weights: [])
        let snapshot = try TestIndex(
            (0..<5).map { Document(id: .number($0), sparse: empty) },
            options: .small(exactBelow: 1, blocksFrom: blocksFrom)
        ).index.snapshot()
        let query = try SparseVector(components: [1], weights: [1])
        #expect(try snapshot.search(Query(sparse: query, exact: true)).isEmpty)
        #expect(try snapshot.search(Query(sparse: query)).isEmpty)
        #expect(try snapshot.document(id: 4)?.sparse == empty)
        try snapshot.verify(.full)
    }

    @Test(arguments: [(1, 0), (1, 1 << 30), (1000, 0)], [7, 1000]) func tiesGoToTheDocumentInsertedFirst(
        _ lists: (exactBelow: Int, blocksFrom: Int), _ segmentDocuments: Int
    ) throws {
        // Documents of one vector in an order of ids that no sorting would give; other components move them
        // about.
        var documents: [Document] = []
        for number in 0..<60 {
            let other = UInt32(10 + number * 7 % 11)
            documents.append(
                Document(
                    id: .number(UInt64(number * 37 % 60)),
                    sparse: try SparseVector(components: [1, other], weights: [1.5, 1])))
        }
        let snapshot = try TestIndex(
            documents,
            options: .small(
                exactBelow: lists.exactBelow, blocksFrom: lists.blocksFrom,
                segmentDocuments: segmentDocuments)
        ).index.snapshot()
        let query = try SparseVector(components: [1], weights: [2])
        for k in [1, 5, 60, 100] {
            let hits = try snapshot.search(Query(sparse: query, k: k, exact: true))
            #expect(hits.map(\.id) == documents.prefix(k).map(\.id))
            #expect(hits.allSatisfy { $0.score == 3 })
        }
    }

    @Test(arguments: WeightType.allCases, [0, 1 << 30])
    func largestWeightsGiveFiniteScores(_ weights: WeightType, _ blocksFrom: Int) throws {
        let largest = SparseVector.maximumWeight
        let vector = try SparseVector(components: [1, 2], weights: [largest, largest])
        let snapshot = try TestIndex(
            (0..<40).map { Document(id: .number($0), sparse: vector) }, schema: Schema(weights: weights),
            options: .small(exactBelow: 1, blocksFrom: blocksFrom)
        ).index.snapshot()
        for query in [Query(sparse: vector, k: 3, exact: true), Query(sparse: vector, k: 3)] {
            let hits = try snapshot.search(query)
            #expect(query.accuracy != .exact || hits.map(\.id) == [0, 1, 2])
            let expected = largest * largest * 2
            #expect(hits.count == 3 && hits.allSatisfy { abs($0.score - expected) <= 1e-6 * expected })
        }
    }

    @Test(arguments: WeightType.allCases, [0, 1 << 30])
    func smallestWeightsAreFoundByExactSearch(_ weights: WeightType, _ blocksFrom: Int) throws {
        // The smallest float16 is 2^-24: its code is 0, only the rest of the weight tells it.
        let tiny = Float(Float16.leastNonzeroMagnitude)
        let documents = try (0..<40).map {
            Document(
                id: .number(UInt64($0)),
                sparse: try SparseVector(components: [1], weights: [tiny * Float(1 + $0 % 20)]))
        }
        let snapshot = try TestIndex(
            documents, schema: Schema(weights: weights),
            options: .small(exactBelow: 1, blocksFrom: blocksFrom)
        ).index.snapshot()
        let query = try SparseVector(components: [1], weights: [1])
        let reference = try BruteForce(stored: snapshot)
        for k in [1, 10, 100] {
            #expect(
                try snapshot.search(Query(sparse: query, k: k, exact: true)) == reference.search(query, k: k))
        }
    }
}
