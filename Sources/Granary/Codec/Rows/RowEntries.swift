import GranaryStorage

/// A forward row read back in full: its local components, ascending, and their stored weights.
struct RowEntries {
    private(set) var components: [UInt32] = []
    private(set) var weights: [Float] = []

    /// Most entries of a document (`Formats/rows.md`).
    static let mostEntries = 32_767

    /// Nil for a malformed row, and for one of weights that no vector has.
    init?(_ rows: borrowing RowsView, _ fine: borrowing FineView, steps: Span<Float>, ordinal: UInt32) {
        guard let row = Kernels.decode(rows, ordinal: ordinal) else { return nil }
        // Bridges and padding have no weight; asking for each distinct component leaves them out.
        var wanted: [UInt32] = []
        wanted.reserveCapacity(row.components.count)
        for component in row.components where component < rows.components && wanted.last != component {
            if let last = wanted.last, component < last { return nil }
            wanted.append(component)
        }
        var found = [Float](repeating: 0, count: wanted.count)
        var places = found.mutableSpan
        guard Kernels.weights(rows, fine, steps: steps, ordinal: ordinal, at: wanted.span, into: &places)
        else { return nil }
        let largest = fine.width == 0 ? Float.greatestFiniteMagnitude : SparseVector.maximumWeight
        guard found.allSatisfy({ $0 >= 0 && $0 <= largest }) else { return nil }
        for (component, weight) in zip(wanted, found) where weight > 0 {
            components.append(component)
            weights.append(weight)
        }
    }
}
