import GranaryStorage

/// Measuring a segment's recall when it has been written.
extension Calibration {
    /// Recalls that are calibrated.
    private static let recalls: [Float] = [
        0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.998,
    ]
    private static let masses: [Double] = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
    private static let factors: [Double] = [1.1, 1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.5, 0.4]
    private static let leastImpacts: [Double] = [
        0.6, 0.48, 0.36, 0.3, 0.24, 0.19, 0.156, 0.12, 0.096, 0.072, 0.048, 0.024,
    ]
    private static let estimateFactors: [Double] = [0.95, 0.9, 0.87, 0.84, 0.8, 0.76, 0.72, 0.66, 0.6]
    private static let k = 10

    /// The settings that are tried.
    private static func grid(hasImpacts: Bool) -> [SearchSettings] {
        hasImpacts
            ? leastImpacts.flatMap { least in
                estimateFactors.map { SearchSettings(leastImpact: least, estimateFactor: $0) }
            }
            : masses.flatMap { mass in
                factors.map { SearchSettings(listMass: mass, estimateFactor: $0) }
            }
    }
    /// Components of the queries that are made of documents, in turn.
    private static let queryLengths = [12, 24, 40]

    /// Measures a segment: queries made of documents chosen at random (some of their components, with other
    /// weights) are searched exactly and with every setting of a grid; for each recall the cheapest setting
    /// is kept.
    ///
    /// Costs are counts, not times: the same segment always gets the same table.
    static func measure(
        _ segment: SegmentReader, options: BuildOptions, threads: Int, progress: BuildProgress
    ) throws(GranaryError) -> Calibration {
        let queries = try sample(segment, options: options)
        let grid = grid(hasImpacts: segment.hasImpacts)
        try progress.report(.calibrating, 0, UInt64(queries.count))
        let measured = try Parallel.map(
            count: queries.count, threads: threads, state: { () throws(GranaryError) in SearchScratch() },
            body: { (scratch, number) throws(GranaryError) in
                try progress.report(.calibrating, UInt64(number), UInt64(queries.count))
                return try outcomes(queries[number], segment, grid, &scratch)
            })
        var (recall, cost) = (
            [Double](repeating: 0, count: grid.count), [Double](repeating: 0, count: grid.count)
        )
        for outcome in measured {
            for setting in grid.indices {
                recall[setting] += outcome[setting].recall / Double(measured.count)
                cost[setting] += outcome[setting].cost
            }
        }
        // The standard error of each recall: hits of one query come and go together, so queries are what
        // counts.
        let errors = grid.indices.map { setting in
            let squares = measured.reduce(0.0) {
                $0 + ($1[setting].recall - recall[setting]) * ($1[setting].recall - recall[setting])
            }
            return squares.squareRoot() / Double(max(1, measured.count))
        }
        // Asked for r, what is promised is r on queries never seen. So there is a margin of one standard
        // error of the sample, and of a fifth of what may be missed: real queries are a little harder than
        // these.
        var rows: [Row] = []
        for target in recalls {
            let reaching = grid.indices.filter {
                recall[$0] >= min(Double(target) + (1 - Double(target)) / 5 + errors[$0], 0.9999)
            }
            guard let best = reaching.min(by: { cost[$0] < cost[$1] }) else { break }
            rows.append(Row(recall: target, settings: grid[best], measured: Float(min(1, recall[best]))))
        }
        // The most that blocks reach, where that is beyond the last of these.
        let most = recall.max() ?? 0
        let reaching = grid.indices.filter { recall[$0] >= most - 0.001 }
        if let best = reaching.min(by: { cost[$0] < cost[$1] }), Float(recall[best]) > rows.last?.recall ?? 0
        {
            let reached = Float(min(1, recall[best]))
            rows.append(Row(recall: reached, settings: grid[best], measured: reached))
        }
        return Calibration(rows: rows, hasImpacts: segment.hasImpacts)
    }

    private struct Sample: Sendable {
        var document: UInt32
        var query: ResolvedQuery
    }

    private static func sample(_ segment: SegmentReader, options: BuildOptions) throws(GranaryError)
        -> [Sample]
    {
        // Each query is searched exactly for its truth: 200 million rows in all are enough and bound the
        // time.
        let wanted = min(options.calibrationQueries, max(64, 200_000_000 / max(1, segment.documentCount)))
        // The documents with the smallest hashes of keys: a sample at random that is the same however the
        // documents came together, so that a merged segment gets the settings of one built at once.
        let hashes = Kernels.longs(segment.keys.hashes.bytes)
        let ordinals = Kernels.words(segment.keys.ordinals.bytes)
        var samples: [Sample] = []
        var tries = 0
        while samples.count < wanted, tries < min(4 * wanted, segment.documentCount) {
            var generator = SeededGenerator(seed: options.seed ^ hashes[tries])
            let ordinal = ordinals[tries]
            tries += 1
            let entries = try segment.entries(ordinal)
            let length = queryLengths[samples.count % queryLengths.count]
            // Where documents are short, queries are as short: no length must be waited for in vain.
            let least = tries <= 2 * options.calibrationQueries ? length / 2 : 1
            guard entries.components.count >= least else { continue }
            let components = entries.components.map { segment.names.component($0) ?? 0 }
            let strongest = entries.weights.indices.sorted {
                (entries.weights[$0], components[$1]) > (entries.weights[$1], components[$0])
            }
            // A query shares a part of a document's components, and with other weights: the strongest ones
            // alone, with the document's own weights, would make queries that are far too easy (recall 0.72
            // where 0.9 was asked).
            var pairs: [(UInt32, Float)] = []
            for position in picked(length, of: Array(strongest.prefix(3 * length)), &generator) {
                pairs.append(
                    (components[position], sharpened(entries.weights[position] * noise(&generator))))
            }
            pairs.sort { $0.0 < $1.0 }
            samples.append(
                Sample(
                    document: ordinal,
                    query: ResolvedQuery(components: pairs.map(\.0), weights: pairs.map(\.1))))
        }
        return samples
    }

    /// Some elements at random. The standard library's choices are not promised to stay the same, and the
    /// table is stored.
    private static func picked(_ count: Int, of all: [Int], _ generator: inout SeededGenerator) -> ArraySlice<
        Int
    > {
        var all = all
        for place in 0..<min(count, all.count) {
            all.swapAt(place, place + Int(generator.next() % UInt64(all.count - place)))
        }
        return all.prefix(count)
    }

    /// w to the power of 5/4: queries put more of their mass on their strongest components than documents do.
    private static func sharpened(_ weight: Float) -> Float {
        weight * weight.squareRoot().squareRoot()
    }

    /// About lognormal with a sigma of 0.35.
    private static func noise(_ generator: inout SeededGenerator) -> Float {
        // Each term is even in -1..<1.
        let sum = (0..<3).reduce(Float(0)) { sum, _ in sum + Float(generator.next() >> 40) * 0x1p-23 - 1 }
        return exponential(sum * 0.35)
    }

    /// e to the power of x, |x| below 2, near enough and by squaring: no library's rounding decides what is
    /// stored.
    private static func exponential(_ x: Float) -> Float {
        var power: Float = 1 + x / 256
        for _ in 0..<8 { power *= power }
        return power
    }

    /// What a search costs, in forward rows scored: a summary costs about an eighth of one, a posting of
    /// impact-ordered lists 1/120, opening a block a half, a row scored by its full weights two.
    private static func cost(_ counted: SearchStatistics) -> Double {
        Double(counted.rows) + Double(counted.postings) / 120 + Double(counted.summaries) / 8
            + Double(counted.blocks) / 2
            + 2 * Double(counted.exactRows)
    }

    /// For each setting: the recall (the document itself left out) and what it cost.
    private static func outcomes(
        _ sample: Sample, _ segment: SegmentReader, _ grid: [SearchSettings], _ scratch: inout SearchScratch
    ) throws(GranaryError) -> [(recall: Double, cost: Double)] {
        let search = SegmentSearch(segment, number: 0, sample.query)
        var statistics = SearchStatistics()
        var truth = TopK(k + 1)
        try search.searchExactly(least: 0, into: &truth, &scratch, &statistics)
        let wanted = truth.sorted.filter { $0.ordinal != sample.document }.prefix(k)
        var result: [(Double, Double)] = []
        for settings in grid {
            var (found, counted) = (TopK(k + 1), SearchStatistics())
            scratch.leastEstimate = 0
            scratch.ahead.beginSearch()
            defer { scratch.ahead.endSearch() }
            _ = try search.search(k: k + 1, settings: settings, into: &found, &scratch, &counted)
            let scores = found.sorted.filter { $0.ordinal != sample.document }.prefix(k)
            let least = wanted.last?.score ?? 0
            let hits = scores.count { $0.score >= least }
            result.append(
                (
                    wanted.isEmpty ? 1 : Double(hits) / Double(wanted.count),
                    cost(counted)
                ))
        }
        return result
    }
}
