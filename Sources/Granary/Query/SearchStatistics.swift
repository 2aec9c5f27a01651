/// What one search did, counted.
public struct SearchStatistics: Sendable, Equatable {
    /// Posting lists whose blocks were considered.
    public var lists = 0
    /// Postings of impact-ordered lists read.
    public var postings = 0
    /// Block summaries scored.
    public var summaries = 0
    /// Posting blocks opened.
    public var blocks = 0
    /// Forward rows scored by their codes.
    public var rows = 0
    /// Forward rows scored by their full weights.
    public var exactRows = 0
    /// Dense vectors scored.
    public var denseRows = 0
    /// From the last candidate of the sparse half to the fused hits: reading and scoring dense vectors. What
    /// is read while the sparse half runs does not count.
    public var verification = Duration.zero

    /// All zero.
    public init() {}
}
