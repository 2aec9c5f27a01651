import Granary
import TestSupport
import Testing

/// Exact search against a brute-force reference, in every layout that a segment can have.
@Suite struct ExactSearchTests {
    /// How an index is laid out.
    struct Layout: Sendable, CustomTestStringConvertible {
        var weights: WeightType
        var exactBelow: Int
        var blocksFrom = 0
        var segmentDocuments: Int
        var components: Int
        var stride: UInt32

        var testDescription: String {
            "\(weights), lists from \(exactBelow), blocks from \(blocksFrom), \(segmentDocuments) a segment, \(components) components × \(stride)"
        }
    }

    static let layouts: [Layout] = WeightType.allCases.flatMap { weights in
        [(1000, 10_000), (1, 10_000), (1, 170), (1000, 170), (120, 170)].map { exactBelow, segmentDocuments in
            Layout(
                weights: weights, exactBelow: exactBelow, segmentDocuments: segmentDocuments, components: 300,
                stride: 1)
        } + [
            Layout(
                weights: weights, exactBelow: 1, segmentDocuments: 10_000, components: 300, stride: 14_000_000
            ),
            Layout(
                weights: weights, exactBelow: 1, blocksFrom: 1 << 30, segmentDocuments: 10_000,
                components: 300,
                stride: 1),
            Layout(
                weights: weights, exactBelow: 1, blocksFrom: 150, segmentDocuments: 170, components: 300,
                stride: 14_000_000),
        ]
    }

    @Test(arguments: layouts) func exactSearchIsBruteForceOverTheStoredWeights(_ layout: Layout) throws {
        let collection = try Collection.random(
            documents: 450, components: layout.components, stride: layout.stride, seed: 11)
        let test = try TestIndex(
            collection.documents, schema: Schema(weights: layout.weights),
            options: .small(
                exactBelow: layout.exactBelow, blocksFrom: layout.blocksFrom,
                segmentDocuments: layout.segmentDocuments))
        let snapshot = try test.index.snapshot()
        #expect(
            snapshot.statistics().segments.count == (450 + layout.segmentDocuments - 1)
                / layout.segmentDocuments)
        let reference = try BruteForce(stored: snapshot)
        for query in collection.queries {
            for k in [1, 10, 1000] {
                let expected = reference.search(query, k: k)
                #expect(try snapshot.search(Query(sparse: query, k: k, exact: true)) == expected)
                #expect(try snapshot.search(Query(sparse: query, k: k, recall: 1)) == expected)
                for (hit, score) in zip(expected, reference.scores(query, k: k)) {
                    #expect(abs(Double(hit.score) - score) <= 1e-6 * score)
                }
            }
        }
    }

    @Test(arguments: WeightType.allCases, [0, 1 << 30])
    func everyPathGivesTheSameBits(_ weights: WeightType, _ blocksFrom: Int) throws {
        let collection = try Collection.random(documents: 400, components: 200, seed: 12)
        let one = try TestIndex(
            collection.documents, schema: Schema(weights: weights),
            options: .small(exactBelow: 1, blocksFrom: blocksFrom)
        ).index.snapshot()
        for query in collection.queries {
            let exact = try one.search(Query(sparse: query, k: 400, exact: true))
            let scoreOf = Dictionary(uniqueKeysWithValues: exact.map { ($0.id, $0.score) })
            let settings = SearchSettings.everything
            for hit in try one.search(Query(sparse: query, k: 10, settings: settings)) {
                #expect(scoreOf[hit.id] == hit.score)
            }
            for hit in try one.search(Query(sparse: query, k: 10, recall: 0.8)) {
                #expect(scoreOf[hit.id] == hit.score)
            }
            let ids = collection.documents.map(\.id)
            for (id, score) in zip(ids, try one.score(query, ids: ids)) {
                #expect(score == scoreOf[id] ?? 0)
                let explanation = try #require(try one.explain(query, id: id))
                #expect(explanation.score == score)
                #expect(explanation.terms.reduce(0) { $0 + $1.product } == score)
            }
        }
    }

    @Test(arguments: [WeightType.float16, .float32]) func manySegmentsGiveTheBitsOfOne(_ weights: WeightType)
        throws
    {
        let collection = try Collection.random(documents: 500, components: 200, seed: 13)
        func snapshot(_ segmentDocuments: Int) throws -> Snapshot {
            try TestIndex(
                collection.documents, schema: Schema(weights: weights),
                options: .small(exactBelow: 1, segmentDocuments: segmentDocuments)
            ).index.snapshot()
        }
        let (one, many) = (try snapshot(1000), try snapshot(61))
        for query in collection.queries {
            #expect(
                try one.search(Query(sparse: query, k: 20, exact: true))
                    == many.search(Query(sparse: query, k: 20, exact: true)))
        }
    }

    @Test func moreThan65536ComponentsAreFound() throws {
        var random = TestRandom(seed: 14)
        // 700 documents with 100 components of their own and some that all share: 70,100 components, 32-bit
        // numbers.
        var documents: [Document] = []
        for number in 0..<700 {
            var components = (0..<100).map { UInt32(1000 + number * 100 + $0) }
            components += [UInt32(number % 100), UInt32(200 + number % 7)]
            let weights = components.map { _ in random.float(0.01...3) }
            documents.append(
                Document(
                    id: .number(UInt64(number)),
                    sparse: try SparseVector(components: components, weights: weights)))
        }
        let test = try TestIndex(documents, options: .small(exactBelow: 1, calibrationQueries: 4))
        let snapshot = try test.index.snapshot()
        #expect(snapshot.statistics().segments.first?.components == 70_107)
        let reference = try BruteForce(stored: snapshot)
        for number in stride(from: 0, to: 700, by: 50) {
            let query = try SparseVector(
                components: [
                    UInt32(number % 100), UInt32(200 + number % 7), UInt32(1000 + number * 100 + 37), 71_099,
                ],
                weights: [1, 0.3, 2, 0.7])
            #expect(
                try snapshot.search(Query(sparse: query, k: 15, exact: true))
                    == reference.search(query, k: 15))
            let all = SearchSettings.everything
            let approximate = try snapshot.search(Query(sparse: query, k: 15, settings: all))
            #expect(approximate.first == reference.search(query, k: 1).first)
            let hits = Dictionary(
                uniqueKeysWithValues: reference.search(query, k: 700).map { ($0.id, $0.score) })
            for hit in approximate { #expect(hits[hit.id] == hit.score) }
        }
        try snapshot.verify(.full)
    }
}
