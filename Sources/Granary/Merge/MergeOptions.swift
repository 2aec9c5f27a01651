import GranaryStorage

/// When and how segments are merged.
public struct MergeOptions: Sendable, Equatable {
    /// Whether merges start by themselves. Without that only `IndexWriter.merge(to:)` merges.
    public var isAutomatic: Bool
    /// Merges of 50 MiB or more that run at once; 1...1024. Smaller ones never wait for them.
    public var threads: Int
    /// Segments of about one size that are left side by side, and merged when there are more; 2...64. Fewer
    /// make searches cheaper and writing dearer.
    public var segmentsPerTier: Int
    /// Segments of fewer live bytes count as this large, and any number of them goes into one merge; at
    /// least 1.
    public var floorBytes: UInt64
    /// No automatic merge makes a segment of more live bytes than this; at least `floorBytes`.
    public var ceilingBytes: UInt64
    /// The share of dead documents in the index, by bytes, above which segments are rewritten to be rid of
    /// them, above 0 and up to 1.
    public var largestDeletedShare: Double
    /// Beyond twice as many segments writers are slowed down, beyond thrice they wait for merges; at least 1.
    /// Nil: as many as the tiers allow.
    public var segmentBudget: Int?

    /// Makes options.
    public init(
        isAutomatic: Bool = true, threads: Int? = nil, segmentsPerTier: Int = 8,
        floorBytes: UInt64 = 16 << 20, ceilingBytes: UInt64 = 5 << 30, largestDeletedShare: Double = 0.2,
        segmentBudget: Int? = nil
    ) {
        self.isAutomatic = isAutomatic
        self.threads = threads ?? max(1, min(4, Parallel.coreCount / 2))
        self.segmentsPerTier = segmentsPerTier
        self.floorBytes = floorBytes
        self.ceilingBytes = ceilingBytes
        self.largestDeletedShare = largestDeletedShare
        self.segmentBudget = segmentBudget
    }

    /// - Throws: `invalidArgument`.
    func validate() throws(GranaryError) {
        let rules: [(Bool, String)] = [
            ((1...1024).contains(threads), "1 to 1024 merges at once"),
            ((2...64).contains(segmentsPerTier), "2 to 64 segments a tier"),
            (floorBytes >= 1, "a floor of at least 1 byte"),
            (ceilingBytes >= floorBytes, "a ceiling of at least the floor"),
            (largestDeletedShare > 0 && largestDeletedShare <= 1, "a deleted share above 0 and up to 1"),
            (segmentBudget ?? 1 >= 1, "a budget of at least 1 segment"),
        ]
        if let broken = rules.first(where: { !$0.0 }) {
            throw GranaryError(.invalidArgument, "expected \(broken.1)")
        }
    }
}
