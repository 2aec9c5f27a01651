import GranaryStorage

/// The payloads of a segment, mapped: compressed blocks, a directory of them, and a position in a block by
/// ordinal.
struct PayloadReader: Sendable {
    private let blocks: Section
    private let directory: Section
    private let positions: Section
    private let compression: PayloadCompression
    private let path: String
    private let touch: FirstTouch?
    private static let entryBytes = 16

    /// Nil when no document of the segment has a payload.
    ///
    /// - Parameter touch: compares blocks with their checksums when they are first read; nil for none.
    init?(
        _ file: Container, documents: Int, compression: PayloadCompression, touch: FirstTouch? = nil
    ) throws(GranaryError) {
        guard let blocks = file.sectionIfPresent(.payloadBlocks) else { return nil }
        guard blocks.codec == UInt16(compression.rawValue) else {
            throw GranaryError(
                .corrupt,
                "expected a codec of \(compression.rawValue), as the facts say, found \(blocks.codec)",
                path: file.path, section: SectionID.payloadBlocks.name)
        }
        self.blocks = blocks
        directory = try file.section(.payloadDirectory)
        positions = try file.section(.payloadPositions, words: 3 * documents)
        self.compression = compression
        path = file.path
        self.touch = touch
    }

    /// Where the payload of a document is; nil when it has none.
    fileprivate func position(_ ordinal: UInt32) -> (block: Int, offset: Int, length: Int)? {
        let words = Kernels.words(positions.bytes)
        let at = 3 * Int(ordinal)
        return words[at] == .max ? nil : (Int(words[at]), Int(words[at + 1]), Int(words[at + 2]))
    }

    /// A block, unpacked.
    fileprivate func unpacked(_ block: Int) throws(GranaryError) -> [UInt8] {
        var entry = ByteReader(directory.bytes, path: path, section: SectionID.payloadDirectory.name)
        try entry.skip(block * Self.entryBytes)
        let (from, size, raw) = (
            try entry.next(UInt64.self), Int(try entry.next(UInt32.self)), Int(try entry.next(UInt32.self))
        )
        guard let from = Int(exactly: from), from <= blocks.count, size <= blocks.count - from else {
            throw GranaryError(
                .corrupt, "expected a block inside its section, found \(size) bytes at \(from)", path: path,
                section: SectionID.payloadDirectory.name)
        }
        try touch?.verify(1) { _ in from..<from + size }
        return try Compression.decompress(
            blocks.bytes.extracting(from..<from + size), compression, count: raw, path: path)
    }

    /// A part of a block.
    fileprivate func part(_ bytes: [UInt8], _ offset: Int, _ length: Int) throws(GranaryError) -> [UInt8] {
        // A merge would put a longer one into a block that no reader takes.
        guard length <= Compression.largestPayload else {
            throw GranaryError(
                .corrupt, "expected a payload of up to \(Compression.largestPayload) bytes, found \(length)",
                path: path, section: SectionID.payloadPositions.name)
        }
        guard offset <= bytes.count, length <= bytes.count - offset else {
            throw GranaryError(
                .corrupt,
                "expected a payload inside its block, found bytes \(offset)..<\(offset + length) of "
                    + "\(bytes.count)", path: path, section: SectionID.payloadPositions.name)
        }
        return Array(bytes[offset..<offset + length])
    }

    /// The payload of a document; nil when it has none.
    ///
    /// - Throws: `corrupt`. Complexity: unpacks one block (64 KiB, or one larger payload).
    func payload(_ ordinal: UInt32) throws(GranaryError) -> [UInt8]? {
        var cursor = PayloadCursor(self)
        return try cursor.payload(ordinal)
    }
}

/// Reads payloads one after the other, and unpacks a block once for all that follow each other in it.
struct PayloadCursor {
    private let reader: PayloadReader?
    private var block = -1
    private var bytes: [UInt8] = []

    /// - Parameter reader: nil for a segment without payloads.
    init(_ reader: PayloadReader?) { self.reader = reader }

    /// The payload of a document; nil when it has none.
    ///
    /// - Throws: `corrupt`.
    mutating func payload(_ ordinal: UInt32) throws(GranaryError) -> [UInt8]? {
        guard let reader, let position = reader.position(ordinal) else { return nil }
        if position.block != block {
            bytes = try reader.unpacked(position.block)
            block = position.block
        }
        return try reader.part(bytes, position.offset, position.length)
    }
}
