import GranaryStorage

/// The search of one segment. Light scores come from the 8-bit codes of rows and summaries; the documents
/// that may be among the best k are then scored by their full weights.
///
/// Source: Seismic (SIGIR 2024) for blocks, summaries and forward rows; ours: lists chosen by mass, blocks
/// best first over all lists with a true stop, rows scored in groups after touching them all.
struct SegmentSearch: ~Escapable {
    let segment: SegmentReader
    private let number: Int32
    private let resolved: ResolvedQuery
    let query: SegmentQuery
    let rows: RowsView
    let fine: FineView
    private let steps: Span<Float>
    private let postings: RawSpan
    private let firstSequence: UInt64
    private let insertions: Span<UInt32>
    /// A bit for each dead document; empty when all are live.
    let dead: [UInt64]
    /// The documents that may be found; nil for all.
    let matches: ResolvedFilter.Matches?

    /// Documents whose light score is below this share of the k-th best light score are not scored in full.
    /// Codes round down by up to 1/9, much the same for all documents; measured in
    /// `Tools/granary-bench/RESULTS.md`.
    private static let finalistShare: Float = 0.94
    /// Documents scored at a time.
    static let batch = 64

    @_lifetime(borrow segment)
    init(
        _ segment: borrowing SegmentReader, number: Int, _ resolved: ResolvedQuery,
        matches: ResolvedFilter.Matches? = nil
    ) {
        self.segment = copy segment
        self.matches = matches
        self.number = Int32(number)
        self.resolved = resolved
        query = SegmentQuery(resolved, self.segment)
        rows = segment.rows
        fine = segment.fine
        steps = segment.steps
        postings = segment.postings
        (firstSequence, insertions) = (segment.firstSequence, segment.insertionOffsets)
        dead = segment.dead?.words ?? []
    }

    // MARK: Exact

    /// Enters the best documents into `top`, each scored if it can reach `least` and the k-th best so far.
    ///
    /// Complexity: O(non-zeros of the documents that may be found), in order of the file.
    func searchExactly(
        least: Float, into top: inout TopK, _ scratch: inout SearchScratch,
        _ statistics: inout SearchStatistics
    ) throws(GranaryError) {
        if query.locals.isEmpty { return }
        fillTable(&scratch)
        defer { clearTable(&scratch) }
        // A log code is the weight rounded down by less than 1/9 of itself (by less than 2^-17 if subnormal);
        // n products added in another order differ by less than n × 2^-23.
        let rounding = 1 + Float(query.locals.count + 16) * 0x1p-22
        let factor = rounding * (rows.isLinear ? 1 : 1.125)
        var slack = rows.isLinear ? 0 : query.weights.reduce(0, +) * 0x1p-17
        // Products near the smallest floats lose digits: then an absolute error counts beside the relative
        // one.
        let factors = query.locals.indices.map {
            query.weights[$0] * (rows.isLinear ? steps[Int(query.locals[$0])] : 1)
        }
        if !factors.allSatisfy({ $0 >= 0x1p-60 }) { slack += 0x1p-100 }
        func canReach(_ light: Float, _ threshold: Float) -> Bool {
            (light > 0 || slack > 0) && light * factor + slack >= max(least, threshold)
        }
        if let matches {
            try forEachBatch(of: matches.set, &scratch) { (count, scratch) throws(GranaryError) in
                try scoreListed(count, &scratch)
                statistics.rows += count
                for position in 0..<count where canReach(scratch.scores[position], top.threshold) {
                    try enter(scratch.candidates[position], into: &top, &scratch, &statistics)
                }
            }
            return
        }
        let total = UInt32(segment.documentCount)
        var first: UInt32 = 0
        while first < total {
            let range = first..<min(total, first + UInt32(scratch.scores.count))
            try scoreRange(range, &scratch)
            statistics.rows += range.count
            for position in 0..<range.count where canReach(scratch.scores[position], top.threshold) {
                try enter(first + UInt32(position), into: &top, &scratch, &statistics)
            }
            first = range.upperBound
        }
    }

    /// Calls `body` with the documents of a set, some at a time, as the first of `scratch.candidates`.
    private func forEachBatch(
        of set: OrdinalSet, _ scratch: inout SearchScratch,
        _ body: (_ count: Int, _ scratch: inout SearchScratch) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        var waiting = 0
        for (position, word) in set.words.enumerated() where word != 0 {
            var bits = word
            while bits != 0 {
                scratch.candidates[waiting] = UInt32(64 * position + bits.trailingZeroBitCount)
                bits &= bits - 1
                waiting += 1
            }
            if waiting > scratch.candidates.count - 64 {
                try body(waiting, &scratch)
                waiting = 0
            }
        }
        if waiting > 0 { try body(waiting, &scratch) }
    }

    /// Scores the first of the candidates by their codes.
    func scoreListed(_ count: Int, _ scratch: inout SearchScratch) throws(GranaryError) {
        let ordinals = scratch.candidates
        try segment.checkRows(count) { ordinals[$0] }
        if Kernels.score(rows, table: scratch.table, ordinals: ordinals, count: count, into: &scratch.scores)
            > 0
        {
            throw segment.malformed(.rows, at: Int(scratch.candidates[0]))
        }
    }

    private func scoreRange(_ range: Range<UInt32>, _ scratch: inout SearchScratch) throws(GranaryError) {
        try segment.checkRows(range)
        let malformed = Kernels.score(rows, table: scratch.table, range: range, into: &scratch.scores)
        if malformed > 0 { throw segment.malformed(.rows, at: Int(range.lowerBound)) }
    }

    /// Scores a document in full and enters it.
    private func enter(
        _ ordinal: UInt32, into top: inout TopK, _ scratch: inout SearchScratch,
        _ statistics: inout SearchStatistics
    ) throws(GranaryError) {
        scratch.settling[0] = ordinal
        try enter(1, into: &top, &scratch, &statistics)
    }

    /// Scores the first `count` of `scratch.settling` in full and enters them.
    private func enter(
        _ count: Int, into top: inout TopK, _ scratch: inout SearchScratch,
        _ statistics: inout SearchStatistics
    ) throws(GranaryError) {
        try scoreFully(count, &scratch)
        statistics.exactRows += count
        for position in 0..<count {
            let (score, ordinal) = (scratch.settled[position], scratch.settling[position])
            if score <= 0 || isDead(ordinal) { continue }
            top.push(
                TopK.Entry(
                    score: score, sequence: firstSequence &+ UInt64(insertions[Int(ordinal)]),
                    segment: number, ordinal: ordinal))
        }
    }

    @inline(__always)
    private func isDead(_ ordinal: UInt32) -> Bool {
        !dead.isEmpty && dead[Int(ordinal >> 6)] &>> UInt64(ordinal & 63) & 1 == 1
    }

    /// Scores the first `count` of `scratch.settling` by their stored weights. The table has been filled.
    private func scoreFully(_ count: Int, _ scratch: inout SearchScratch) throws(GranaryError) {
        let ordinals = scratch.settling
        try segment.checkFullRows(count) { ordinals[$0] }
        let malformed = Kernels.scoreFully(
            rows, fine, steps: steps, table: scratch.table, places: scratch.places, query, resolved,
            ordinals: ordinals, count: count, stored: &scratch.stored, into: &scratch.settled)
        if malformed > 0 { throw segment.malformed(.rows, at: Int(ordinals[0])) }
    }

    /// The score of a document.
    func score(_ ordinal: UInt32, _ scratch: inout SearchScratch) throws(GranaryError) -> Float {
        fillTable(&scratch)
        defer { clearTable(&scratch) }
        scratch.settling[0] = ordinal
        try scoreFully(1, &scratch)
        return scratch.settled[0]
    }

    // MARK: Approximate

    /// Enters the best documents found through the blocks that `settings` choose.
    ///
    /// - Returns: whether every document that shares a component with the query was reached, provided `top`
    ///   is not full.
    func search(
        k: Int, settings: SearchSettings, into top: inout TopK, _ scratch: inout SearchScratch,
        _ statistics: inout SearchStatistics, willSettle: SnapshotSearch.Candidates? = nil
    ) throws(GranaryError) -> Bool {
        if query.locals.isEmpty { return true }
        fillTable(&scratch)
        defer { clearTable(&scratch) }
        if segment.hasImpacts {
            return try searchImpacts(k, settings, &top, &scratch, &statistics, willSettle)
        }
        let plan = try ListPlan(query, segment, mass: settings.listMass)
        try estimateBlocks(plan, &scratch, &statistics)
        // What other segments have found counts here as well, in light scores.
        var light = LightTop(k: k, floor: top.threshold * (rows.isLinear ? 1 : 8 / 9))
        try visitBlocks(settings, &light, &scratch, &statistics)
        tell(willSettle, light.threshold, scratch)
        try settle(k, light.threshold, into: &top, &scratch, &statistics)
        return plan.isExhaustive
    }

    /// Tells of the documents that are about to be scored in full.
    func tell(_ willSettle: SnapshotSearch.Candidates?, _ least: Float, _ scratch: borrowing SearchScratch) {
        if let willSettle {
            // Those that are most likely among the best k: reading in vain takes longer than what is gained.
            willSettle(
                Int(number), scratch.finalists.compactMap { $0.score > least ? $0.ordinal : nil })
        }
    }

    /// Scores the summaries of the chosen lists into `scratch.blocks`.
    private func estimateBlocks(
        _ plan: ListPlan, _ scratch: inout SearchScratch, _ statistics: inout SearchStatistics
    ) throws(GranaryError) {
        scratch.blocks.clear()
        if scratch.found.count < 3 * query.locals.count {
            scratch.found = [UInt32](repeating: 0, count: 6 * query.locals.count)
        }
        let summaries = segment.summaries
        for list in plan.lists { summaries.touch(list.tables) }
        for list in plan.lists {
            var next = list.blocks.lowerBound
            for table in list.tables {
                guard
                    let count = summaries.estimate(
                        table, components: query.locals, weights: query.weights, found: &scratch.found,
                        into: &scratch.scores), count <= list.blocks.upperBound - next
                else { throw segment.malformed(.summaries, at: table) }
                scratch.blocks.add(scratch.scores, count: count, first: next)
                next += UInt32(count)
            }
            statistics.summaries += list.blocks.count
        }
        statistics.lists += plan.lists.count
    }

    /// Opens blocks, best first, until no estimate reaches the threshold.
    private func visitBlocks(
        _ settings: SearchSettings, _ light: inout LightTop, _ scratch: inout SearchScratch,
        _ statistics: inout SearchStatistics
    ) throws(GranaryError) {
        scratch.clearVisited(capacity: 1024)
        scratch.finalists.removeAll(keepingCapacity: true)
        let factor = Float(settings.estimateFactor)
        var (waiting, seen) = (0, 0)
        visiting: for tier in 0..<BlockOrder.tiers {
            for (estimate, block) in scratch.blocks.tier(tier) {
                if estimate < factor * light.threshold { break visiting }
                if 2 * (seen + 255) + 512 > scratch.visited.count { scratch.growVisited() }
                let added = try open(block, waiting, &scratch)
                statistics.blocks += 1
                seen += added
                waiting += matches.map { keep($0.set, waiting, added, &scratch) } ?? added
                if waiting >= Self.batch {
                    try scoreCandidates(waiting, &light, &scratch, &statistics)
                    waiting = 0
                }
            }
        }
        try scoreCandidates(waiting, &light, &scratch, &statistics)
    }

    /// Adds the documents of a block that have not been seen to the candidates; returns how many.
    private func open(
        _ block: UInt32, _ waiting: Int, _ scratch: inout SearchScratch
    ) throws(GranaryError) -> Int {
        let range = try segment.postingRange(block)
        guard
            let added = Kernels.candidates(
                ofBlock: postings.extracting(range), documents: UInt32(segment.documentCount),
                visited: &scratch.visited, into: &scratch.candidates, at: waiting)
        else { throw segment.malformed(.postings, at: Int(block)) }
        return added
    }

    /// Leaves only documents of a set among the last `added` candidates; returns how many stay.
    private func keep(
        _ set: OrdinalSet, _ waiting: Int, _ added: Int, _ scratch: inout SearchScratch
    ) -> Int {
        var kept = waiting
        for position in waiting..<waiting + added {
            let ordinal = scratch.candidates[position]
            scratch.candidates[kept] = ordinal
            if set.contains(ordinal) { kept += 1 }
        }
        return kept - waiting
    }

    /// Scores the first of `scratch.candidates` by their codes and keeps those that may be among the best k.
    private func scoreCandidates(
        _ count: Int, _ light: inout LightTop, _ scratch: inout SearchScratch,
        _ statistics: inout SearchStatistics
    ) throws(GranaryError) {
        try scoreListed(count, &scratch)
        statistics.rows += count
        for position in 0..<count {
            let ordinal = scratch.candidates[position]
            if isDead(ordinal) { continue }
            keep(ordinal, scratch.scores[position], &light, &scratch)
        }
    }

    /// Keeps a live document that may be among the best k.
    @inline(__always)
    func keep(_ ordinal: UInt32, _ score: Float, _ light: inout LightTop, _ scratch: inout SearchScratch) {
        // A light score may be 0 though the score is not: codes of the smallest weights are 0.
        if score < Self.finalistShare * light.threshold { return }
        scratch.finalists.append((score, ordinal))
        light.push(score)
    }

    /// The smallest light score of a document that may be among the best k.
    func leastLight(_ threshold: Float) -> Float {
        threshold * (rows.isLinear ? 0.9999 : Self.finalistShare)
    }

    /// Scores the documents that may be among the best k in full.
    func settle(
        _ k: Int, _ threshold: Float, into top: inout TopK, _ scratch: inout SearchScratch,
        _ statistics: inout SearchStatistics
    ) throws(GranaryError) {
        let least = leastLight(threshold)
        var waiting = 0
        for position in 0..<scratch.finalists.count {
            let (light, ordinal) = scratch.finalists[position]
            if light < least { continue }
            scratch.settling[waiting] = ordinal
            waiting += 1
            if waiting == scratch.settling.count {
                try enter(waiting, into: &top, &scratch, &statistics)
                waiting = 0
            }
        }
        try enter(waiting, into: &top, &scratch, &statistics)
    }

    // MARK: The table of query weights

    private func fillTable(_ scratch: inout SearchScratch) {
        let length = Kernels.tableLength(components: rows.components, isWide: rows.isWide)
        if scratch.table.count < length {
            scratch.table = [Float](repeating: 0, count: length)
            scratch.places = [UInt16](repeating: 0, count: length)
        }
        for (place, local) in query.locals.enumerated() {
            let weight = query.weights[place]
            scratch.table[Int(local)] = weight * (rows.isLinear ? steps[Int(local)] : Kernels.logScale)
            scratch.places[Int(local)] = query.positions[place]
        }
    }

    private func clearTable(_ scratch: inout SearchScratch) {
        for local in query.locals {
            scratch.table[Int(local)] = 0
        }
    }
}
