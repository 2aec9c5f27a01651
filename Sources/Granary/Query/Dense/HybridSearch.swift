import GranaryStorage

/// The search of a query with a dense vector: the sparse half finds candidates, the dense half verifies them.
///
/// Source: the bi-granular retrieval of BiDR (WWW 2022).
struct HybridSearch {
    private let query: Query
    private let scorer: DenseScorer
    private let metric: DenseMetric
    /// The segment that has at least three quarters of all documents.
    private let main: Int?

    /// - Throws: `invalidArgument`.
    init(
        _ query: Query, _ vector: [Float], segments: [SegmentReader], schema: Schema
    ) throws(GranaryError) {
        scorer = try DenseScorer(segments, vector, schema: schema)
        self.query = query
        metric = schema.dense?.metric ?? .innerProduct
        let documents = segments.reduce(0) { $0 + $1.documentCount }
        main = segments.firstIndex { 4 * $0.documentCount >= 3 * documents }
        if let candidates = query.candidates, candidates < 1 {
            throw GranaryError(.invalidArgument, "expected at least 1 candidate, found \(candidates)")
        }
        try query.fusion.validate()
    }

    /// The sparse search that finds the candidates.
    var candidateQuery: Query {
        var sparse = query
        let (tenfold, isTooMuch) = query.k.multipliedReportingOverflow(by: 10)
        sparse.k = max(query.k, query.candidates ?? (isTooMuch ? .max : max(tenfold, 100)))
        return sparse
    }

    /// Begins to read the vectors of documents of a segment that will most likely be candidates.
    ///
    /// Only where most documents are in that segment: each segment has about as many documents that may be
    /// candidates as there will be in all, and reading them in vain takes longer than what is gained.
    func prefetch(_ segment: Int, _ ordinals: [UInt32]) {
        if segment == main { scorer.prefetch(segment, ordinals) }
    }

    /// The best k of some candidates.
    ///
    /// - Parameter found: by descending sparse score.
    func rank(
        _ found: [TopK.Entry], _ statistics: inout SearchStatistics
    ) throws(GranaryError) -> [FusedCandidate] {
        let places = try scorer.places(found)
        var scores = [Float?](repeating: nil, count: found.count)
        let stop = EarlyStop(query, metric, scorer, canStop: places.allSatisfy { $0 != nil })
        let first = max(2 * min(query.k, found.count), 32)
        var (done, end) = (0, stop == nil ? found.count : min(found.count, first))
        while done < found.count {
            statistics.denseRows += try scorer.score(
                done..<end, of: places, isAhead: main != nil, into: &scores)
            (done, end) = (end, min(found.count, 2 * end))
            if done < found.count, stop?.isOver(found, scores, done) == true { break }
        }
        return try query.fusion.best(
            query.k, of: (0..<done).map { FusedCandidate(entry: found[$0], dense: scores[$0]) })
    }

    /// The best k of all documents by their dense vectors, for a query without a sparse one.
    ///
    /// - Parameter forEach: hands over the documents that may be found.
    func scan(
        _ statistics: inout SearchStatistics,
        forEach: ((TopK.Entry) throws(GranaryError) -> Void) throws(GranaryError) -> Void
    ) throws(GranaryError) -> [FusedCandidate] {
        var top = TopK(query.k)
        var entries: [TopK.Entry] = []
        var rows = 0
        func settle() throws(GranaryError) {
            var scores = [Float?](repeating: nil, count: entries.count)
            rows += try scorer.score(entries.indices, of: try scorer.places(entries), into: &scores)
            for (var entry, score) in zip(entries, scores) {
                guard let score else { continue }
                entry.score = score
                top.push(entry)
            }
            entries.removeAll(keepingCapacity: true)
        }
        try forEach { (entry) throws(GranaryError) in
            entries.append(entry)
            if entries.count == 4096 { try settle() }
        }
        try settle()
        statistics.denseRows += rows
        return top.sorted.map { entry in
            var sparse = entry
            sparse.score = 0
            return FusedCandidate(entry: sparse, dense: entry.score, score: entry.score)
        }
    }
}

/// Stops verification when no candidate that is left can be among the best k, whatever its vector: their
/// sparse scores descend, and |query| × |vector| bounds the dense score. Only linear fusion has such a bound.
private struct EarlyStop {
    private let k: Int
    private let weights: (sparse: Float, dense: Float)
    private let bound: Float

    init?(_ query: Query, _ metric: DenseMetric, _ scorer: DenseScorer, canStop: Bool) {
        guard case .linear(let sparse, let dense) = query.fusion, metric != .euclidean, canStop, sparse >= 0,
            dense >= 0
        else { return nil }
        k = query.k
        weights = (sparse, dense)
        bound = scorer.bound()
    }

    /// Whether the candidates from `done` on can be left out.
    func isOver(_ found: [TopK.Entry], _ scores: [Float?], _ done: Int) -> Bool {
        guard done >= k else { return false }
        var fused = (0..<done).map {
            Fusion.linear(weights.sparse, found[$0].score, weights.dense, scores[$0] ?? 0)
        }
        fused.sort(by: >)
        // Three roundings in float32, each way; of small numbers each is off by up to 2^-150.
        let best = Fusion.linear(weights.sparse, found[done].score, weights.dense, bound)
        return best + abs(best) * 0x1p-20 + 0x1p-147 < fused[k - 1]
    }
}
