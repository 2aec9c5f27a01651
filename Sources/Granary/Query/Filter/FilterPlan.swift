/// When so few documents of a segment match a filter that all of their rows are read, which is exact, rather
/// than the best looked for by blocks. Another plan than the default is for tests and measurements.
package struct FilterPlan: Sendable {
    /// Up to so many documents are read one and all: it takes as long as going by blocks and misses none
    /// (`granary-bench filters --mode`, in `Tools/granary-bench/RESULTS.md`).
    package var directRows = 1024
    /// Up to this share of the segment's documents are, as far as they are not more than `mostDirectRows`:
    /// blocks would miss too many of so few.
    package var directShare = 0.02
    /// From here on blocks reach the recall whatever the share.
    package var mostDirectRows = 4096

    /// The default plan.
    package init() {}

    /// Whether to read all rows that match.
    func isDirect(_ matches: ResolvedFilter.Matches?) -> Bool {
        guard let matches else { return false }
        return matches.count <= directRows
            || matches.count <= mostDirectRows
                && Double(matches.count) <= directShare * Double(matches.documents)
    }
}
