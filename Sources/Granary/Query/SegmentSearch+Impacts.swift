import GranaryStorage

/// The search of impact-ordered posting lists: the impacts of a query's strongest postings are added up in a
/// byte for each document; documents with the best sums are then scored by their rows.
///
/// Source: JASS (ICTIR 2015) for impacts in falling order, SINDI (2025) for windows; ours: sums of one byte,
/// candidates by a share of the k-th best sum, the least impact chosen by calibration.
extension SegmentSearch {
    /// As `search`, for a segment with impact-ordered lists.
    func searchImpacts(
        _ k: Int, _ settings: SearchSettings, _ top: inout TopK, _ scratch: inout SearchScratch,
        _ statistics: inout SearchStatistics, _ willSettle: SnapshotSearch.Candidates?
    ) throws(GranaryError) -> Bool {
        let bounds = impactBounds()
        // Beyond these there is no unit of which every sum is a number of.
        guard bounds.score >= 0x1p-80, bounds.score <= 0x1p80 else {
            try searchExactly(least: 0, into: &top, &scratch, &statistics)
            return true
        }
        let isEverything = settings.leastImpact == 0
        let least = Float(settings.leastImpact) * bounds.impact
        let (scale, isWide) = unit(bounds.score, least: least)
        // Estimates in a unit of score.
        let estimates = isWide ? scale / 256 : scale
        let factor = Float(min(1, settings.estimateFactor))
        let request = ImpactsView.Request(
            least: least, scale: scale, isWide: isWide, factor: factor, k: k,
            floor: UInt8(min(255, factor * scratch.leastEstimate * estimates)))
        scratch.ahead.begin()
        if scratch.ahead.isUseful { askForLists() }
        try segment.checkLists(query.locals)
        guard
            let found = segment.impacts.search(
                request, components: query.locals, weights: query.weights,
                allowed: matches?.set.words ?? [], dead: dead, &scratch.impacts)
        else { throw segment.malformed(.impacts, at: 0) }
        scratch.leastEstimate = max(scratch.leastEstimate, Float(found.kth) / estimates)
        statistics.lists += query.locals.count
        statistics.postings += found.postings
        var light = LightTop(k: k, floor: top.threshold * (rows.isLinear ? 1 : 8 / 9))
        scratch.finalists.removeAll(keepingCapacity: true)
        if scratch.ahead.isUseful { askForRows(scratch.impacts.found, found.count) }
        try scoreFound(found.count, &light, &scratch)
        scratch.ahead.end()
        statistics.rows += found.count
        tell(willSettle, light.threshold, scratch)
        if scratch.ahead.isUseful { askForFine(scratch, least: leastLight(light.threshold)) }
        try settle(k, light.threshold, into: &top, &scratch, &statistics)
        return isEverything && !found.isTruncated && query.locals.allSatisfy(segment.isComplete)
    }

    /// Scores the candidates by their codes and keeps those that may be among the best k.
    private func scoreFound(
        _ count: Int, _ light: inout LightTop, _ scratch: inout SearchScratch
    ) throws(GranaryError) {
        let ordinals = scratch.impacts.found
        try segment.checkRows(count) { ordinals[$0] }
        var first = 0
        while first < count {
            let some = min(Self.batch, count - first)
            let malformed = Kernels.score(
                rows, table: scratch.table, ordinals: ordinals, from: first, count: some,
                into: &scratch.scores)
            if malformed > 0 { throw segment.malformed(.rows, at: Int(ordinals[first])) }
            for position in 0..<some {
                keep(ordinals[first + position], scratch.scores[position], &light, &scratch)
            }
            first += some
        }
    }

    /// The largest score that lists allow, each component at the level of its largest weight; and the mean
    /// of these largest impacts, each as often as it is large: what the impacts that decide are compared
    /// with. The more components a query has, the smaller each of them is beside the score.
    private func impactBounds() -> (score: Float, impact: Float) {
        let largest = segment.largestWeights
        var (sum, squares): (Float, Float) = (0, 0)
        for (place, local) in query.locals.enumerated() {
            // Of a damaged one, any number does.
            let weight = min(65_504, max(0, largest[Int(local)]))
            let impact = query.weights[place] * Kernels.levelWeight(of: weight)
            sum += impact
            squares += impact * impact
        }
        return (sum, sum > 0 ? squares / sum : 0)
    }

    /// Units of a sum in a unit of score, such that no document's sum exceeds what it has room for however
    /// its impacts are rounded, and whether sums have 16 bits: where 8 could not tell the smallest impacts
    /// apart.
    private func unit(_ largest: Float, least: Float) -> (scale: Float, isWide: Bool) {
        // No document has more impacts than entries.
        let count = Float(min(query.locals.count, RowEntries.mostEntries))
        // Each of the impacts of at least half a unit may be rounded up by a half.
        let narrow = (255 - count / 2) / largest
        if narrow * least >= Self.leastUnits { return (narrow, false) }
        // Of everything, impacts below a unit count as one.
        return ((65_535 - count) / largest, true)
    }

    /// Units of the smallest impact that are enough: rounding is then lost among the rest.
    private static let leastUnits: Float = 1
}
