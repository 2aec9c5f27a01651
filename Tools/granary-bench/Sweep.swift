import Granary

/// Answers all queries with one setting, several times, and measures.
struct Sweep {
    let snapshot: Snapshot
    let queries: [SparseVector]
    let truth: GroundTruth
    let k: Int
    let passes: Int

    /// One row of the output.
    func measure(_ accuracy: Query.Accuracy) throws -> BenchRow {
        let prepared = queries.map { Query(sparse: $0, k: k, accuracy: accuracy) }
        var row = BenchRow(params: Self.params(accuracy), queries: queries.count)
        // The first queries warm the caches up; they count in the passes.
        for query in prepared.prefix(30) { _ = try snapshot.search(query) }
        var (found, total) = (0, 0)
        // An exact search takes a hundred times as long and varies little.
        for pass in 0..<(accuracy == .exact ? 1 : max(1, passes)) {
            var latencies: [Double] = []
            latencies.reserveCapacity(prepared.count)
            for (number, query) in prepared.enumerated() {
                var statistics = SearchStatistics()
                let start = ContinuousClock.now
                let hits = try snapshot.search(query, statistics: &statistics)
                latencies.append(seconds(since: start) * 1e6)
                guard pass == 0 else { continue }
                row.add(statistics)
                // Rows without an answer are -1.
                let wanted = Set(truth.ids(number).prefix(k).compactMap { UInt64(exactly: $0) })
                total += wanted.count
                found += hits.count { if case .number(let id) = $0.id { wanted.contains(id) } else { false } }
            }
            let mean = latencies.reduce(0, +) / Double(max(1, latencies.count))
            if pass == 0 || mean < row.mean {
                row.mean = mean
                let sorted = latencies.sorted()
                row.median = sorted.isEmpty ? 0 : sorted[sorted.count / 2]
                row.p99 = sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
            }
        }
        row.recall = Double(found) / Double(max(1, total))
        return row
    }

    /// Queries a second of all queries as one batch, the best of the passes.
    func queriesPerSecond(_ accuracy: Query.Accuracy, threads: Int) throws -> Double {
        let prepared = queries.map { Query(sparse: $0, k: k, accuracy: accuracy) }
        var best = 0.0
        for _ in 0...passes {
            let start = ContinuousClock.now
            _ = try snapshot.search(batch: prepared, threads: threads)
            best = max(best, Double(prepared.count) / seconds(since: start))
        }
        return best
    }

    static func params(_ accuracy: Query.Accuracy) -> String {
        switch accuracy {
        case .exact: "{\"exact\": true}"
        case .recall(let recall): "{\"recall\": \(recall)}"
        case .settings(let settings):
            "{\"mass\": \(settings.listMass), \"least\": \(settings.leastImpact), \"factor\": \(settings.estimateFactor)}"
        }
    }
}

/// One row of the output: what was asked, what was found and what it cost.
struct BenchRow {
    var params: String
    var queries: Int
    var recall = 0.0
    /// Microseconds.
    var mean = 0.0
    var median = 0.0
    var p99 = 0.0
    var buildSeconds = 0.0
    var bytes = 0
    /// Megabytes.
    var resident = 0
    var residentAfterOpen = 0
    var openMilliseconds = 0.0
    /// Sums over all queries.
    var statistics = SearchStatistics()

    init(params: String, queries: Int) {
        self.params = params
        self.queries = max(1, queries)
    }

    mutating func add(_ other: SearchStatistics) {
        statistics.lists += other.lists
        statistics.postings += other.postings
        statistics.summaries += other.summaries
        statistics.blocks += other.blocks
        statistics.rows += other.rows
        statistics.exactRows += other.exactRows
    }

    var json: String {
        """
        {"peer": "granary", "params": \(params), "recall": \(recall), "us_mean": \(mean), \
        "us_p50": \(median), "us_p99": \(p99), "build_s": \(buildSeconds), "bytes": \(bytes), \
        "rss_mb": \(resident), "rss_open_mb": \(residentAfterOpen), "open_ms": \(openMilliseconds)}
        """
    }
}
