internal import CGranary
import Synchronization
#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The file system of the machine.
public struct PosixFileSystem: FileSystem {
    /// Makes one; it has no state.
    public init() {}

    public func create(_ path: String) throws(GranaryError) -> any WritableFile {
        PosixFile(path, try SystemCalls.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW))
    }

    public func openForReading(_ path: String) throws(GranaryError) -> any ReadableFile {
        // Without blocking: a pipe in the place of a file must not hang the process.
        let file = PosixFile(path, try SystemCalls.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK))
        guard
            SystemCalls.fileStatus(try SystemCalls.status(descriptor: file.descriptor, path: path)).kind
                == .file
        else {
            throw GranaryError(.wrongFile, "expected a regular file", path: path)
        }
        return file
    }

    public func rename(_ path: String, to target: String) throws(GranaryError) {
        // SAFETY: both paths are null-terminated copies that live during the call.
        let number = unsafe granary_rename_no_replace(path, target)
        guard number == 0 else {
            throw SystemCalls.error("rename", number, path: number == EEXIST ? target : path)
        }
    }

    public func link(_ path: String, to target: String) throws(GranaryError) {
        try check("link", path) { unsafe linkat(AT_FDCWD, path, AT_FDCWD, target, 0) }
    }

    public func unlink(_ path: String) throws(GranaryError) {
        try check("unlink", path) { unsafe unlinkat(AT_FDCWD, path, 0) }
    }

    public func createDirectory(_ path: String) throws(GranaryError) {
        try check("mkdir", path) { unsafe mkdir(path, 0o755) }
    }

    public func removeDirectory(_ path: String) throws(GranaryError) {
        try check("rmdir", path) { unsafe rmdir(path) }
    }

    public func list(_ directory: String) throws(GranaryError) -> [String] {
        guard let stream = unsafe opendir(directory) else {
            throw SystemCalls.error("opendir", errno, path: directory)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                guard errno == 0 else { throw SystemCalls.error("readdir", errno, path: directory) }
                return names.sorted()
            }
            // SAFETY: d_name is a C string inside the entry, which lives until the next call.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            if name != "." && name != ".." { names.append(name) }
        }
    }

    public func status(_ path: String) throws(GranaryError) -> FileStatus? {
        var info = stat()
        guard unsafe lstat(path, &info) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw SystemCalls.error("lstat", errno, path: path)
        }
        return SystemCalls.fileStatus(info)
    }

    public func syncFile(_ path: String) throws(GranaryError) {
        let descriptor = try SystemCalls.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        defer { _ = SystemCalls.close(descriptor) }
        guard
            SystemCalls.fileStatus(try SystemCalls.status(descriptor: descriptor, path: path)).kind == .file
        else { throw GranaryError(.wrongFile, "expected a regular file", path: path) }
        try SystemCalls.sync(descriptor, path: path)
    }

    public func syncDirectory(_ path: String) throws(GranaryError) {
        let descriptor = try SystemCalls.open(path, O_RDONLY | O_DIRECTORY)
        defer { _ = SystemCalls.close(descriptor) }
        try SystemCalls.sync(descriptor, path: path)
    }

    public func lock(_ path: String, stamp: String) throws(GranaryError) -> any FileLock {
        try PosixLock(path, stamp: stamp)
    }

    public func freeBytes(_ path: String) throws(GranaryError) -> UInt64 {
        var info = statvfs()
        // SAFETY: the call fills the structure or fails.
        guard unsafe statvfs(path, &info) == 0 else { throw SystemCalls.error("statvfs", errno, path: path) }
        return UInt64(info.f_bavail).multipliedReportingOverflow(by: UInt64(info.f_frsize)).partialValue
    }

    public func randomIdentifier() -> Identifier128 { SystemCalls.randomIdentifier() }
    public func now() -> UInt64 { SystemCalls.now() }

    private func check(_ call: String, _ path: String, _ body: () -> Int32) throws(GranaryError) {
        guard body() == 0 else { throw SystemCalls.error(call, errno, path: path) }
    }
}

/// An open file.
private final class PosixFile: WritableFile, BatchReadable {
    let path: String
    private let number: Int32
    private let isOpen = Mutex(true)

    init(_ path: String, _ descriptor: Int32) {
        self.path = path
        number = descriptor
    }

    /// The descriptor: once it is closed, its number may be another file's.
    var descriptor: Int32 {
        get throws(GranaryError) {
            guard isOpen.withLock({ $0 }) else {
                throw GranaryError(.invalidArgument, "expected an open file, found a closed one", path: path)
            }
            return number
        }
    }

    deinit { close() }

    func length() throws(GranaryError) -> UInt64 {
        SystemCalls.fileStatus(try SystemCalls.status(descriptor: descriptor, path: path)).length
    }

    func read(at offset: UInt64, count: Int) throws(GranaryError) -> [UInt8] {
        let descriptor = try descriptor
        guard count >= 0, let start = off_t(exactly: offset), start <= off_t.max - off_t(count) else {
            throw GranaryError(.invalidArgument, "expected a range of a file", path: path, byteOffset: offset)
        }
        // Room for a few bytes too many does no harm; for many it may not be there.
        if count > 1 << 20, UInt64(count) > max(offset, try length()) - offset {
            throw GranaryError(
                .truncated, "expected \(count) bytes, found the end of the file", path: path,
                byteOffset: offset)
        }
        var (done, failed) = (0, Int32(0))
        // SAFETY: pread is told the room that is left behind `done`; only what it filled is kept.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while done < count, let base = buffer.baseAddress {
                let result = SystemCalls.retrying {
                    unsafe pread(descriptor, base + done, count - done, start + off_t(done))
                }
                if result < 0 { failed = errno }
                if result <= 0 { break }
                done += result
            }
            filled = done
        }
        if failed != 0 { throw SystemCalls.error("pread", failed, path: path) }
        guard done == count else {
            throw GranaryError(
                .truncated, "expected \(count) bytes, found \(done)", path: path, byteOffset: offset)
        }
        return bytes
    }

    func write(_ bytes: RawSpan, at offset: UInt64) throws(GranaryError) {
        let descriptor = try descriptor
        guard let start = off_t(exactly: offset), start <= off_t.max - off_t(bytes.byteCount) else {
            throw GranaryError(.invalidArgument, "expected an offset of a file, found \(offset)", path: path)
        }
        // SAFETY: pwrite is told how many bytes are left behind `done`.
        let failed: Int32 = unsafe bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count, let base = buffer.baseAddress {
                let result = SystemCalls.retrying {
                    unsafe pwrite(descriptor, base + done, buffer.count - done, start + off_t(done))
                }
                if result < 0 { return errno }
                if result == 0 { return ENOSPC }
                done += result
            }
            return 0
        }
        guard failed == 0 else { throw SystemCalls.error("pwrite", failed, path: path) }
    }

    func sync() throws(GranaryError) { try SystemCalls.sync(descriptor, path: path) }

    func map() throws(GranaryError) -> MappedBytes {
        guard let count = Int(exactly: try length()), count > 0 else {
            throw GranaryError(.truncated, "expected a file with bytes in it, found an empty one", path: path)
        }
        return try SystemCalls.map(descriptor, count: count, path: path)
    }

    func batchAccess() throws(GranaryError) -> BatchAccess? {
        let copy = granary_duplicate(try descriptor)
        guard copy >= 0 else { throw SystemCalls.error("fcntl", errno, path: path) }
        return BatchAccess(descriptor: copy, gate: nil)
    }

    func close() {
        isOpen.withLock { isOpen in
            if isOpen { _ = SystemCalls.close(number) }
            isOpen = false
        }
    }
}

/// A kernel lock of an open file description: it ends with its process, however that ends, closing another
/// descriptor of the file does not drop it, and two of one process exclude each other.
private final class PosixLock: FileLock {
    private let path: String
    private let descriptor: Int32
    private let identity: FileStatus.Identity
    private let isHeld = Mutex(true)

    init(_ path: String, stamp: String) throws(GranaryError) {
        let descriptor = try SystemCalls.open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK)
        do throws(GranaryError) {
            let status = SystemCalls.fileStatus(try SystemCalls.status(descriptor: descriptor, path: path))
            guard status.kind == .file else {
                throw GranaryError(.wrongFile, "expected a regular file", path: path)
            }
            let number = granary_lock(descriptor)
            guard number == 0 else {
                throw number == EAGAIN
                    ? Self.locked(descriptor, path) : SystemCalls.error("lock", number, path: path)
            }
            // Between opening and locking, its last holder may have removed it, and another have locked a new
            // one.
            guard try PosixFileSystem().status(path)?.identity == status.identity else {
                throw GranaryError(
                    .locked, "expected a free index, found its lock replaced meanwhile", path: path)
            }
            identity = status.identity
        } catch {
            _ = SystemCalls.close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
        // The stamp is for people: a failure to write it is no reason to fail.
        _ = ftruncate(descriptor, 0)
        let bytes = Array(stamp.utf8)
        // SAFETY: exactly the bytes of the array are read.
        _ = unsafe bytes.withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    deinit { release() }

    private static func locked(_ descriptor: Int32, _ path: String) -> GranaryError {
        var stamp = [UInt8](repeating: 0, count: 200)
        let count = unsafe stamp.withUnsafeMutableBytes {
            unsafe pread(descriptor, $0.baseAddress, $0.count, 0)
        }
        let holder = count > 0 ? String(decoding: stamp.prefix(count), as: UTF8.self) : "an unknown process"
        return GranaryError(.locked, "expected a free index, found it held by \(holder)", path: path)
    }

    func isStillHeld() -> Bool {
        guard isHeld.withLock({ $0 }), let status = try? PosixFileSystem().status(path) else { return false }
        return status.identity == identity
    }

    func release() {
        isHeld.withLock { isHeld in
            guard isHeld else { return }
            isHeld = false
            // A child that is being started has a copy of the descriptor, which keeps the lock until it runs
            // its program.
            _ = granary_unlock(descriptor)
            _ = SystemCalls.close(descriptor)
        }
    }
}
