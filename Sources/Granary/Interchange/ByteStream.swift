import GranaryStorage

/// A file read from its beginning to its end, a chunk at a time: for layouts that only a scan can follow.
///
/// Memory: a chunk of 1 MiB, and what `bytes` gives.
struct ByteStream: ~Copyable {
    /// The file.
    let path: String
    /// Its length when it was opened, in bytes.
    let length: UInt64

    private static let chunkBytes = 1 << 20

    private let file: any ReadableFile
    private var chunk: [UInt8] = []
    /// Where the chunk begins in the file.
    private var chunkStart: UInt64 = 0
    /// The next byte in the chunk.
    private var position = 0

    private init(_ file: any ReadableFile, length: UInt64) {
        (self.file, self.length, path) = (file, length, file.path)
    }

    /// Opens a file.
    static func open(_ path: String, fileSystem: any FileSystem) throws(GranaryError) -> ByteStream {
        let file = try fileSystem.openForReading(path)
        return ByteStream(file, length: try file.length())
    }

    deinit { file.close() }

    /// Bytes from the beginning of the file to the next one.
    var offset: UInt64 { chunkStart + UInt64(position) }
    /// Bytes that are left.
    var remaining: UInt64 { length - offset }

    /// Takes the next byte; nil at the end.
    @inline(__always)
    mutating func next() throws(GranaryError) -> UInt8? {
        if position == chunk.count {
            try refill()
            if chunk.isEmpty { return nil }
        }
        defer { position += 1 }
        return chunk[position]
    }

    /// Takes bytes.
    ///
    /// - Throws: `truncated` where the file has fewer, before anything is allocated.
    mutating func bytes(_ count: Int) throws(GranaryError) -> [UInt8] {
        guard count >= 0, UInt64(count) <= remaining else { throw short(of: UInt64(clamping: count)) }
        if count > chunk.count - position, count <= Self.chunkBytes { try refill() }
        if count <= chunk.count - position {
            defer { position += count }
            return Array(chunk[position..<position + count])
        }
        let bytes = try file.read(at: offset, count: count)
        try skip(UInt64(count))
        return bytes
    }

    /// Passes over bytes.
    ///
    /// - Throws: `truncated` where the file has fewer.
    mutating func skip(_ count: UInt64) throws(GranaryError) {
        guard count <= remaining else { throw short(of: count) }
        if count <= UInt64(chunk.count - position) {
            position += Int(count)
        } else {
            chunkStart = offset + count
            chunk = []
            position = 0
        }
    }

    /// Reads a chunk from the next byte on.
    private mutating func refill() throws(GranaryError) {
        (chunkStart, chunk, position) = (offset, [], 0)
        chunk = try file.read(at: chunkStart, count: Int(min(UInt64(Self.chunkBytes), remaining)))
    }

    private func short(of count: UInt64) -> GranaryError {
        GranaryError(
            .truncated, "expected \(count) more bytes, found \(remaining)", path: path, byteOffset: offset)
    }
}
