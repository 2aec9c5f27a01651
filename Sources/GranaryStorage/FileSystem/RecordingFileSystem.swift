import Synchronization

/// A file system in memory that records what is done to it, so that every state that a crash may leave can be
/// made.
///
/// Safe to use from several threads: operations are recorded in the order in which they happened. For tests.
package final class RecordingFileSystem: FileSystem {
    /// What was there at the beginning, durable.
    package let initial: [String: MemoryFileSystem.Entry]
    private let base: MemoryFileSystem
    private let log = OperationLog()

    /// An empty one.
    package convenience init(seed: UInt64 = 1) { self.init(from: [:], seed: seed) }

    /// Begins with what an image holds, to record what is done after a crash.
    package init(from entries: [String: MemoryFileSystem.Entry], seed: UInt64 = 1) {
        base = MemoryFileSystem(entries, seed: seed)
        initial = base.entries
    }

    /// What has been done so far.
    package var operations: [FileOperation] { log.operations }

    /// What it holds now, as processes see it: durable or not.
    package var entries: [String: MemoryFileSystem.Entry] { base.entries }

    /// Records something that a workload says of itself, to be known with every image from here on.
    package func note(_ name: String, _ value: UInt64) { log.append(.note(name: name, value: value)) }

    package func create(_ path: String) throws(GranaryError) -> any WritableFile {
        try log.recording { operations throws(GranaryError) in
            let file = try base.create(path)
            let number = try number(path)
            operations.append(.create(path: path, file: number))
            return RecordingFile(file, number, log)
        }
    }

    package func openForReading(_ path: String) throws(GranaryError) -> any ReadableFile {
        try base.openForReading(path)
    }

    package func rename(_ path: String, to target: String) throws(GranaryError) {
        try log.recording { operations throws(GranaryError) in
            try base.rename(path, to: target)
            operations.append(.rename(path: path, target: target))
        }
    }

    package func link(_ path: String, to target: String) throws(GranaryError) {
        try log.recording { operations throws(GranaryError) in
            try base.link(path, to: target)
            operations.append(.link(path: target, file: try number(target)))
        }
    }

    package func unlink(_ path: String) throws(GranaryError) {
        try log.recording { operations throws(GranaryError) in
            try base.unlink(path)
            operations.append(.unlink(path: path))
        }
    }

    package func createDirectory(_ path: String) throws(GranaryError) {
        try log.recording { operations throws(GranaryError) in
            try base.createDirectory(path)
            operations.append(.createDirectory(path: path))
        }
    }

    package func removeDirectory(_ path: String) throws(GranaryError) {
        try log.recording { operations throws(GranaryError) in
            try base.removeDirectory(path)
            operations.append(.removeDirectory(path: path))
        }
    }

    package func list(_ directory: String) throws(GranaryError) -> [String] { try base.list(directory) }

    package func status(_ path: String) throws(GranaryError) -> FileStatus? { try base.status(path) }

    package func syncFile(_ path: String) throws(GranaryError) {
        try log.recording { operations throws(GranaryError) in
            try base.syncFile(path)
            operations.append(.syncFile(try number(path)))
        }
    }

    package func syncDirectory(_ path: String) throws(GranaryError) {
        try log.recording { operations throws(GranaryError) in
            try base.syncDirectory(path)
            operations.append(.syncDirectory(path: path))
        }
    }

    package func lock(_ path: String, stamp: String) throws(GranaryError) -> any FileLock {
        try log.recording { operations throws(GranaryError) in
            let isNew = try base.status(path) == nil
            let lock = try base.lock(path, stamp: stamp)
            if isNew { operations.append(.create(path: path, file: try number(path))) }
            return lock
        }
    }

    package func freeBytes(_ path: String) throws(GranaryError) -> UInt64 { try base.freeBytes(path) }
    package func randomIdentifier() -> Identifier128 { base.randomIdentifier() }
    package func now() -> UInt64 { base.now() }

    private func number(_ path: String) throws(GranaryError) -> Int {
        guard let status = try base.status(path) else {
            throw GranaryError(.notFound, "expected a file", path: path)
        }
        return Int(status.identity.number)
    }
}

/// The history, shared by a file system and its open files.
private final class OperationLog: Sendable {
    private let content = Mutex<[FileOperation]>([])

    var operations: [FileOperation] { content.withLock { $0 } }

    func append(_ operation: FileOperation) { content.withLock { $0.append(operation) } }

    /// Does something and records it in one step, so that the order of the record is that of the deeds.
    func recording<Result: Sendable>(
        _ body: (inout [FileOperation]) throws(GranaryError) -> Result
    ) throws(GranaryError) -> Result {
        try content.withLock { operations throws(GranaryError) in try body(&operations) }
    }
}

/// An open file of a `RecordingFileSystem`.
private final class RecordingFile: WritableFile {
    private let base: any WritableFile
    private let number: Int
    private let log: OperationLog

    init(_ base: any WritableFile, _ number: Int, _ log: OperationLog) {
        self.base = base
        self.number = number
        self.log = log
    }

    var path: String { base.path }
    func length() throws(GranaryError) -> UInt64 { try base.length() }
    func read(at offset: UInt64, count: Int) throws(GranaryError) -> [UInt8] {
        try base.read(at: offset, count: count)
    }
    func map() throws(GranaryError) -> MappedBytes { try base.map() }
    func close() { base.close() }

    func write(_ bytes: RawSpan, at offset: UInt64) throws(GranaryError) {
        try base.write(bytes, at: offset)
        var writer = ByteWriter()
        writer.append(bytes)
        if bytes.byteCount > 0 { log.append(.write(file: number, offset: Int(offset), bytes: writer.bytes)) }
    }

    func sync() throws(GranaryError) {
        try log.recording { operations throws(GranaryError) in
            try base.sync()
            operations.append(.syncFile(number))
        }
    }
}
