import Granary
import TestSupport
import Testing

/// Weights of 8 bits: a step for each component, fixed by the first documents.
@Suite struct Uint8WeightTests {
    private static let schema = Schema(weights: .uint8)

    private func document(_ id: UInt64, _ weights: [UInt32: Float]) throws(GranaryError) -> Document {
        let keys = weights.keys.sorted()
        return Document(
            id: .number(id),
            sparse: try SparseVector(components: keys, weights: keys.map { weights[$0] ?? 0 }))
    }

    private func stored(_ snapshot: Snapshot, _ id: UInt64) throws -> [UInt32: Float] {
        try snapshot.document(id: .number(id))?.sparse.weightOfComponent ?? [:]
    }

    @Test func eachComponentHasAStepOfItsOwn() throws {
        var random = TestRandom(seed: 131)
        var documents: [Document] = []
        let scales: [UInt32: Float] = [0: 0.001, 1: 1, 2: 60_000, 3: 1e-9]
        for number in 0..<200 {
            documents.append(try document(UInt64(number), scales.mapValues { $0 * random.float(0.02...1) }))
        }
        let snapshot = try TestIndex(documents, schema: Self.schema).index.snapshot()
        for component in scales.keys {
            let weights = documents.map { $0.sparse.weightOfComponent[component] ?? 0 }
            let step = (weights.max() ?? 0) / 255
            for (number, weight) in weights.enumerated() {
                let found = try #require(try stored(snapshot, UInt64(number))[component])
                #expect(abs(found - weight) <= 0.5001 * step, "component \(component) of \(number)")
            }
        }
    }

    @Test func laterSegmentsUseTheStepsOfTheFirst() throws {
        let test = try TestIndex(
            [try document(1, [0: 2.55, 1: 25.5]), try document(2, [0: 1, 1: 10])], schema: Self.schema)
        try test.write { (writer) throws(GranaryError) in
            // 0.01 a step, although nothing here is larger than 0.2; a new component gets a step of its own.
            try writer.upsert(try document(3, [0: 0.2, 1: 7.77, 5: 0.5]))
            try writer.upsert(try document(4, [0: 0.104, 5: 0.25]))
        }
        let snapshot = try test.index.snapshot()
        let (third, fourth) = (try stored(snapshot, 3), try stored(snapshot, 4))
        #expect(abs((third[0] ?? 0) - 0.2) < 1e-6)
        #expect(abs((third[1] ?? 0) - 7.8) < 1e-5)
        #expect(abs((fourth[0] ?? 0) - 0.1) < 1e-6)
        #expect(abs((fourth[5] ?? 0) - 0.25) <= 0.5001 * 0.5 / 255)
    }

    @Test func largerWeightsLaterAreShiftedNotCutOff() throws {
        let test = try TestIndex([try document(1, [0: 2.55, 1: 2.55])], schema: Self.schema)
        let larger: [Float] = [2.554, 2.6, 5, 10, 100, 2550, 65504]
        try test.write { (writer) throws(GranaryError) in
            for (number, weight) in larger.enumerated() {
                try writer.upsert(try document(UInt64(10 + number), [0: weight, 1: weight / 2]))
            }
        }
        let snapshot = try test.index.snapshot()
        for (number, weight) in larger.enumerated() {
            let found = try stored(snapshot, UInt64(10 + number))
            // Eight bits: half a step of the largest weight's power of two.
            #expect(abs((found[0] ?? 0) - weight) <= weight / 254)
            #expect(abs((found[1] ?? 0) - weight / 2) <= weight / 254)
        }
        let reference = try BruteForce(stored: snapshot)
        let query = try SparseVector(components: [0, 1], weights: [1, 0.5])
        #expect(try snapshot.search(Query(sparse: query, exact: true)) == reference.search(query, k: 10))
        try snapshot.verify(.full)
    }

    @Test(
        arguments: [.leastNonzeroMagnitude, 700 * .leastNonzeroMagnitude, .leastNormalMagnitude, 1e-30]
            as [Float]) func theSmallestWeightsAreKeptOrLeftOut(_ weight: Float)
        throws
    {
        // A step is a normal number: what is below half of the smallest rounds to 0.
        let snapshot = try TestIndex(
            [try document(1, [0: weight, 1: 1]), try document(2, [0: weight])], schema: Self.schema
        ).index.snapshot()
        for id in [1, 2] as [UInt64] {
            #expect(((try stored(snapshot, id)[0] ?? 0) > 0) == (weight >= .leastNormalMagnitude / 2))
        }
        try snapshot.verify(.full)
    }

    @Test func searchOverManySegmentsIsExact() throws {
        let collection = try Collection.random(documents: 300, components: 80, seed: 132)
        let snapshot = try TestIndex(
            collection.documents, schema: Self.schema, options: .small(exactBelow: 50, segmentDocuments: 70)
        ).index.snapshot()
        let reference = try BruteForce(stored: snapshot)
        for query in collection.queries {
            #expect(try snapshot.search(Query(sparse: query, exact: true)) == reference.search(query, k: 10))
        }
    }
}
