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
}
