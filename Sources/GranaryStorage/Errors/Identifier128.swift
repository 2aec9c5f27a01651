/// A random name, or a hash, of 128 bits.
public struct Identifier128: Hashable, Sendable, CustomStringConvertible {
    /// The first 8 bytes in file order, as a big-endian number.
    public let high: UInt64
    /// The last 8 bytes.
    public let low: UInt64

    /// Makes an identifier of its halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The identifier of 32 hexadecimal digits; nil for anything else.
    public init?(hex: String) {
        let digits = Array(hex.utf8)
        guard digits.count == 32, digits.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
        else {
            return nil
        }
        guard let high = UInt64(hex.prefix(16), radix: 16), let low = UInt64(hex.suffix(16), radix: 16) else {
            return nil
        }
        self.init(high: high, low: low)
    }

    /// The identifier of 16 bytes.
    init(bytes: [UInt8]) {
        var (high, low): (UInt64, UInt64) = (0, 0)
        for position in 0..<min(8, bytes.count) { high = high << 8 | UInt64(bytes[position]) }
        for position in 8..<max(8, min(16, bytes.count)) { low = low << 8 | UInt64(bytes[position]) }
        self.init(high: high, low: low)
    }

    /// The 16 bytes as they stand in files.
    public var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.append(high.byteSwapped)
        writer.append(low.byteSwapped)
        return writer.bytes
    }

    /// 32 lower-case hexadecimal digits.
    public var description: String {
        [high, low].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
