import Synchronization

/// A file system in memory: for tests, and for images of what a crash leaves.
///
/// Safe to use from several threads. Everything is durable at once. Complexity: mapping copies the file.
public final class MemoryFileSystem: FileSystem {
    /// A file or directory.
    private enum Node {
        case file(MemoryFile)
        case directory
    }
    private struct State {
        var nodes: [String: Node] = ["": .directory, "/": .directory, ".": .directory]
        var locked: [String: String] = [:]
        var random = SystemRandomNumberGenerator()
    }

    private let state = Mutex(State())

    /// An empty file system.
    public init() {}

    public func create(_ path: String) throws(GranaryError) -> any WritableFile {
        let file = MemoryFile(path)
        try state.withLock { state throws(GranaryError) in
            try Self.expectParent(of: path, in: state)
            guard state.nodes[path] == nil else {
                throw GranaryError(.alreadyExists, "expected no file", path: path)
            }
            state.nodes[path] = .file(file)
        }
        return file
    }

    public func openForReading(_ path: String) throws(GranaryError) -> any ReadableFile { try file(path) }

    public func rename(_ path: String, to target: String) throws(GranaryError) {
        try link(path, to: target)
        try unlink(path)
    }

    public func link(_ path: String, to target: String) throws(GranaryError) {
        let file = try file(path)
        try state.withLock { state throws(GranaryError) in
            try Self.expectParent(of: target, in: state)
            guard state.nodes[target] == nil else {
                throw GranaryError(.alreadyExists, "expected no file", path: target)
            }
            state.nodes[target] = .file(file)
        }
    }

    public func unlink(_ path: String) throws(GranaryError) {
        _ = try file(path)
        state.withLock { _ = $0.nodes.removeValue(forKey: path) }
    }

    public func createDirectory(_ path: String) throws(GranaryError) {
        try state.withLock { state throws(GranaryError) in
            try Self.expectParent(of: path, in: state)
            guard state.nodes[path] == nil else {
                throw GranaryError(.alreadyExists, "expected no directory", path: path)
            }
            state.nodes[path] = .directory
        }
    }

    public func removeDirectory(_ path: String) throws(GranaryError) {
        guard try list(path).isEmpty else {
            throw GranaryError(.alreadyExists, "expected an empty directory", path: path)
        }
        state.withLock { _ = $0.nodes.removeValue(forKey: path) }
    }

    public func list(_ directory: String) throws(GranaryError) -> [String] {
        let prefix = directory.hasSuffix("/") ? directory : directory + "/"
        return try state.withLock { state throws(GranaryError) in
            guard case .directory? = state.nodes[directory] else {
                throw GranaryError(.notFound, "expected a directory", path: directory)
            }
            return state.nodes.keys.filter { $0.hasPrefix(prefix) && $0.count > prefix.count }
                .map { String($0.dropFirst(prefix.count)) }.filter { !$0.contains("/") }.sorted()
        }
    }

    public func status(_ path: String) throws(GranaryError) -> FileStatus? {
        switch state.withLock({ $0.nodes[path] }) {
        case .file(let file): FileStatus(kind: .file, length: try file.length(), identity: file.identity)
        case .directory: FileStatus(kind: .directory, length: 0, identity: .init(device: 0, number: 0))
        case nil: nil
        }
    }

    public func syncDirectory(_ path: String) throws(GranaryError) { _ = try list(path) }

    public func lock(_ path: String, stamp: String) throws(GranaryError) -> any FileLock {
        if try status(path) == nil { _ = try create(path) }
        let holder = state.withLock { state -> String? in
            defer { if state.locked[path] == nil { state.locked[path] = stamp } }
            return state.locked[path]
        }
        if let holder {
            throw GranaryError(.locked, "expected a free index, found it held by \(holder)", path: path)
        }
        return MemoryLock(self, path, try file(path).identity)
    }

    public func freeBytes(_ path: String) throws(GranaryError) -> UInt64 { 1 << 40 }

    public func randomIdentifier() -> Identifier128 {
        state.withLock { Identifier128(high: $0.random.next(), low: $0.random.next()) }
    }

    public func now() -> UInt64 { SystemCalls.now() }

    private func file(_ path: String) throws(GranaryError) -> MemoryFile {
        switch state.withLock({ $0.nodes[path] }) {
        case .file(let file): return file
        case .directory:
            throw GranaryError(.wrongFile, "expected a regular file, found a directory", path: path)
        case nil: throw GranaryError(.notFound, "expected a file", path: path)
        }
    }

    private static func expectParent(of path: String, in state: borrowing State) throws(GranaryError) {
        let parent = PathName.parent(path)
        guard case .directory? = state.nodes[parent] else {
            throw GranaryError(.notFound, "expected a directory", path: parent)
        }
    }

    fileprivate func unlock(_ path: String) { state.withLock { _ = $0.locked.removeValue(forKey: path) } }
}

/// A file of a `MemoryFileSystem`; its names and open handles share it.
private final class MemoryFile: WritableFile {
    private static let nextNumber = Atomic<UInt64>(1)

    let path: String
    let identity = FileStatus.Identity(
        device: 0, number: nextNumber.wrappingAdd(1, ordering: .relaxed).oldValue)
    private let bytes = Mutex<[UInt8]>([])

    init(_ path: String) { self.path = path }

    func length() throws(GranaryError) -> UInt64 { bytes.withLock { UInt64($0.count) } }

    func read(at offset: UInt64, count: Int) throws(GranaryError) -> [UInt8] {
        try bytes.withLock { bytes throws(GranaryError) in
            guard count >= 0, offset <= bytes.count, count <= bytes.count - Int(offset) else {
                throw GranaryError(
                    .truncated, "expected \(count) bytes, found a file of \(bytes.count)", path: path,
                    byteOffset: offset)
            }
            return Array(bytes[Int(offset)..<Int(offset) + count])
        }
    }

    func write(_ source: RawSpan, at offset: UInt64) throws(GranaryError) {
        var writer = ByteWriter()
        writer.append(source)
        let new = writer.bytes
        bytes.withLock { bytes in
            let missing = Int(offset) + new.count - bytes.count
            if missing > 0 { bytes.append(contentsOf: [UInt8](repeating: 0, count: missing)) }
            bytes.replaceSubrange(Int(offset)..<Int(offset) + new.count, with: new)
        }
    }

    func sync() throws(GranaryError) {}

    func map() throws(GranaryError) -> MappedBytes {
        let bytes = bytes.withLock { $0 }
        guard !bytes.isEmpty else {
            throw GranaryError(.truncated, "expected a file with bytes in it, found an empty one", path: path)
        }
        return MappedBytes(copying: bytes)
    }

    func close() {}
}

/// A lock of a `MemoryFileSystem`.
private final class MemoryLock: FileLock {
    private let owner: MemoryFileSystem
    private let path: String
    private let identity: FileStatus.Identity
    private let isHeld = Mutex(true)

    init(_ owner: MemoryFileSystem, _ path: String, _ identity: FileStatus.Identity) {
        self.owner = owner
        self.path = path
        self.identity = identity
    }

    deinit { release() }

    func isStillHeld() -> Bool {
        isHeld.withLock { $0 } && (try? owner.status(path))??.identity == identity
    }

    func release() {
        isHeld.withLock { isHeld in
            if isHeld { owner.unlock(path) }
            isHeld = false
        }
    }
}
