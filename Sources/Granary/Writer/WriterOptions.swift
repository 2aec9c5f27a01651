/// How a writer works.
public struct WriterOptions: Sendable {
    /// Memory for documents that are not on disk, in bytes; at least 16 MiB. A segment is finished when it is
    /// reached; documents that come meanwhile take as much again at most. Finishing adds up to 64 MiB for
    /// each
    /// thread. The collection to build at once wants more than a service with a trickle of updates.
    public var memoryBytes: Int
    /// Threads that build a segment; at least 1.
    public var threads: Int
    /// The most documents of a segment; at least 1.
    public var segmentDocuments: Int
    /// How segments are built.
    public var build: BuildOptions
    /// Names the components 0, 1, … of an index without documents. Nil: documents with tokens get components
    /// in order of appearance, documents with components have no tokens.
    public var vocabulary: [String]?
    /// When the writer commits by itself; nil for never.
    public var autoCommit: AutoCommit?
    /// When and how segments are merged.
    public var merging: MergeOptions
    /// The longest time that an operation waits for a flush, a merge or a prepared commit before it throws
    /// `stalled`.
    public var maximumStall: Duration
    /// Bytes of ballast on disk that are given up when the disk is full, so that deletes can still be
    /// committed; 0 for none. 1 MiB does for about two million documents.
    public var reserveBytes: Int
    /// Called now and then during long work, from the writing thread or a building one.
    public var progress: (@Sendable (WorkProgress) -> Void)?
    /// Stops long work from another thread.
    public var cancellation: Cancellation?
    /// A mistake to make, for tests.
    var mutant: WriterMutant?

    /// Makes options.
    public init(
        memoryBytes: Int = 64 << 20, threads: Int? = nil, segmentDocuments: Int = 1 << 30,
        build: BuildOptions = BuildOptions(), vocabulary: [String]? = nil, autoCommit: AutoCommit? = nil,
        merging: MergeOptions = MergeOptions(), maximumStall: Duration = .seconds(30),
        reserveBytes: Int = 1 << 20,
        progress: (@Sendable (WorkProgress) -> Void)? = nil, cancellation: Cancellation? = nil
    ) {
        self.memoryBytes = memoryBytes
        self.threads = threads ?? Parallel.coreCount
        self.segmentDocuments = segmentDocuments
        self.build = build
        self.vocabulary = vocabulary
        self.autoCommit = autoCommit
        self.merging = merging
        self.maximumStall = maximumStall
        self.reserveBytes = reserveBytes
        self.progress = progress
        self.cancellation = cancellation
    }

    /// - Throws: `invalidArgument`.
    func validate() throws(GranaryError) {
        guard memoryBytes >= 16 << 20 else {
            throw GranaryError(
                .invalidArgument, "expected at least 16 MiB of memory, found \(memoryBytes) bytes")
        }
        guard threads >= 1, segmentDocuments >= 1 else {
            throw GranaryError(.invalidArgument, "expected at least one thread and one document a segment")
        }
        guard maximumStall >= .zero, maximumStall <= .seconds(86_400), (0...1 << 30).contains(reserveBytes)
        else {
            throw GranaryError(
                .invalidArgument,
                "expected a stall of up to a day and a reserve of 0 to 1 GiB, found \(maximumStall) and "
                    + "\(reserveBytes) bytes")
        }
        try autoCommit?.validate()
        try merging.validate()
        try build.validate()
    }
}

/// What a commit published.
public struct CommitReceipt: Sendable, Equatable {
    /// The generation of the manifest.
    public var generation: UInt64
    /// Every operation with a smaller number is durable.
    public var sequence: UInt64
    /// Live documents.
    public var documents: Int
}

/// A mistake that a writer could make in the order of what it does. A test makes it and sees that it is found
/// out; nobody else can ask for one.
enum WriterMutant: Sendable, CaseIterable {
    // Flushes.
    /// Documents whose segment could not be made are forgotten.
    case batchLostAtFailedFlush
    /// Deletes that come while their documents are made into a segment are forgotten.
    case sealedDeletesLost

    // Commits.
    /// What a refresh has put in memory is listed without being written.
    case memoryListedUnwritten
    /// The tombstones of now are published, not those of the cut.
    case laterDeletesPublished
    /// Tombstones count as committed once they are written.
    case tombstonesTrustedUnpublished
    /// What has been taken in counts as durable.
    case durableBeforePublication
    /// A rollback leaves documents dead that it should bring back.
    case deletesKeptAtRollback

    // Merges.
    /// Deletes that were committed during a merge are not in the manifest that it publishes.
    case committedDeletesDropped
    /// Deletes of inputs that wait for a commit are not carried into the output.
    case pendingDeletesDropped
    /// A merge lists the segments that there were when it began.
    case segmentsListedStale
    /// The inputs go before the manifest is durable that does without them.
    case inputsRemovedEarly
    /// The output goes though it may have been published.
    case outputRemovedInDoubt

    // Segments that come and go.
    /// Segments of another index are listed before their files are here.
    case attachedBeforeCopied
    /// Segments are gone from here before they are elsewhere.
    case detachedBeforeCopied
}
