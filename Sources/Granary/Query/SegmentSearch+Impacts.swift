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
        let largest = largestScore()
        // Beyond these there is no unit of which every sum is a number of.
        guard largest >= 0x1p-80, largest <= 0x1p80 else {
            try searchExactly(least: 0, into: &top, &scratch, &statistics)
            return true
        }
        let isEverything = settings.leastImpact == 0
        let scale = unit(largest, isEverything: isEverything)
        let factor = Float(min(1, settings.estimateFactor))
        let floor = min(255, factor * scratch.leastEstimate * scale)
        let request = ImpactsView.Request(
            least: Float(settings.leastImpact) * largest, scale: scale, factor: factor, k: k,
            floor: UInt8(floor))
        guard
            let found = segment.impacts.search(
                request, components: query.locals, weights: query.weights,
                allowed: matches?.set.words ?? [], dead: dead, &scratch.impacts)
        else { throw segment.malformed(.impacts, at: 0) }
        scratch.leastEstimate = max(scratch.leastEstimate, Float(found.kth) / scale)
        statistics.lists += query.locals.count
        statistics.postings += found.postings
        var light = LightTop(k: k, floor: top.threshold * (rows.isLinear ? 1 : 8 / 9))
        scratch.finalists.removeAll(keepingCapacity: true)
        try scoreFound(found.count, &light, &scratch)
        statistics.rows += found.count
        tell(willSettle, light.threshold, scratch)
        try settle(k, light.threshold, into: &top, &scratch, &statistics)
        return isEverything && !found.isTruncated && query.locals.count <= Self.mostOfEverything
            && query.locals.allSatisfy(segment.isComplete)
    }

    /// Scores the candidates by their codes and keeps those that may be among the best k.
    private func scoreFound(
        _ count: Int, _ light: inout LightTop, _ scratch: inout SearchScratch
    ) throws(GranaryError) {
        var first = 0
        while first < count {
            let some = min(Self.batch, count - first)
            let malformed = Kernels.score(
                rows, table: scratch.table, ordinals: scratch.impacts.found, from: first, count: some,
                into: &scratch.scores)
            if malformed > 0 { throw segment.malformed(.rows, at: Int(scratch.impacts.found[first])) }
            for position in 0..<some {
                keep(scratch.impacts.found[first + position], scratch.scores[position], &light, &scratch)
            }
            first += some
        }
    }

    /// Components of a query that finds every document that shares one: each adds at least one unit.
    private static let mostOfEverything = 127

    /// The largest score that lists allow, each component at the level of its largest weight.
    private func largestScore() -> Float {
        let largest = segment.largestWeights
        var sum: Float = 0
        for (place, local) in query.locals.enumerated() {
            // Of a damaged one, any number does.
            sum += query.weights[place] * Kernels.levelWeight(of: min(65_504, max(0, largest[Int(local)])))
        }
        return sum
    }

    /// Units of an estimate in a unit of score, such that no document's sum exceeds 255 however its impacts
    /// are rounded.
    private func unit(_ largest: Float, isEverything: Bool) -> Float {
        let count = query.locals.count
        // Of everything, impacts below a unit count as one.
        if isEverything {
            return count <= Self.mostOfEverything ? Float(255 - count) / largest : 127 / largest
        }
        // Each of the impacts of at least half a unit may be rounded up by a half. With 127 units there are
        // at most 254 such impacts, and rounding at most doubles them.
        return max(127, 255 - Float(count) / 2) / largest
    }
}
