public import GranaryStorage

/// Files in memory that nobody can change, mapped without a copy: for the many images of an index that differ
/// in one file only. Making one costs a copy of what differs.
public struct FixedFileSystem: FileSystem {
    private struct Content: Sendable {
        var bytes: [UInt8]
        var mapping: MappedBytes
    }
    private let directory: String
    private var files: [String: Content]

    /// A directory with files in it.
    public init(files: [String: [UInt8]], in directory: String) {
        self.directory = directory
        self.files = files.mapValues(Self.content)
    }

    /// The same files but one.
    ///
    /// - Parameter bytes: what stands under the name; nil for nothing.
    public func replacing(_ name: String, with bytes: [UInt8]?) -> FixedFileSystem {
        var copy = self
        copy.files[name] = bytes.map(Self.content)
        return copy
    }

    private static func content(_ bytes: [UInt8]) -> Content {
        Content(bytes: bytes, mapping: MappedBytes(copying: bytes))
    }

    private func content(_ path: String) throws(GranaryError) -> Content {
        guard path.hasPrefix(directory + "/"), let found = files[String(path.dropFirst(directory.count + 1))]
        else { throw GranaryError(.notFound, "expected a file", path: path) }
        return found
    }

    public func openForReading(_ path: String) throws(GranaryError) -> any ReadableFile {
        let content = try content(path)
        return FixedFile(path, content.bytes, content.mapping)
    }

    public func list(_ path: String) throws(GranaryError) -> [String] {
        guard path == directory else { throw GranaryError(.notFound, "expected a directory", path: path) }
        return files.keys.sorted()
    }

    public func status(_ path: String) throws(GranaryError) -> FileStatus? {
        if path == directory {
            return FileStatus(kind: .directory, length: 0, identity: .init(device: 0, number: 0))
        }
        guard let content = try? content(path) else { return nil }
        return FileStatus(
            kind: .file, length: UInt64(content.bytes.count), identity: .init(device: 0, number: 1))
    }

    public func freeBytes(_ path: String) throws(GranaryError) -> UInt64 { 0 }
    public func now() -> UInt64 { 0 }
    public func randomIdentifier() -> Identifier128 { Identifier128(high: 0, low: 0) }

    // MARK: What only a writer asks for

    private func refuse(_ path: String) -> GranaryError {
        GranaryError(.permissionDenied, "expected a file system that can be written", path: path)
    }

    public func create(_ path: String) throws(GranaryError) -> any WritableFile { throw refuse(path) }
    public func rename(_ path: String, to target: String) throws(GranaryError) { throw refuse(path) }
    public func link(_ path: String, to target: String) throws(GranaryError) { throw refuse(path) }
    public func unlink(_ path: String) throws(GranaryError) { throw refuse(path) }
    public func createDirectory(_ path: String) throws(GranaryError) { throw refuse(path) }
    public func removeDirectory(_ path: String) throws(GranaryError) { throw refuse(path) }
    public func syncFile(_ path: String) throws(GranaryError) { throw refuse(path) }
    public func syncDirectory(_ path: String) throws(GranaryError) { throw refuse(path) }
    public func lock(_ path: String, stamp: String) throws(GranaryError) -> any FileLock {
        throw refuse(path)
    }
}

/// An open file of a `FixedFileSystem`.
private final class FixedFile: ReadableFile {
    let path: String
    private let bytes: [UInt8]
    private let mapping: MappedBytes

    init(_ path: String, _ bytes: [UInt8], _ mapping: MappedBytes) {
        (self.path, self.bytes, self.mapping) = (path, bytes, mapping)
    }

    func length() throws(GranaryError) -> UInt64 { UInt64(bytes.count) }

    func read(at offset: UInt64, count: Int) throws(GranaryError) -> [UInt8] {
        guard count >= 0, offset <= bytes.count, count <= bytes.count - Int(offset) else {
            throw GranaryError(.truncated, "expected \(count) bytes", path: path, byteOffset: offset)
        }
        return Array(bytes[Int(offset)..<Int(offset) + count])
    }

    func map() throws(GranaryError) -> MappedBytes {
        guard !bytes.isEmpty else {
            throw GranaryError(.truncated, "expected a file with bytes in it, found an empty one", path: path)
        }
        return mapping
    }

    func close() {}
}
