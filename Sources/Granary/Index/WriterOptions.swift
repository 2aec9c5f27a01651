/// How a writer works.
public struct WriterOptions: Sendable {
    /// Memory for documents that are not yet in a segment, in bytes; at least 16 MiB. A segment is finished
    /// when it is reached. Finishing adds up to 64 MiB for each thread.
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
    /// Called now and then during long work, from the writing thread or a building one.
    public var progress: (@Sendable (WorkProgress) -> Void)?
    /// Stops long work from another thread.
    public var cancellation: Cancellation?

    /// Makes options.
    public init(
        memoryBytes: Int = 1 << 30, threads: Int? = nil, segmentDocuments: Int = 1 << 30,
        build: BuildOptions = BuildOptions(), vocabulary: [String]? = nil,
        progress: (@Sendable (WorkProgress) -> Void)? = nil, cancellation: Cancellation? = nil
    ) {
        self.memoryBytes = memoryBytes
        self.threads = threads ?? Parallel.coreCount
        self.segmentDocuments = segmentDocuments
        self.build = build
        self.vocabulary = vocabulary
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
