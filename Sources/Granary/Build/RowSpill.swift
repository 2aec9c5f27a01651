import GranaryStorage

/// The vectors of a segment under construction, in order of insertion, as they came: local numbers and steps
/// are known only when all have been seen. On disk, so that memory does not grow with the segment.
struct RowSpill: ~Copyable {
    private var file: TemporaryFile
    private(set) var rowCount = 0
    private static let chunkBytes = 4 << 20

    init(fileSystem: any FileSystem, directory: String) {
        file = TemporaryFile(fileSystem: fileSystem, directory: directory)
    }

    /// Makes room for a row, as `TemporaryFile.makeRoom` does.
    mutating func makeRoom() throws(GranaryError) { try file.makeRoom() }

    /// Adds a row of provisional components. The caller has made room.
    mutating func append(ids: [UInt32], weights: [Float]) {
        file.append(words: CollectionOfOne(UInt32(ids.count)))
        file.append(words: ids)
        file.append(words: weights.lazy.map(\.bitPattern))
        rowCount += 1
    }

    /// Counts a row whose vector is kept elsewhere.
    mutating func count() { rowCount += 1 }

    /// Calls `body` with each row, in order.
    mutating func forEach(
        _ body: (_ row: Int, _ ids: Span<UInt32>, _ weights: Span<Float>) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        let written = file.length
        var chunk: [UInt8] = []
        var (chunkStart, position): (UInt64, Int) = (0, 0)
        var ids: [UInt32] = []
        var weights: [Float] = []
        for row in 0..<rowCount {
            var length = position + 4 <= chunk.count ? 4 + 8 * Int(try Self.word(chunk, position)) : 4
            if position + length > chunk.count || length == 4 {
                chunkStart += UInt64(position)
                position = 0
                chunk = try file.read(
                    at: chunkStart, count: Int(min(written - chunkStart, UInt64(Self.chunkBytes))))
                length = 4 + 8 * Int(try Self.word(chunk, 0))
            }
            let count = (length - 4) / 8
            ids.removeAll(keepingCapacity: true)
            weights.removeAll(keepingCapacity: true)
            for entry in 0..<count {
                ids.append(try Self.word(chunk, position + 4 + 4 * entry))
                weights.append(Float(bitPattern: try Self.word(chunk, position + 4 + 4 * (count + entry))))
            }
            position += length
            try body(row, ids.span, weights.span)
        }
    }

    @inline(__always)
    private static func word(_ bytes: [UInt8], _ at: Int) throws(GranaryError) -> UInt32 {
        guard at + 4 <= bytes.count else {
            throw GranaryError(.truncated, "a temporary file of rows ended early")
        }
        return UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16 | UInt32(
            bytes[at + 3]) << 24
    }
}
