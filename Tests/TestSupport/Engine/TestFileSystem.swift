public import GranaryStorage
import Synchronization

/// A file system in memory with names of a fixed sequence, a disk that can be full, and files that can be
/// looked at and changed from outside.
public final class TestFileSystem: FileSystem {
    private struct State {
        var random: TestRandom
        var writable: Int?
        var written = 0
    }
    private let base: MemoryFileSystem
    private let state: Mutex<State>

    /// - Parameter seed: of the random names.
    public convenience init(seed: UInt64 = 1) { self.init(MemoryFileSystem(), seed: seed) }

    private init(_ base: MemoryFileSystem, seed: UInt64) {
        self.base = base
        state = Mutex(State(random: TestRandom(seed: seed)))
    }

    /// What a process that dies now leaves: all names and bytes, no locks. There is room on the disk.
    public func afterCrash(seed: UInt64) -> TestFileSystem {
        TestFileSystem(MemoryFileSystem(base.entries, seed: seed), seed: seed)
    }

    /// A directory with files in it.
    public convenience init(files: [String: [UInt8]], in directory: String) throws(GranaryError) {
        self.init(seed: 2)
        try createDirectory(directory)
        for (name, bytes) in files {
            try create("\(directory)/\(name)").write(bytes.rawBytes, at: 0)
        }
    }

    /// The disk is full once so many more bytes are written; nil for never.
    public func limitWrites(to bytes: Int?) {
        state.withLock { $0.writable = bytes }
    }

    /// Bytes written so far.
    public var writtenBytes: Int { state.withLock { $0.written } }

    /// Removes a directory of files.
    public func remove(directory: String) throws(GranaryError) {
        for name in try list(directory) { try unlink("\(directory)/\(name)") }
        try removeDirectory(directory)
    }

    /// All files of a directory.
    public func files(in directory: String) throws(GranaryError) -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try list(directory) where try status("\(directory)/\(name)")?.kind == .file {
            let file = try openForReading("\(directory)/\(name)")
            files[name] = try file.read(at: 0, count: Int(try file.length()))
        }
        return files
    }

    public func create(_ path: String) throws(GranaryError) -> any WritableFile {
        TestFile(try base.create(path), self)
    }
    public func openForReading(_ path: String) throws(GranaryError) -> any ReadableFile {
        try base.openForReading(path)
    }
    public func rename(_ path: String, to target: String) throws(GranaryError) {
        try base.rename(path, to: target)
    }
    public func link(_ path: String, to target: String) throws(GranaryError) {
        try base.link(path, to: target)
    }
    public func unlink(_ path: String) throws(GranaryError) { try base.unlink(path) }
    public func createDirectory(_ path: String) throws(GranaryError) { try base.createDirectory(path) }
    public func removeDirectory(_ path: String) throws(GranaryError) { try base.removeDirectory(path) }
    public func list(_ directory: String) throws(GranaryError) -> [String] { try base.list(directory) }
    public func status(_ path: String) throws(GranaryError) -> FileStatus? { try base.status(path) }
    public func syncFile(_ path: String) throws(GranaryError) { try base.syncFile(path) }
    public func syncDirectory(_ path: String) throws(GranaryError) { try base.syncDirectory(path) }
    public func lock(_ path: String, stamp: String) throws(GranaryError) -> any FileLock {
        try base.lock(path, stamp: stamp)
    }
    public func freeBytes(_ path: String) throws(GranaryError) -> UInt64 { try base.freeBytes(path) }
    public func now() -> UInt64 { 0 }
    public func randomIdentifier() -> Identifier128 {
        state.withLock { Identifier128(high: $0.random.next(), low: $0.random.next()) }
    }

    /// How many of some bytes still go onto the disk.
    fileprivate func take(_ count: Int) -> Int {
        state.withLock { state in
            let taken = min(count, state.writable ?? count)
            state.writable = state.writable.map { $0 - taken }
            state.written += taken
            return taken
        }
    }
}

/// A file whose writes count against the disk's room.
private final class TestFile: WritableFile {
    private let base: any WritableFile
    private let disk: TestFileSystem

    init(_ base: any WritableFile, _ disk: TestFileSystem) {
        self.base = base
        self.disk = disk
    }

    var path: String { base.path }
    func length() throws(GranaryError) -> UInt64 { try base.length() }
    func read(at offset: UInt64, count: Int) throws(GranaryError) -> [UInt8] {
        try base.read(at: offset, count: count)
    }
    func map() throws(GranaryError) -> MappedBytes { try base.map() }
    func close() { base.close() }
    func sync() throws(GranaryError) { try base.sync() }

    func write(_ bytes: RawSpan, at offset: UInt64) throws(GranaryError) {
        let taken = disk.take(bytes.byteCount)
        try base.write(bytes.extracting(0..<taken), at: offset)
        if taken < bytes.byteCount {
            throw GranaryError(.diskFull, "no room for \(bytes.byteCount) bytes", path: path)
        }
    }
}
