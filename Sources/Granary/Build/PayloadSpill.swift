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

    private var file: TemporaryFile
    private let method: PayloadCompression
    private var open: [UInt8] = []
    private(set) var blocks: [Block] = []
    /// By document, in order of insertion.
    private(set) var positions: [Position] = []
    /// Whether any document has a payload.
    private(set) var isEmpty = true

    init(fileSystem: any FileSystem, directory: String, method: PayloadCompression) {
        file = TemporaryFile(fileSystem: fileSystem, directory: directory)
        self.method = method
    }

    /// Throws `tooLarge` over 16 MiB.
    static func check(_ payload: [UInt8]) throws(GranaryError) {
        let largest = Compression.largestPayload
        guard payload.count <= largest else {
            throw GranaryError(
                .tooLarge, "expected a payload of up to \(largest) bytes, found \(payload.count)")
        }
    }

    /// Closes a block that is full.
    ///
    /// - Throws: errors of writing; nothing has changed then, and it can be tried again.
    mutating func makeRoom() throws(GranaryError) {
        if open.count >= Self.blockBytes { try close() }
    }

    /// Adds the next document's payload, which `check` has passed. The caller has made room.
    mutating func append(_ payload: [UInt8]?) {
        guard let payload else {
            positions.append(Position())
            return
        }
        isEmpty = false
        positions.append(
            Position(block: UInt32(blocks.count), offset: UInt32(open.count), length: UInt32(payload.count)))
        open.append(contentsOf: payload)
    }

    private mutating func close() throws(GranaryError) {
        let packed = try Compression.compress(open, method)
        let offset = file.length
        try file.append(packed[...])
        blocks.append(Block(offset: offset, length: UInt32(packed.count), rawLength: UInt32(open.count)))
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
