import GranaryStorage

/// Bytes of a build in progress, written in order and removed with this value. In memory while there are few;
/// then in a file, whose name ends in `.tmp`, so that one that a crash leaves is removed when the next writer
/// opens the index. A nameless one loses its name when it is made, and a crash leaves nothing wherever it is.
struct TemporaryFile: ~Copyable, Sendable {
    private let fileSystem: any FileSystem
    private let directory: String
    private let isNameless: Bool
    /// Nil while everything is in the buffer.
    private var file: (any WritableFile)?
    private var buffer: [UInt8] = []
    private var flushed: UInt64 = 0
    private static let bufferBytes = 1 << 20

    /// - Parameter isNameless: for what is only read back and not mapped, in a directory that is no index.
    init(fileSystem: any FileSystem, directory: String, isNameless: Bool = false) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.isNameless = isNameless
    }

    deinit {
        guard let file else { return }
        file.close()
        if !isNameless { try? fileSystem.unlink(file.path) }
    }

    /// Bytes written so far.
    var length: UInt64 { flushed + UInt64(buffer.count) }

    /// Writes a full buffer out. What follows it, up to the next call, cannot fail.
    ///
    /// - Throws: errors of writing; nothing has changed then, and it can be tried again.
    mutating func makeRoom() throws(GranaryError) {
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    /// Adds bytes, after making room.
    mutating func append(_ bytes: ArraySlice<UInt8>) throws(GranaryError) {
        try makeRoom()
        buffer.append(contentsOf: bytes)
    }

    /// Adds 32-bit words, little-endian. The caller has made room.
    mutating func append(words: some Sequence<UInt32>) {
        for word in words {
            buffer.append(UInt8(truncatingIfNeeded: word))
            buffer.append(UInt8(truncatingIfNeeded: word &>> 8))
            buffer.append(UInt8(truncatingIfNeeded: word &>> 16))
            buffer.append(UInt8(truncatingIfNeeded: word &>> 24))
        }
    }

    /// Adds bytes. The caller has made room.
    mutating func append(made bytes: [UInt8]) { buffer.append(contentsOf: bytes) }

    private mutating func flush() throws(GranaryError) {
        let file: any WritableFile
        if let open = self.file {
            file = open
        } else {
            file = try fileSystem.create("\(directory)/\(fileSystem.randomIdentifier()).tmp")
            self.file = file
            if isNameless { try fileSystem.unlink(file.path) }
        }
        try file.write(buffer.rawBytes, at: flushed)
        flushed += UInt64(buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }

    /// Bytes of what was written.
    mutating func read(at offset: UInt64, count: Int) throws(GranaryError) -> [UInt8] {
        if file == nil {
            guard let start = Int(exactly: offset), count <= buffer.count, start <= buffer.count - count
            else {
                throw GranaryError(.truncated, "expected \(count) bytes at \(offset) of a temporary file")
            }
            return Array(buffer[start..<start + count])
        }
        if !buffer.isEmpty { try flush() }
        return try file?.read(at: offset, count: count) ?? []
    }

    /// Maps what was written, with the 64 bytes behind it that kernels may read. Nothing may be added
    /// afterwards.
    mutating func map() throws(GranaryError) -> MappedBytes {
        buffer.append(contentsOf: [UInt8](repeating: 0, count: 64))
        guard file != nil else { return MappedBytes(copying: buffer) }
        try flush()
        return try fileSystem.openForReading(file?.path ?? "").map()
    }
}
