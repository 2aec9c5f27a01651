internal import CGranary

/// A way to read many small pieces of a file at once, the slowest first when the disk is cold.
///
/// In the page cache all cost about the same; the order is that of a device that works on many requests.
public enum ReadMethod: String, Sendable, CaseIterable, CustomStringConvertible {
    /// One read or page fault after the other.
    case mapped
    /// The system is told of all pieces (`madvise`), then they are used one after the other.
    case advised
    /// Several threads, each with a read of its own.
    case parallel
    /// `io_uring`: the kernel gets all reads at once.
    case ring

    /// Its name, as options and statistics have it.
    public var description: String { rawValue }

    /// Why the kernel refuses a method, as an errno; nil when it does not. Found out once in a process.
    public var refusal: Int32? { self == .ring ? RingPool.refusal : nil }

    /// The fastest that the kernel allows: by capability, as which is the fastest on a warm or a loaded
    /// machine no short measurement can say.
    ///
    /// - Parameter wanted: taken if it is allowed.
    public static func best(_ wanted: ReadMethod? = nil) -> ReadMethod {
        if let wanted, wanted.refusal == nil { return wanted }
        return allCases.last { $0.refusal == nil } ?? .mapped
    }
}

/// How batches are read.
package struct ReadOptions: Sendable {
    /// The method; nil for the best. One that the kernel refuses is replaced by the best.
    package var method: ReadMethod?
    /// Threads of `ReadMethod.parallel`, the calling one among them: 1 to 64.
    package var threadCount = 16
    /// Reads in flight of `ReadMethod.ring`: 1 to 128.
    package var depth = 128
    /// How many bytes of the mapping may be in this process; nil for no limit.
    package var residentBytes: Int?

    /// The defaults.
    package init() {}
}

/// What a reader has done so far.
package struct ReadCounts: Sendable, Equatable {
    /// Batches, also those that failed.
    package var batches = 0
    /// Pages that were asked for and in memory.
    package var pagesFound = 0
    /// Pages that were asked for and had to be read, by batches that populate.
    package var pagesRead = 0
    /// Bytes that were copied, by batches that read into slots.
    package var bytesCopied = 0
    /// Batches that wanted the ring and were read by threads, as the kernel had no ring left.
    package var ringsMissing = 0
}
