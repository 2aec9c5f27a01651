import GranaryStorage

/// The payloads of a segment, mapped: compressed blocks, a directory of them, and a position in a block by
/// ordinal.
struct PayloadReader: Sendable {
    private let blocks: Section
    private let directory: Section
    private let positions: Section
    private let compression: PayloadCompression
    private let path: String
    private static let entryBytes = 16

    /// Nil when no document of the segment has a payload.
    init?(_ file: Container, documents: Int, compression: PayloadCompression) throws(GranaryError) {
        guard let blocks = file.sectionIfPresent(.payloadBlocks) else { return nil }
        self.blocks = blocks
        directory = try file.section(.payloadDirectory)
        positions = try file.section(.payloadPositions, words: 3 * documents)
        self.compression = compression
        path = file.path
    }

    /// The payload of a document; nil when it has none.
    ///
    /// - Throws: `corrupt`. Complexity: unpacks one block (64 KiB, or one larger payload).
    func payload(_ ordinal: UInt32) throws(GranaryError) -> [UInt8]? {
        let words = Kernels.words(positions.bytes)
        let at = 3 * Int(ordinal)
        let (block, offset, length) = (Int(words[at]), Int(words[at + 1]), Int(words[at + 2]))
        if words[at] == .max { return nil }
        var entry = ByteReader(directory.bytes, path: path, section: SectionID.payloadDirectory.name)
        try entry.skip(block * Self.entryBytes)
        let (from, size, raw) = (
            try entry.next(UInt64.self), Int(try entry.next(UInt32.self)), Int(try entry.next(UInt32.self))
        )
        guard let from = Int(exactly: from), from <= blocks.count, size <= blocks.count - from, offset <= raw,
            length <= raw - offset
        else {
            throw GranaryError(
                .corrupt,
                "expected a payload inside its block, found bytes \(offset)..<\(offset + length) of \(raw)",
                path: path, section: SectionID.payloadPositions.name)
        }
        let bytes = try Compression.decompress(
            blocks.bytes.extracting(from..<from + size), compression, count: raw, path: path)
        return Array(bytes[offset..<offset + length])
    }
}
