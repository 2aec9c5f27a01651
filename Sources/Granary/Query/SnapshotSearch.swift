import GranaryStorage

/// The search of all segments of a snapshot under one threshold.
struct SnapshotSearch {
    let segments: [SegmentReader]
    let query: Query
    let resolved: ResolvedQuery

    /// - Throws: `invalidArgument`.
    static func validate(_ query: Query) throws(GranaryError) {
        guard query.k >= 1 else {
            throw GranaryError(.invalidArgument, "expected a k of at least 1, found \(query.k)")
        }
        switch query.accuracy {
        case .exact: return
        case .recall(let recall):
            guard recall > 0, recall <= 1 else {
                throw GranaryError(.invalidArgument, "expected a recall above 0 and up to 1, found \(recall)")
            }
        case .settings(let settings):
            guard (0...1).contains(settings.listMass), settings.blockFactor >= 0,
                settings.blockFactor.isFinite
            else {
                throw GranaryError(
                    .invalidArgument,
                    "expected a list mass of 0...1 and a block factor of at least 0, found \(settings.listMass) and \(settings.blockFactor)"
                )
            }
        }
    }

    /// The best k documents, best first.
    func run(
        _ scratch: inout SearchScratch, _ statistics: inout SearchStatistics
    ) throws(GranaryError) -> [TopK.Entry] {
        if resolved.components.isEmpty { return [] }
        // More than every document is never asked for, whatever k says.
        let k = min(query.k, segments.reduce(0) { $0 + $1.liveCount })
        if k == 0 { return [] }
        var top = TopK(k)
        var isExhaustive = true
        // The largest first: what it finds spares work in the others.
        let order = segments.indices.sorted {
            (segments[$0].documentCount, $1) > (segments[$1].documentCount, $0)
        }
        for number in order {
            let segment = segments[number]
            let search = SegmentSearch(segment, number: number, resolved)
            if segment.isExactOnly {
                try search.searchExactly(least: 0, into: &top, &scratch, &statistics)
            } else if !(try search.search(
                k: k, settings: settings(segment), into: &top, &scratch, &statistics))
            {
                isExhaustive = false
            }
        }
        let isExact = needsExactness
        if !isExact, top.isFull || isExhaustive { return top.sorted }
        // What has been found is a lower bound of the k-th best score: few rows remain to be scored in full.
        var exact = TopK(k)
        for number in order {
            let segment = segments[number]
            try SegmentSearch(segment, number: number, resolved)
                .searchExactly(least: top.threshold, into: &exact, &scratch, &statistics)
        }
        return exact.sorted
    }

    /// Whether the exact answer is asked for, or a recall that only it is sure to have.
    private var needsExactness: Bool {
        switch query.accuracy {
        case .exact: true
        case .settings: false
        case .recall(let recall):
            segments.contains { !$0.isExactOnly && $0.calibration.settings(forRecall: recall) == nil }
        }
    }

    private func settings(_ segment: SegmentReader) -> SearchSettings {
        switch query.accuracy {
        case .settings(let settings): settings
        case .exact: segment.calibration.settings(forRecall: 0.9) ?? SearchSettings()
        case .recall(let recall): segment.calibration.settings(forRecall: recall) ?? SearchSettings()
        }
    }
}
