public import GranaryStorage

/// Mends the checksums of damaged bytes, so that a test reaches the checks behind them.
///
/// It knows the formats from their description and not from the code that it tests.
public enum RepairedBytes {
    /// A container whose header, block checksums where they lie inside the file, root hash and footer agree
    /// with its bytes.
    ///
    /// - Returns: the bytes and the root hash; nil where the damage leaves no place for a root hash.
    public static func container(_ damaged: [UInt8]) -> (bytes: [UInt8], root: Identifier128)? {
        var bytes = damaged
        let footer = bytes.count - 64
        guard footer >= 64 else { return nil }
        put(Checksum.crc32c(Array(bytes[..<60]).rawBytes), at: 60, in: &bytes)
        let table = number(at: footer, 8, in: bytes)
        guard table >= 64, table <= footer else { return nil }
        let first = Int(table) + 64 <= footer ? number(at: Int(table) + 32, 8, in: bytes) : table
        let start = first >= 64 && first <= footer ? Int(first) : Int(table)
        let root = Checksum.blake2s128(Array(bytes[..<64]), Array(bytes[start..<footer]))
        bytes.replaceSubrange(footer + 24..<footer + 40, with: root.bytes)
        put(Checksum.crc32c(Array(bytes[footer..<footer + 52]).rawBytes), at: footer + 52, in: &bytes)
        return (bytes, root)
    }

    /// A manifest whose length and hash agree with its bytes.
    public static func manifest(_ damaged: [UInt8]) -> [UInt8] {
        var bytes = damaged
        guard bytes.count >= 32 else { return bytes }
        put(UInt64(bytes.count), at: bytes.count - 32, in: &bytes)
        let hash = Checksum.blake2s128(Array(bytes.dropLast(24)))
        bytes.replaceSubrange(bytes.count - 24..<bytes.count - 8, with: hash.bytes)
        return bytes
    }

    /// Writes a number, little-endian.
    public static func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int, in bytes: inout [UInt8])
    {
        for byte in 0..<Value.bitWidth / 8 {
            bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> Value(8 * byte))
        }
    }

    /// Reads a number, little-endian.
    public static func number(at offset: Int, _ count: Int, in bytes: [UInt8]) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
    }
}
