import GranaryStorage

/// The payloads of a segment under construction: compressed in blocks and spilled to disk as they come.
struct PayloadSpill: ~Copyable {
    /// Where one document's payload is: a block, and bytes of it before compression. `block` is `UInt32.max`
    /// for none.
    struct Position: Sendable {
        var block: UInt32 = .max
        var offset: UInt32 = 0
        var length: UInt32 = 0
    }
    /// One compressed block.
    struct Block: Sendable {
        var offset: UInt64
        var length: UInt32
        var rawLength: UInt32
    }

    /// A block is closed once it has this many bytes before compression.
    private static let blockBytes = 64 << 10
    /// The largest payload.
    static let largestPayload = 16 << 20

    private var file: TemporaryFile
    private let method: PayloadCompression
    private var open: [UInt8] = []
    private(set) var blocks: [Block] = []
    /// By document, in order of insertion.
    private(set) var positions: [Position] = []
    /// Whether any document has a payload.
    private(set) var isEmpty = true

    init(fileSystem: any FileSystem, directory: String, method: PayloadCompression) throws(GranaryError) {
        file = try TemporaryFile(fileSystem: fileSystem, directory: directory)
        self.method = method
    }

    /// Throws `tooLarge` over 16 MiB.
    static func check(_ payload: [UInt8]) throws(GranaryError) {
        guard payload.count <= largestPayload else {
            throw GranaryError(
                .tooLarge, "expected a payload of up to \(largestPayload) bytes, found \(payload.count)")
        }
    }

    /// Adds the next document's payload.
    ///
    /// - Throws: `tooLarge` over 16 MiB, and errors of writing.
    mutating func append(_ payload: [UInt8]?) throws(GranaryError) {
        guard let payload else {
            positions.append(Position())
            return
        }
        try Self.check(payload)
        isEmpty = false
        positions.append(
            Position(block: UInt32(blocks.count), offset: UInt32(open.count), length: UInt32(payload.count)))
        open.append(contentsOf: payload)
        if open.count >= Self.blockBytes { try close() }
    }

    private mutating func close() throws(GranaryError) {
        guard !open.isEmpty || !isEmpty else { return }
        let packed = try Compression.compress(open, method)
        blocks.append(Block(offset: file.length, length: UInt32(packed.count), rawLength: UInt32(open.count)))
        try file.append(packed[...])
        open.removeAll(keepingCapacity: true)
    }

    /// Closes the last block and hands over all blocks' bytes in order.
    mutating func forEachChunk(_ body: (ArraySlice<UInt8>) throws(GranaryError) -> Void) throws(GranaryError)
    {
        if !open.isEmpty || positions.contains(where: { Int($0.block) == blocks.count }) { try close() }
        let total = file.length
        var offset: UInt64 = 0
        while offset < total {
            let chunk = try file.read(at: offset, count: Int(min(total - offset, 1 << 20)))
            try body(chunk[...])
            offset += UInt64(chunk.count)
        }
    }
}
