import ArgumentParser
import Foundation

/// A number of bytes as people write it: `512MiB`, `2G`, `1073741824`. All units are powers of 1024.
package struct ByteSize: ExpressibleByArgument, CustomStringConvertible, Sendable {
    /// The number.
    package var bytes: Int

    /// A number of bytes.
    package init(bytes: Int) { self.bytes = bytes }

    /// Nil for what is no size, or too large for a number.
    package init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && $0.isNumber }
        let shifts = ["": 0, "b": 0, "k": 10, "m": 20, "g": 30, "t": 40]
        var unit = argument.dropFirst(digits.count).lowercased()
        if unit.count == 3, unit.hasSuffix("ib") { unit.removeLast(2) }
        if unit.count == 2, unit.hasSuffix("b") { unit.removeLast() }
        guard let number = Int(digits), let shift = shifts[unit] else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    /// The largest unit that divides it.
    package var description: String {
        for (shift, unit) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")]
        where bytes >= 1 << shift && bytes % (1 << shift) == 0 {
            return "\(bytes >> shift)\(unit)"
        }
        return "\(bytes)"
    }

    package var defaultValueDescription: String { description }

    /// A number of bytes for people, to a tenth of a KiB, MiB or GiB.
    package static func text(_ bytes: some BinaryInteger) -> String {
        switch UInt64(clamping: bytes) {
        case ..<(1 << 20): String(format: "%.1f KiB", Double(bytes) / 1024)
        case ..<(1 << 30): String(format: "%.1f MiB", Double(bytes) / 1_048_576)
        default: String(format: "%.1f GiB", Double(bytes) / 1_073_741_824)
        }
    }
}
