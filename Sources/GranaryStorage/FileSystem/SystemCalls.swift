internal import CGranary
#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The system calls of the engine: with `PosixFileSystem` the only place that makes any.
enum SystemCalls {
    static let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))

    /// The error of a failed call.
    static func error(_ call: String, _ number: Int32, path: String) -> GranaryError {
        let code: GranaryError.Code
        switch number {
        case ENOSPC, EDQUOT, EFBIG: code = .diskFull
        case ENOENT, ENOTDIR: code = .notFound
        case EEXIST, ENOTEMPTY: code = .alreadyExists
        case EACCES, EPERM, EROFS: code = .permissionDenied
        case ELOOP, EISDIR, ENXIO: code = .wrongFile
        default: code = .io
        }
        // SAFETY: strerror returns a C string; it is copied at once.
        let text = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
        return GranaryError(code, "\(call): \(text)", path: path, systemError: number)
    }

    /// Calls again while a signal interrupts.
    static func retrying(_ call: () -> Int) -> Int {
        while true {
            let result = call()
            if result != -1 || errno != EINTR { return result }
        }
    }

    /// Opens a file; the descriptor is not passed on to other programs.
    static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o644) throws(GranaryError) -> Int32 {
        // SAFETY: the path is a C string during the call.
        let descriptor = retrying { Int(unsafe Self.openNamed(path, flags | O_CLOEXEC, mode)) }
        guard descriptor >= 0 else { throw error("open", errno, path: path) }
        return Int32(descriptor)
    }

    private static func openNamed(_ path: UnsafePointer<CChar>, _ flags: Int32, _ mode: mode_t) -> Int32 {
        #if canImport(Glibc)
            unsafe Glibc.open(path, flags, mode)
        #elseif canImport(Musl)
            unsafe Musl.open(path, flags, mode)
        #else
            unsafe Darwin.open(path, flags, mode)
        #endif
    }

    static func close(_ descriptor: Int32) -> Int32 {
        #if canImport(Glibc)
            Glibc.close(descriptor)
        #elseif canImport(Musl)
            Musl.close(descriptor)
        #else
            Darwin.close(descriptor)
        #endif
    }

    static func status(descriptor: Int32, path: String) throws(GranaryError) -> stat {
        var info = stat()
        // SAFETY: the call fills the structure or fails.
        guard unsafe fstat(descriptor, &info) == 0 else { throw error("fstat", errno, path: path) }
        return info
    }

    static func fileStatus(_ info: stat) -> FileStatus {
        let format = info.st_mode & S_IFMT
        return FileStatus(
            kind: format == S_IFREG ? .file : format == S_IFDIR ? .directory : .other,
            length: UInt64(max(0, info.st_size)),
            identity: FileStatus.Identity(device: UInt64(info.st_dev), number: UInt64(info.st_ino)))
    }

    static func sync(_ descriptor: Int32, path: String) throws(GranaryError) {
        guard retrying({ Int(fsync(descriptor)) }) == 0 else { throw error("fsync", errno, path: path) }
    }

    /// Maps `count` bytes of a file for reading.
    static func map(_ descriptor: Int32, count: Int, path: String) throws(GranaryError) -> MappedBytes {
        // SAFETY: a fresh mapping, for reading; its result is checked before it is used.
        let start = unsafe mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let start = unsafe start, unsafe start != MAP_FAILED else {
            throw error("mmap", errno, path: path)
        }
        return unsafe MappedBytes(mapping: UnsafeRawBufferPointer(start: start, count: count))
    }

    @unsafe static func unmap(_ base: UnsafeRawBufferPointer) {
        if let start = base.baseAddress {
            unsafe munmap(UnsafeMutableRawPointer(mutating: start), base.count)
        }
    }

    @unsafe static func advise(
        _ base: UnsafeRawBufferPointer, _ range: Range<Int>, _ advice: MappedBytes.Advice
    ) {
        let (from, to) = pages(range, of: base.count)
        guard from < to, let start = base.baseAddress else { return }
        let value: Int32
        switch advice {
        case .normal: value = Int32(MADV_NORMAL)
        case .random: value = Int32(MADV_RANDOM)
        case .sequential: value = Int32(MADV_SEQUENTIAL)
        case .willNeed: value = Int32(MADV_WILLNEED)
        }
        // SAFETY: the pages lie inside the mapping.
        _ = unsafe madvise(UnsafeMutableRawPointer(mutating: start + from), to - from, value)
    }

    @unsafe static func residentBytes(_ base: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int {
        let (from, to) = pages(range, of: base.count)
        guard from < to, let start = base.baseAddress else { return 0 }
        var resident = [UInt8](repeating: 0, count: (to - from + pageBytes - 1) / pageBytes)
        // SAFETY: the pages lie inside the mapping, and there is a byte for each.
        guard unsafe mincore(UnsafeMutableRawPointer(mutating: start + from), to - from, &resident) == 0
        else { return 0 }
        return resident.count { $0 & 1 == 1 } * pageBytes
    }

    private static func pages(_ range: Range<Int>, of count: Int) -> (Int, Int) {
        (max(0, range.lowerBound) / pageBytes * pageBytes, min(count, range.upperBound))
    }

    /// Random bits of the kernel, mixed with the time and the process so that two never agree even where it
    /// fails.
    static func randomIdentifier() -> Identifier128 {
        var generator = SystemRandomNumberGenerator()
        return Identifier128(
            high: generator.next() ^ now(), low: generator.next() ^ UInt64(UInt32(bitPattern: getpid())) << 32
        )
    }

    /// Who this process is, for the holder of a lock: for people only.
    static func processStamp() -> String {
        "process \(getpid()) since \(now() / 1_000_000_000) (seconds since 1970)"
    }

    static func now() -> UInt64 {
        var time = timespec()
        // SAFETY: the call fills the structure that it is given.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// The processor.
public enum Processor {
    /// Cores that are online.
    public static let coreCount = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
}

extension GranaryError {
    /// Whether the system refused what it should never refuse: its word about the disk is in doubt. A full
    /// disk, and a lack of files or permissions, pass.
    package var castsDoubt: Bool { code == .io && systemError == EIO }
}
