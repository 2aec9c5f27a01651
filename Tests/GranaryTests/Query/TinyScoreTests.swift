import Granary
import TestSupport
import Testing

@Suite struct TinyScoreTests {
    /// Products near the smallest floats lose all digits in light scores, which once hid the documents.
    @Test(arguments: [0x1p-143, 0x1p-133, 1e-30, 1e-10] as [Float], WeightType.allCases)
    func anExactSearchFindsWhatHasAnyScore(weight: Float, type: WeightType) throws {
        let documents = try (0..<20).map { number in
            Document(
                id: .number(UInt64(number)),
                sparse: try SparseVector(components: [7, 8], weights: [0.01 + Float(number) / 40, 1]))
        }
        let snapshot = try TestIndex(documents, schema: Schema(weights: type)).index.snapshot()
        let query = try SparseVector(components: [7], weights: [weight])
        let scores = try snapshot.score(query, ids: documents.map(\.id)).compactMap { $0 }
        let hits = try snapshot.search(Query(sparse: query, k: 20, exact: true))
        #expect(hits.map(\.score) == scores.filter { $0 > 0 }.sorted(by: >))
        #expect(!hits.isEmpty)
    }

    /// Estimates near the smallest floats once fell between the two parts of the order of blocks.
    @Test(
        arguments: [(0x1p-136, 0x1p-143), (1e-38, 1e-41), (1e-30, 1e-36), (1, 0x1p-143)] as [(Float, Float)],
        [0, 1 << 30])
    func everyDocumentIsFoundHoweverSmallItsEstimate(weights: (Float, Float), blocksFrom: Int) throws {
        let documents = try (0..<40).map { number in
            let components: [UInt32] = number % 4 == 0 ? [7, 20] : number % 4 == 1 ? [8, 20] : [20, 21]
            return Document(
                id: .number(UInt64(number)),
                sparse: try SparseVector(components: components, weights: [2, 1]))
        }
        let snapshot = try TestIndex(
            documents, options: .small(exactBelow: 1, blocksFrom: blocksFrom)
        ).index.snapshot()
        let query = try SparseVector(components: [7, 8], weights: [weights.0, weights.1])
        for settings in [SearchSettings.everything, SearchSettings(listMass: 0.1)] {
            let hits = try snapshot.search(Query(sparse: query, k: 20, settings: settings))
            #expect(hits.count == 20)
        }
    }
}
