import GranaryStorage

/// Gives mutated bytes the checksums of `Formats/container.md` again, so that what stands behind them is
/// reached.
enum Repair {
    static func number(_ bytes: [UInt8], _ at: Int, _ size: Int) -> Int {
        (0..<size).reversed().reduce(0) { at + $1 < bytes.count ? $0 << 8 | Int(bytes[at + $1]) : $0 }
    }

    static func put(_ value: UInt64, _ size: Int, at: Int, in bytes: inout [UInt8]) {
        for place in 0..<size { bytes[at + place] = UInt8(truncatingIfNeeded: value >> UInt64(8 * place)) }
    }

    static func crc(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        UInt64(Checksum.crc32c(Array(bytes).rawBytes))
    }

    /// A container: header, block checksums where the table leads to places inside the file, root hash,
    /// footer.
    ///
    /// - Returns: the root hash; nil for bytes too short for a container.
    static func container(_ bytes: inout [UInt8]) -> Identifier128? {
        guard bytes.count >= 128 else { return nil }
        put(crc(bytes[..<60]), 4, at: 60, in: &bytes)
        let footer = bytes.count - 64
        let (table, count) = (number(bytes, footer, 7), number(bytes, footer + 8, 4))
        guard count <= 1024, table >= 64, table <= footer, footer - table == 64 * count else {
            put(crc(bytes[footer..<footer + 52]), 4, at: footer + 52, in: &bytes)
            return nil
        }
        for entry in stride(from: table, to: footer, by: 64) {
            let (offset, size) = (number(bytes, entry + 8, 7), number(bytes, entry + 16, 7))
            let (shift, checksums) = (Int(bytes[entry + 6]), number(bytes, entry + 32, 7))
            guard (9...24).contains(shift), offset <= table, size <= table - offset else { continue }
            for (block, start) in stride(from: 0, to: size, by: 1 << shift).enumerated() {
                let at = checksums + 4 * block
                guard at >= 64, at + 4 <= table else { break }
                let end = min(offset + size, offset + start + 1 << shift)
                put(crc(bytes[offset + start..<max(offset + start, end)]), 4, at: at, in: &bytes)
            }
        }
        let first = count > 0 ? min(max(64, number(bytes, table + 32, 7)), table) : table
        let root = Checksum.blake2s128(Array(bytes[..<64]), Array(bytes[first..<footer]))
        bytes.replaceSubrange(footer + 24..<footer + 40, with: root.bytes)
        put(crc(bytes[footer..<footer + 52]), 4, at: footer + 52, in: &bytes)
        return root
    }

    /// A manifest: its length, hash and end.
    static func manifest(_ bytes: inout [UInt8]) {
        guard bytes.count >= 32 else { return }
        let trailer = bytes.count - 32
        put(UInt64(bytes.count), 8, at: trailer, in: &bytes)
        let hash = Checksum.blake2s128(Array(bytes[..<(trailer + 8)]))
        bytes.replaceSubrange(trailer + 8..<trailer + 24, with: hash.bytes)
        bytes.replaceSubrange(
            trailer + 24..<trailer + 32, with: [0x0a, 0x1a, 0x0a, 0x0d, 0x4d, 0x52, 0x47, 0x89])
    }
}
