/// A posting block (`Formats/postings.md`): the ordinals of 1...255 documents, ascending.
///
/// `u8 count | u8 width, 1...4 | u32 first ordinal | (count - 1) gaps of width bytes`, little-endian. The
/// decoder is `Kernels.candidates(ofBlock:)`.
enum PostingBlock {
    /// Appends a block of ascending ordinals to `out`.
    static func encode(_ ordinals: [UInt32], into out: inout [UInt8]) {
        guard let first = ordinals.first else { return }
        let gaps = zip(ordinals.dropFirst(), ordinals).map { $0 - $1 }
        let largest = gaps.max() ?? 0
        let width = max(1, (32 - largest.leadingZeroBitCount + 7) / 8)
        out.append(UInt8(ordinals.count))
        out.append(UInt8(width))
        for byte in 0..<4 { out.append(UInt8(truncatingIfNeeded: first &>> UInt32(8 * byte))) }
        for gap in gaps {
            for byte in 0..<width { out.append(UInt8(truncatingIfNeeded: gap &>> UInt32(8 * byte))) }
        }
    }
}
