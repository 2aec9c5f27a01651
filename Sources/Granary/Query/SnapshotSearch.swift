import GranaryStorage

/// The search of all segments of a snapshot under one threshold.
struct SnapshotSearch {
    let segments: [SegmentReader]
    /// The segments' positions, the largest first: what it finds spares work in the others.
    let order: [Int]
    /// Live documents.
    let documentCount: Int
    let query: Query
    let resolved: ResolvedQuery
    /// What the query's filter matches; nil without a filter.
    var filter: ResolvedFilter?
    /// When all rows that match are read.
    var plan = FilterPlan()
    /// Is told of the documents of a segment that are about to be scored in full: those that somebody else
    /// will need as well.
    var willSettle: Candidates?

    typealias Candidates = (_ segment: Int, _ ordinals: [UInt32]) -> Void

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
            guard (0...1).contains(settings.listMass), (0...1).contains(settings.leastImpact),
                settings.estimateFactor >= 0, settings.estimateFactor.isFinite
            else {
                throw GranaryError(
                    .invalidArgument,
                    "expected a list mass and a least impact of 0...1 and an estimate factor of at least 0, found \(settings.listMass), \(settings.leastImpact) and \(settings.estimateFactor)"
                )
            }
        }
    }

    /// Most components of a query: the place of one in it is told in 16 bits.
    private static let mostComponents = 65_535

    /// - Throws: `tooLarge`.
    static func validate(_ query: ResolvedQuery) throws(GranaryError) {
        let count = query.components.count
        guard count <= mostComponents else {
            throw GranaryError(
                .tooLarge, "expected a query of up to \(mostComponents) components, found \(count)")
        }
    }

    /// The best k documents, best first.
    func run(
        _ scratch: inout SearchScratch, _ statistics: inout SearchStatistics
    ) throws(GranaryError) -> [TopK.Entry] {
        try Self.validate(resolved)
        if resolved.components.isEmpty { return [] }
        // More than every document is never asked for, whatever k says.
        let k = min(query.k, filter?.count ?? documentCount)
        if k == 0 { return [] }
        // By way of a span: elements of an array would be copied, reference by reference.
        let readers = segments.span
        var (top, isExhaustive) = (TopK(k), true)
        var (isExact, hasBlocks) = (query.accuracy == .exact, false)
        scratch.leastEstimate = 0
        scratch.ahead.beginSearch()
        defer { scratch.ahead.endSearch() }
        for number in order {
            let chosen = settings(readers[number].calibration(orOf: segments, order), number)
            if !isSearchedExactly(readers[number], number) {
                hasBlocks = true
                if chosen == nil { isExact = true }
            }
            try search(
                readers[number], number, k, chosen ?? SearchSettings(), &top, &isExhaustive, &scratch,
                &statistics)
        }
        if !isExact, !top.isFull, !isExhaustive {
            // All lists may have what is missing, or show that there is no more: far less than reading every
            // row.
            (top, isExhaustive, scratch.leastEstimate) = (TopK(k), true, 0)
            for number in order {
                try search(
                    readers[number], number, k, .everything, &top, &isExhaustive, &scratch, &statistics)
            }
        }
        if !isExact || !hasBlocks, top.isFull || isExhaustive { return top.sorted }
        // What has been found is a lower bound of the k-th best score: few rows remain to be scored in full.
        var exact = TopK(k)
        for number in order {
            try searchExactly(readers[number], number, top.threshold, &exact, &scratch, &statistics)
        }
        return exact.sorted
    }

    /// Whether all rows that may be found are read: the segment has no blocks, or few documents match.
    private func isSearchedExactly(_ reader: borrowing SegmentReader, _ number: Int) -> Bool {
        reader.isExactOnly || plan.isDirect(filter?.segments[number])
    }

    /// Enters the best documents of a segment.
    private func search(
        _ reader: borrowing SegmentReader, _ number: Int, _ k: Int, _ settings: SearchSettings,
        _ top: inout TopK, _ isExhaustive: inout Bool, _ scratch: inout SearchScratch,
        _ statistics: inout SearchStatistics
    ) throws(GranaryError) {
        if isSearchedExactly(reader, number) {
            return try searchExactly(reader, number, 0, &top, &scratch, &statistics)
        }
        let search = SegmentSearch(reader, number: number, resolved, matches: filter?.segments[number])
        let hasAll = try search.search(
            k: k, settings: settings, into: &top, &scratch, &statistics, willSettle: willSettle)
        if !hasAll { isExhaustive = false }
    }

    private func searchExactly(
        _ reader: borrowing SegmentReader, _ number: Int, _ least: Float, _ top: inout TopK,
        _ scratch: inout SearchScratch, _ statistics: inout SearchStatistics
    ) throws(GranaryError) {
        let search = SegmentSearch(reader, number: number, resolved, matches: filter?.segments[number])
        try search.searchExactly(least: least, into: &top, &scratch, &statistics)
    }

    /// How a segment is searched; nil where only the exact answer is sure to have the recall that is asked
    /// for.
    private func settings(_ calibration: Calibration, _ number: Int) -> SearchSettings? {
        switch query.accuracy {
        case .settings(let settings): settings
        case .exact: calibration.settings(forRecall: 0.9) ?? SearchSettings()
        case .recall(let recall):
            calibration.settings(
                forRecall: recall, amongShare: filter?.segments[number]?.share ?? 1)
        }
    }
}

extension SegmentReader {
    /// What tells how the segment is searched: its own calibration, or, as small segments measure nothing,
    /// that of the largest segment of the same kind that has measured.
    fileprivate func calibration(orOf segments: [SegmentReader], _ order: [Int]) -> Calibration {
        if calibration.isMeasured { return calibration }
        let shared = order.first {
            segments[$0].calibration.isMeasured && segments[$0].hasImpacts == hasImpacts
        }
        return shared.map { segments[$0].calibration } ?? calibration
    }
}
