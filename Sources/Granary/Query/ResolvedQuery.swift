import GranaryStorage

/// A query in terms of the components of an index, in ascending order: the order in which products are added.
struct ResolvedQuery: Sendable {
    let components: [UInt32]
    let weights: [Float]

    /// The score of stored weights at the query's components: the definition of a score.
    ///
    /// Products are rounded to float32 and added in float32 in ascending order of component. Components that
    /// the document lacks have weight 0 and change nothing, so every path and every segment gives the same
    /// bits.
    func score(_ stored: [Float]) -> Float {
        var sum: Float = 0
        for position in weights.indices { sum += weights[position] * stored[position] }
        return sum
    }
}

/// A resolved query as one segment sees it: the components that it has, by local number.
struct SegmentQuery {
    /// Local components, ascending.
    private(set) var locals: [UInt32] = []
    /// By position in `locals`: the position in the query.
    private(set) var positions: [UInt16] = []
    /// By position in `locals`: the query's weight.
    private(set) var weights: [Float] = []

    init(_ query: ResolvedQuery, _ segment: borrowing SegmentReader) {
        let found = segment.names.locals(of: query.components)
        locals.reserveCapacity(found.count)
        positions.reserveCapacity(found.count)
        weights.reserveCapacity(found.count)
        for pair in found {
            let position = UInt16(truncatingIfNeeded: pair)
            locals.append(UInt32(truncatingIfNeeded: pair >> 32))
            positions.append(position)
            weights.append(query.weights[Int(position)])
        }
    }
}
