/// A change of one file.
package enum Damage: Sendable {
    case bit(Int)
    /// Cut to a length.
    case cut(Int)
    /// A sector has other bytes: zeros, those of the sector beside it, or those of another file's sector.
    case zeroed(Int), neighbour(Int), other(Int)

    package static let sectorBytes = 512

    /// Kinds of damage, and of each how much a file of some bytes can have.
    package enum Kind: CaseIterable {
        case bits, cuts, sectors

        package func count(_ bytes: Int) -> Int {
            switch self {
            case .bits: 8 * bytes
            case .cuts: bytes
            case .sectors: (bytes + sectorBytes - 1) / sectorBytes * 3
            }
        }

        /// The damage of a number below `count`.
        package func damage(_ number: Int) -> Damage {
            switch self {
            case .bits: .bit(number)
            case .cuts: .cut(number)
            case .sectors: [.zeroed(number / 3), .neighbour(number / 3), .other(number / 3)][number % 3]
            }
        }
    }

    /// The damaged bytes; nil where they are the same.
    ///
    /// - Parameter other: the file that sectors may come from.
    package func apply(to bytes: [UInt8], other: [UInt8]) -> [UInt8]? {
        var damaged = bytes
        func range(_ sector: Int, of count: Int) -> Range<Int> {
            let start = min(count, sector * Self.sectorBytes)
            return start..<min(count, start + Self.sectorBytes)
        }
        func replace(_ sector: Int, by new: ArraySlice<UInt8>) {
            for (place, byte) in zip(range(sector, of: bytes.count), new) { damaged[place] = byte }
        }
        switch self {
        case .bit(let number): damaged[number / 8] ^= 1 << UInt8(number % 8)
        case .cut(let length): damaged.removeLast(bytes.count - length)
        case .zeroed(let sector): replace(sector, by: [UInt8](repeating: 0, count: Self.sectorBytes)[...])
        case .neighbour(let sector):
            let next = range(sector + 1, of: bytes.count)
            replace(sector, by: bytes[next.isEmpty ? range(max(0, sector - 1), of: bytes.count) : next])
        case .other(let sector): replace(sector, by: other[range(sector, of: other.count)])
        }
        return damaged == bytes ? nil : damaged
    }
}
