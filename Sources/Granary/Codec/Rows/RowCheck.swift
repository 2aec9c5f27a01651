import GranaryStorage

/// What a writer makes of a row, beyond what keeps its readers safe (`Formats/rows.md`). Whoever adds codes
/// and whoever looks for one weight agree on such rows only.
enum RowCheck {
    /// Whether components ascend, each has a weight at most once and below the segment's number of
    /// components, and every code goes with its weight.
    static func isSound(
        _ rows: borrowing RowsView, _ fine: borrowing FineView, steps: Span<Float>, ordinal: UInt32
    ) -> Bool {
        guard let row = Kernels.decode(rows, ordinal: ordinal), rows.isLinear || row.shift == 0 else {
            return false
        }
        // Inside the section: the row's weights have been read before.
        let first = fine.width == 0 ? 0 : 8 * Int(fine.starts[Int(ordinal)])
        var previous: UInt32 = 0
        var last: UInt32?
        for (entry, (component, code)) in zip(row.components, row.codes).enumerated() {
            guard component >= previous else { return false }
            previous = component
            let isSound: Bool
            switch fine.width {
            case 0:
                if code == 0 { continue }
                guard Int(component) < steps.count else { return false }
                let weight = Float(code) * steps[Int(component)] * Float(UInt32(1) << UInt32(row.shift))
                isSound = weight > 0 && weight.isFinite
            case 1:
                guard let rest = fine.bytes.byte(at: first + entry) else { return false }
                let half = UInt16(code) << 7 | UInt16(rest & 127)
                if half == 0 { continue }
                isSound = Kernels.halfValue(half) <= SparseVector.maximumWeight
            default:
                var bits: UInt32 = 0
                for place in (0..<4).reversed() {
                    guard let byte = fine.bytes.byte(at: 4 * (first + entry) + place) else { return false }
                    bits = bits << 8 | UInt32(byte)
                }
                if bits == 0, code == 0 { continue }
                isSound = goes(code, with: Float(bitPattern: bits))
            }
            guard isSound, component < rows.components, component != last else { return false }
            last = component
        }
        return true
    }

    /// Whether a code is the largest whose value is not above a weight.
    private static func goes(_ code: UInt8, with weight: Float) -> Bool {
        weight > 0 && weight <= SparseVector.maximumWeight
            && Kernels.halfValue(UInt16(code) << 7) <= weight
            && (code == .max || weight < Kernels.halfValue((UInt16(code) + 1) << 7))
    }
}
