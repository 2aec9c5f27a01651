/// What an entry of a directory is.
public struct FileStatus: Sendable, Equatable {
    /// Kinds of entries.
    public enum Kind: Sendable { case file, directory, other }
    /// What it is.
    public var kind: Kind
    /// Bytes of a file.
    public var length: UInt64
    /// The device and number of the file: two names of one file have the same.
    public var identity: Identity

    /// The device and number of a file.
    public struct Identity: Sendable, Hashable {
        var device: UInt64
        var number: UInt64

        /// Makes an identity.
        public init(device: UInt64, number: UInt64) {
            self.device = device
            self.number = number
        }
    }

    /// Makes a status.
    public init(kind: Kind, length: UInt64, identity: Identity) {
        self.kind = kind
        self.length = length
        self.identity = identity
    }
}

/// All that the engine asks of a file system; nothing else in the engine calls the system.
///
/// Implementations: `PosixFileSystem` (the system), `MemoryFileSystem`, `RecordingFileSystem` (crash images),
/// `FaultyFileSystem` (failures on demand). Paths use `/`. Names are never reused, so nothing is ever
/// replaced.
public protocol FileSystem: Sendable {
    /// Makes a file that must not be there (a link does not count as absent), for writing and reading.
    func create(_ path: String) throws(GranaryError) -> any WritableFile
    /// Opens a regular file; anything else is `wrongFile`.
    func openForReading(_ path: String) throws(GranaryError) -> any ReadableFile
    /// Renames; `alreadyExists` when `target` is there.
    func rename(_ path: String, to target: String) throws(GranaryError)
    /// Gives a file a second name; `alreadyExists` when `target` is there.
    func link(_ path: String, to target: String) throws(GranaryError)
    /// Removes a name.
    func unlink(_ path: String) throws(GranaryError)
    /// Makes a directory in one that exists.
    func createDirectory(_ path: String) throws(GranaryError)
    /// Removes an empty directory.
    func removeDirectory(_ path: String) throws(GranaryError)
    /// The names in a directory, sorted.
    func list(_ directory: String) throws(GranaryError) -> [String]
    /// What a path names, without following a link; nil when there is nothing.
    func status(_ path: String) throws(GranaryError) -> FileStatus?
    /// Makes the bytes of a regular file durable, whoever wrote them; its names are those of directories.
    func syncFile(_ path: String) throws(GranaryError)
    /// Makes the entries of a directory durable.
    func syncDirectory(_ path: String) throws(GranaryError)
    /// Takes the lock of a file, which is made if need be, and stamps it with `stamp`; `locked` names the
    /// holder's stamp.
    func lock(_ path: String, stamp: String) throws(GranaryError) -> any FileLock
    /// Free bytes for this process.
    func freeBytes(_ path: String) throws(GranaryError) -> UInt64
    /// 128 random bits.
    func randomIdentifier() -> Identifier128
    /// Nanoseconds since 1970.
    func now() -> UInt64
}

/// A file open for reading.
public protocol ReadableFile: AnyObject, Sendable {
    /// The path that it was opened by.
    var path: String { get }
    /// Its length now.
    func length() throws(GranaryError) -> UInt64
    /// Exactly `count` bytes, or `truncated`.
    func read(at offset: UInt64, count: Int) throws(GranaryError) -> [UInt8]
    /// Maps the whole file as it is now; `truncated` for an empty one.
    func map() throws(GranaryError) -> MappedBytes
    /// Closes it; mappings stay.
    func close()
}

/// What batched reads need to go to the system past `ReadableFile.read`.
package struct BatchAccess: Sendable {
    /// A descriptor of the same open file, which the receiver closes.
    package var descriptor: Int32
    /// Asked before each read; what it throws the read throws. Nil lets all pass.
    package var gate: (@Sendable (_ offset: UInt64, _ count: Int) throws(GranaryError) -> Void)?
}

/// A file that batched reads may read past `ReadableFile.read`. Files without this are read by that.
package protocol BatchReadable: ReadableFile {
    /// A way to the system; nil where there is none.
    func batchAccess() throws(GranaryError) -> BatchAccess?
}

/// A file open for writing.
public protocol WritableFile: ReadableFile {
    /// Writes all bytes.
    func write(_ bytes: RawSpan, at offset: UInt64) throws(GranaryError)
    /// Makes what was written durable. After a failure the file must be given up: a second call may lie.
    func sync() throws(GranaryError)
}

/// A lock, held until it is released or its process ends.
public protocol FileLock: AnyObject, Sendable {
    /// Whether the locked file is still the one at its path.
    func isStillHeld() -> Bool
    /// Gives it up.
    func release()
}
