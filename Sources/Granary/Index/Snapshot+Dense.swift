import GranaryStorage

extension Snapshot {
    /// The search of a query with a dense vector.
    func searchBoth(
        _ query: Query, _ vector: [Float], _ filter: ResolvedFilter?, _ plan: FilterPlan,
        _ statistics: inout SearchStatistics
    ) throws(GranaryError) -> [Hit] {
        let search = try HybridSearch(query, vector, segments: segments, schema: schema)
        let best: [FusedCandidate]
        var start = ContinuousClock.now
        if query.sparse.count == 0 {
            best = try search.scan(&statistics) { (body) throws(GranaryError) in
                try forEachMatch(filter, body)
            }
        } else {
            let found = try searchSparse(
                search.candidateQuery, filter, plan, &statistics, willSettle: search.prefetch)
            start = .now
            best = try search.rank(found, &statistics)
        }
        statistics.verification += .now - start
        var hits: [Hit] = []
        for candidate in best {
            let entry = candidate.entry
            hits.append(
                Hit(
                    id: try segments[Int(entry.segment)].key(entry.ordinal), score: candidate.score,
                    sparse: entry.score, dense: candidate.dense))
        }
        return hits
    }

    /// Calls `body` with each live document that a filter lets through, with a score of 0.
    private func forEachMatch(
        _ filter: ResolvedFilter?, _ body: (TopK.Entry) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        for (number, segment) in segments.enumerated() {
            let matches = filter?.segments[number]
            for ordinal in 0..<UInt32(segment.documentCount)
            where matches?.set.contains(ordinal) ?? (segment.dead?.contains(ordinal) != true) {
                try body(
                    TopK.Entry(
                        score: 0, sequence: segment.sequence(ordinal), segment: Int32(number),
                        ordinal: ordinal))
            }
        }
    }
}
