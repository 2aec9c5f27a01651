/// When so few documents of a segment match a filter that all of their rows are read, which is exact, rather
/// than the best looked for by lists. Another plan than the default is for tests and measurements.
package struct FilterPlan: Sendable {
    /// Documents are read one and all up to this × the root of the segment's documents. That is where both
    /// take about as long from 50,000 documents to a million (`granary-bench filters --mode`, in
    /// `Tools/granary-bench/RESULTS.md`).
    package var directFactor = 3.0

    /// The default plan.
    package init() {}

    /// Whether to read all rows that match.
    func isDirect(_ matches: ResolvedFilter.Matches?) -> Bool {
        guard let matches else { return false }
        return Double(matches.count) <= directFactor * Double(matches.documents).squareRoot()
    }
}
