@testable import Granary
import TestSupport
import Testing

/// How a segment numbers its documents.
@Suite struct NumberingTests {
    @Test(arguments: WeightType.allCases)
    func documentsOfImpactOrderedListsLieWithThoseOfTheSameStrongestComponent(_ weights: WeightType) throws {
        let collection = try Collection.random(documents: 700, components: 60, entries: 3...9, seed: 126)
        let test = try TestIndex(
            [Document(id: "none", sparse: SparseVector([:]))] + collection.documents,
            schema: Schema(weights: weights),
            options: .small(exactBelow: 100, blocksFrom: 1 << 30))
        let segment = try #require(try test.index.snapshot().segments.first)
        #expect(segment.hasImpacts)
        let places = try (0..<UInt32(segment.documentCount)).map { ordinal in
            let entries = try segment.entries(ordinal)
            let largest = entries.weights.max()
            let position = entries.weights.firstIndex { $0 == largest }
            return (position.map { entries.components[$0] } ?? .max, segment.sequence(ordinal))
        }
        #expect(zip(places, places.dropFirst()).allSatisfy { $0 < $1 })
        #expect(places.last?.0 == .max && Set(places.map(\.0)).count > 20)
    }
}
