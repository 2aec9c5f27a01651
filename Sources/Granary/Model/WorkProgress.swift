import Synchronization

/// How far a long operation has come.
public struct WorkProgress: Sendable {
    /// What is being done. Phases follow one another in this order.
    public enum Phase: String, Sendable, Codable, CaseIterable {
        /// Posting lists of a file are made documents; the unit is bytes of the file.
        case transposing
        /// Documents are taken in; the unit is documents.
        case reading
        /// Rows are encoded and documents numbered; the unit is documents.
        case numbering
        /// Posting lists are made; the unit is documents.
        case inverting
        /// Lists are cut into blocks and summarised; the unit is postings.
        case clustering
        /// Files are written; the unit is documents.
        case writing
        /// Settings are measured for each recall; the unit is queries.
        case calibrating
        /// The new generation is published; the unit is files.
        case committing
        /// Checksums are compared; the unit is bytes.
        case verifying
        /// Files are linked or copied; the unit is bytes.
        case copying
    }

    /// What is being done.
    public var phase: Phase
    /// Units done so far.
    public var done: UInt64
    /// Units in all, where known.
    public var total: UInt64?

    /// Makes a progress value.
    public init(phase: Phase, done: UInt64, total: UInt64? = nil) {
        self.phase = phase
        self.done = done
        self.total = total
    }
}

/// A flag that stops a long operation from any thread. The operation then throws `cancelled`.
public final class Cancellation: Sendable {
    private let flag = Atomic(false)

    /// Makes a flag that is not set.
    public init() {}

    /// Sets the flag.
    public func cancel() { flag.store(true, ordering: .relaxed) }

    /// Whether the flag is set.
    public var isCancelled: Bool { flag.load(ordering: .relaxed) }

    /// Throws `cancelled` once the flag is set.
    public func check() throws(GranaryError) {
        if isCancelled { throw GranaryError(.cancelled, "the operation was cancelled") }
    }
}
