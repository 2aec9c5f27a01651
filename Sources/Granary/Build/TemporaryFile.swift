import GranaryStorage

/// A file of a build in progress, written in order and removed with this value. Its name ends in `.tmp`, so
/// that one that a crash leaves is removed when the next writer opens the index.
struct TemporaryFile: ~Copyable, Sendable {
    private let fileSystem: any FileSystem
    private let file: any WritableFile
    private var buffer: [UInt8] = []
    private var flushed: UInt64 = 0
    private static let bufferBytes = 1 << 20

    init(fileSystem: any FileSystem, directory: String) throws(GranaryError) {
        self.fileSystem = fileSystem
        file = try fileSystem.create("\(directory)/\(fileSystem.randomIdentifier()).tmp")
        buffer.reserveCapacity(Self.bufferBytes + 4096)
    }

    deinit {
        file.close()
        try? fileSystem.unlink(file.path)
    }

    /// Bytes written so far.
    var length: UInt64 { flushed + UInt64(buffer.count) }

    /// Adds bytes.
    mutating func append(_ bytes: ArraySlice<UInt8>) throws(GranaryError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    /// Adds 32-bit words, little-endian.
    mutating func append(words: some Sequence<UInt32>) throws(GranaryError) {
        for word in words {
            buffer.append(UInt8(truncatingIfNeeded: word))
            buffer.append(UInt8(truncatingIfNeeded: word &>> 8))
            buffer.append(UInt8(truncatingIfNeeded: word &>> 16))
            buffer.append(UInt8(truncatingIfNeeded: word &>> 24))
        }
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    private mutating func flush() throws(GranaryError) {
        try file.write(buffer.rawBytes, at: flushed)
        flushed += UInt64(buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Bytes of what was written.
    mutating func read(at offset: UInt64, count: Int) throws(GranaryError) -> [UInt8] {
        if !buffer.isEmpty { try flush() }
        return try file.read(at: offset, count: count)
    }

    /// Maps what was written, with the 64 bytes behind it that kernels may read. Nothing may be added
    /// afterwards.
    mutating func map() throws(GranaryError) -> MappedBytes {
        buffer.append(contentsOf: [UInt8](repeating: 0, count: 64))
        try flush()
        return try fileSystem.openForReading(file.path).map()
    }
}
