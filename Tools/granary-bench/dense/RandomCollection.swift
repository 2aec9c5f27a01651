import Granary

/// Documents whose vectors are random: each follows from its number.
struct RandomCollection {
    let documents: Int
    let dimensions: Int
    /// Documents that have a component, by its kind. A document has two components of each kind; those of the
    /// first are the strongest, so that they decide which documents lie together, and no query asks for them.
    private static let listLengths = [2000, 400, 2000]
    /// Components of a query.
    private static let asked = 4

    /// The components of a kind.
    private func components(_ kind: Int) -> Range<UInt32> {
        let counts = Self.listLengths.map { UInt32(max(2 * Self.asked, 2 * documents / $0)) }
        let start = counts[..<kind].reduce(0, +)
        return start..<start + counts[kind]
    }

    func document(_ number: Int) throws -> Document {
        var random = SeededGenerator(seed: UInt64(number))
        var weights: [UInt32: Float] = [:]
        for kind in Self.listLengths.indices {
            while weights.count < 2 * (kind + 1) {
                weights[UInt32.random(in: components(kind), using: &random)] =
                    kind == 0 ? 3 : Float.random(in: 0.5..<1, using: &random)
            }
        }
        let sparse = try SparseVector(components: Array(weights.keys), weights: Array(weights.values))
        return Document(id: .number(UInt64(number)), sparse: sparse, dense: vector(&random))
    }

    /// A query whose candidates lie all over; no two have the same.
    func query(_ number: Int, candidates: Int) throws -> Query {
        var random = SeededGenerator(seed: UInt64(documents + number))
        let kind = candidates < Self.listLengths[1] / 2 ? 1 : 2
        let components = components(kind)
        let first = components.lowerBound + UInt32(Self.asked * number % (components.count - Self.asked))
        let sparse = try SparseVector(
            components: (0..<UInt32(Self.asked)).map { first + $0 },
            weights: [Float](repeating: 1, count: Self.asked))
        var query = Query(sparse: sparse, dense: vector(&random), candidates: candidates)
        query.accuracy = .settings(SearchSettings(listMass: 1, estimateFactor: 0.1))
        return query
    }

    private func vector(_ random: inout SeededGenerator) -> [Float] {
        (0..<dimensions).map { _ in Float(Int32(truncatingIfNeeded: random.next() >> 32)) * 0x1p-31 }
    }
}
