import Synchronization

/// A file system in memory: for tests, and for images of what a crash leaves.
///
/// Safe to use from several threads. Everything is durable at once. Names behave as those of
/// `PosixFileSystem`: handles and mappings outlive them, a lock belongs to the file and not to its name.
/// Complexity: mapping copies the file.
public final class MemoryFileSystem: FileSystem {
    private struct State {
        var nodes: [String: Node] = ["/": .directory(MemoryStorage()), ".": .directory(MemoryStorage())]
        var stamps: [FileStatus.Identity: String] = [:]
        var random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    }
    private enum Node {
        case file(MemoryStorage)
        case directory(MemoryStorage)
    }

    private let state = Mutex(State())

    /// An empty file system with the directories `/` and `.`.
    public init() {}

    /// The same with identifiers that repeat from run to run.
    package init(seed: UInt64) { state.withLock { $0.random = SeededGenerator(seed: seed) } }

    /// What a path holds.
    package enum Entry: Sendable, Equatable {
        case directory
        /// Names of one file have the same number.
        case file(bytes: [UInt8], number: Int)
    }

    /// A file system with these entries; parents are made as needed.
    package init(_ entries: [String: Entry], seed: UInt64) {
        var files: [Int: MemoryStorage] = [:]
        state.withLock { state in
            state.random = SeededGenerator(seed: seed)
            for (path, entry) in entries {
                let path = PathName.normal(path)
                switch entry {
                case .directory: state.nodes[path] = .directory(MemoryStorage())
                case .file(let bytes, let number):
                    let storage = files[number] ?? MemoryStorage(bytes)
                    files[number] = storage
                    state.nodes[path] = .file(storage)
                }
                var parent = PathName.parent(path)
                while state.nodes[parent] == nil {
                    state.nodes[parent] = .directory(MemoryStorage())
                    parent = PathName.parent(parent)
                }
            }
        }
    }

    /// All that it holds, by path.
    package var entries: [String: Entry] {
        state.withLock { state in
            state.nodes.mapValues { node in
                switch node {
                case .directory: .directory
                case .file(let storage): .file(bytes: storage.bytes, number: Int(storage.identity.number))
                }
            }
        }
    }

    public func create(_ path: String) throws(GranaryError) -> any WritableFile {
        let storage = MemoryStorage()
        try state.withLock { state throws(GranaryError) in
            try Self.expectFree(path, in: state)
            state.nodes[Self.key(path, in: state)] = .file(storage)
        }
        return MemoryFile(path, storage)
    }

    public func openForReading(_ path: String) throws(GranaryError) -> any ReadableFile {
        MemoryFile(path, try state.withLock { state throws(GranaryError) in try Self.file(path, in: state) })
    }

    public func rename(_ path: String, to target: String) throws(GranaryError) {
        try state.withLock { state throws(GranaryError) in
            let storage = try Self.file(path, in: state)
            try Self.expectFree(target, in: state)
            state.nodes[Self.key(target, in: state)] = .file(storage)
            state.nodes[Self.key(path, in: state)] = nil
        }
    }

    public func link(_ path: String, to target: String) throws(GranaryError) {
        try state.withLock { state throws(GranaryError) in
            let storage = try Self.file(path, in: state)
            try Self.expectFree(target, in: state)
            state.nodes[Self.key(target, in: state)] = .file(storage)
        }
    }

    public func unlink(_ path: String) throws(GranaryError) {
        try state.withLock { state throws(GranaryError) in
            _ = try Self.file(path, in: state)
            state.nodes[Self.key(path, in: state)] = nil
        }
    }

    public func createDirectory(_ path: String) throws(GranaryError) {
        try state.withLock { state throws(GranaryError) in
            try Self.expectFree(path, in: state)
            state.nodes[Self.key(path, in: state)] = .directory(MemoryStorage())
        }
    }

    public func removeDirectory(_ path: String) throws(GranaryError) {
        try state.withLock { state throws(GranaryError) in
            guard try Self.names(in: path, state).isEmpty else {
                throw GranaryError(.alreadyExists, "expected an empty directory", path: path)
            }
            state.nodes[Self.key(path, in: state)] = nil
        }
    }

    public func list(_ directory: String) throws(GranaryError) -> [String] {
        try state.withLock { state throws(GranaryError) in try Self.names(in: directory, state) }
    }

    public func status(_ path: String) throws(GranaryError) -> FileStatus? {
        switch state.withLock({ $0.nodes[Self.key(path, in: $0)] }) {
        case .file(let file):
            FileStatus(kind: .file, length: UInt64(file.bytes.count), identity: file.identity)
        case .directory(let directory): FileStatus(kind: .directory, length: 0, identity: directory.identity)
        case nil: nil
        }
    }

    public func syncFile(_ path: String) throws(GranaryError) {
        _ = try state.withLock { state throws(GranaryError) in try Self.file(path, in: state) }
    }

    public func syncDirectory(_ path: String) throws(GranaryError) { _ = try list(path) }

    public func lock(_ path: String, stamp: String) throws(GranaryError) -> any FileLock {
        let identity = try state.withLock { state throws(GranaryError) in
            let name = Self.key(path, in: state)
            if state.nodes[name] == nil {
                try Self.expectFree(path, in: state)
                state.nodes[name] = .file(MemoryStorage())
            }
            let identity = try Self.file(path, in: state).identity
            if let holder = state.stamps[identity] {
                throw GranaryError(.locked, "expected a free index, found it held by \(holder)", path: path)
            }
            state.stamps[identity] = stamp
            return identity
        }
        return MemoryLock(self, path, identity)
    }

    public func freeBytes(_ path: String) throws(GranaryError) -> UInt64 { 1 << 40 }

    public func randomIdentifier() -> Identifier128 {
        state.withLock { Identifier128(high: $0.random.next(), low: $0.random.next()) }
    }

    public func now() -> UInt64 { SystemCalls.now() }

    /// What a path stands under.
    private static func key(_ path: String, in state: borrowing State) -> String {
        // Only normal paths are keys.
        state.nodes[path] != nil ? path : PathName.normal(path)
    }

    private static func file(_ path: String, in state: borrowing State) throws(GranaryError) -> MemoryStorage
    {
        switch state.nodes[key(path, in: state)] {
        case .file(let file): return file
        case .directory:
            throw GranaryError(.wrongFile, "expected a regular file, found a directory", path: path)
        case nil: throw GranaryError(.notFound, "expected a file", path: path)
        }
    }

    /// That a name is free, in a directory that exists.
    private static func expectFree(_ path: String, in state: borrowing State) throws(GranaryError) {
        let name = key(path, in: state)
        guard case .directory? = state.nodes[PathName.parent(name)] else {
            throw GranaryError(.notFound, "expected a directory to hold \(PathName.name(path))", path: path)
        }
        guard state.nodes[name] == nil else {
            throw GranaryError(.alreadyExists, "expected nothing at this path", path: path)
        }
    }

    private static func names(in directory: String, _ state: borrowing State) throws(GranaryError) -> [String]
    {
        let name = key(directory, in: state)
        guard case .directory? = state.nodes[name] else {
            throw GranaryError(.notFound, "expected a directory", path: directory)
        }
        let prefix = name == "." ? "" : name == "/" ? "/" : name + "/"
        var names: [String] = []
        for path in state.nodes.keys where path.hasPrefix(prefix) && path != name && path != "." {
            let rest = path.utf8.dropFirst(prefix.utf8.count)
            if !rest.contains(UInt8(ascii: "/")) { names.append(String(Substring(rest))) }
        }
        return names.sorted()
    }

    fileprivate func unlock(_ identity: FileStatus.Identity) {
        state.withLock { _ = $0.stamps.removeValue(forKey: identity) }
    }
}

/// What the names and handles of a file share.
private final class MemoryStorage: Sendable {
    private static let nextNumber = Atomic<UInt64>(1)

    let identity = FileStatus.Identity(
        device: 0, number: nextNumber.wrappingAdd(1, ordering: .relaxed).oldValue)
    private let content: Mutex<[UInt8]>

    init(_ bytes: [UInt8] = []) { content = Mutex(bytes) }

    var bytes: [UInt8] { content.withLock { $0 } }

    func replace(at offset: Int, with new: [UInt8]) {
        content.withLock { bytes in
            let missing = offset + new.count - bytes.count
            if missing > 0 { bytes.append(contentsOf: [UInt8](repeating: 0, count: missing)) }
            bytes.replaceSubrange(offset..<offset + new.count, with: new)
        }
    }
}

/// An open file of a `MemoryFileSystem`.
private final class MemoryFile: WritableFile {
    let path: String
    private let storage: MemoryStorage
    private let isOpen = Atomic(true)

    init(_ path: String, _ storage: MemoryStorage) {
        self.path = path
        self.storage = storage
    }

    func length() throws(GranaryError) -> UInt64 { UInt64(try bytes().count) }

    func read(at offset: UInt64, count: Int) throws(GranaryError) -> [UInt8] {
        let bytes = try bytes()
        guard count >= 0, Int64(exactly: offset) != nil else {
            throw GranaryError(.invalidArgument, "expected a range of a file", path: path, byteOffset: offset)
        }
        guard offset <= bytes.count, count <= bytes.count - Int(offset) else {
            throw GranaryError(
                .truncated, "expected \(count) bytes, found a file of \(bytes.count)", path: path,
                byteOffset: offset)
        }
        return Array(bytes[Int(offset)..<Int(offset) + count])
    }

    func write(_ source: RawSpan, at offset: UInt64) throws(GranaryError) {
        _ = try bytes()
        guard let start = Int(exactly: offset), start <= Int.max - source.byteCount else {
            throw GranaryError(.invalidArgument, "expected an offset of a file, found \(offset)", path: path)
        }
        guard source.byteCount > 0 else { return }
        var writer = ByteWriter()
        writer.append(source)
        storage.replace(at: start, with: writer.bytes)
    }

    func sync() throws(GranaryError) { _ = try bytes() }

    func map() throws(GranaryError) -> MappedBytes {
        let bytes = try bytes()
        guard !bytes.isEmpty else {
            throw GranaryError(.truncated, "expected a file with bytes in it, found an empty one", path: path)
        }
        return MappedBytes(copying: bytes)
    }

    func close() { isOpen.store(false, ordering: .relaxed) }

    private func bytes() throws(GranaryError) -> [UInt8] {
        guard isOpen.load(ordering: .relaxed) else {
            throw GranaryError(.invalidArgument, "expected an open file, found a closed one", path: path)
        }
        return storage.bytes
    }
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
            if isHeld { owner.unlock(identity) }
            isHeld = false
        }
    }
}
