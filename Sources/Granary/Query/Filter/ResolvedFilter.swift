import GranaryStorage

/// What a filter matches in each segment of a snapshot.
struct ResolvedFilter: Sendable {
    /// Live documents of one segment that match, some of them but not all.
    struct Matches: Sendable {
        let set: OrdinalSet
        let count: Int
        /// Of the segment, dead ones included.
        let documents: Int

        /// The share of the segment that matches.
        var share: Double { Double(count) / Double(max(1, documents)) }
    }

    /// By segment; nil where every live document matches.
    let segments: [Matches?]
    /// Live documents that match.
    let count: Int

    /// - Complexity: O(matches + ids × log documents), for each segment.
    /// - Throws: as `BoundFilter`; `corrupt`.
    init(_ filter: Filter, _ segments: [SegmentReader], _ schema: Schema) throws(GranaryError) {
        let bound = try BoundFilter(filter, schema)
        var (found, total): ([Matches?], Int) = ([], 0)
        for segment in segments {
            var set = try Self.matches(bound, segment)
            if let dead = segment.dead { set.subtract(dead.words) }
            let count = set.count
            total += count
            found.append(
                count == segment.liveCount
                    ? nil : Matches(set: set, count: count, documents: segment.documentCount))
        }
        self.segments = found
        count = total
    }

    private static func matches(
        _ filter: BoundFilter, _ segment: SegmentReader
    ) throws(GranaryError) -> OrdinalSet {
        let documents = segment.documentCount
        switch filter {
        case .keys(let keys):
            var set = OrdinalSet(documents: documents)
            for (key, hash) in keys {
                // The table is checked only when it is used: it may say anything.
                for ordinal in segment.keys.ordinals(of: key, hash: hash) where Int(ordinal) < documents {
                    set.insert(ordinal)
                }
            }
            return set
        case .values(let field, let intervals):
            guard field < segment.fields.columns.count else {
                throw segment.malformed(.fieldValues(field), at: 0)
            }
            var set = OrdinalSet(documents: documents)
            for interval in intervals { try segment.fields.columns[field].insert(interval, into: &set) }
            return set
        case .all(let parts):
            var set = OrdinalSet(documents: documents, isFull: true)
            for part in parts { set.formIntersection(try matches(part, segment)) }
            return set
        case .any(let parts):
            var set = OrdinalSet(documents: documents)
            for part in parts { set.formUnion(try matches(part, segment)) }
            return set
        case .not(let part):
            var set = try matches(part, segment)
            set.invert()
            return set
        }
    }
}

extension FieldColumn {
    /// Adds the documents that have a value between two ends.
    ///
    /// - Throws: `corrupt`.
    fileprivate func insert(
        _ interval: BoundFilter.Interval, into set: inout OrdinalSet
    ) throws(GranaryError) {
        var (first, end) = (0, valueCount)
        if let lower = interval.lower {
            first = try count(before: lower.key, isIncluding: !lower.isIncluded)
        }
        if let upper = interval.upper {
            end = try count(before: upper.key, isIncluding: upper.isIncluded)
        }
        // Values out of order, in a damaged column, may put the end before the beginning.
        guard first < end else { return }
        try forEachOrdinal(of: first..<end) { set.insert($0) }
    }
}
