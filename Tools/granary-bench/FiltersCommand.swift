import ArgumentParser
import CommandSupport
import Foundation
import Granary

/// `granary-bench filters`.
struct FiltersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "filters",
        abstract: "Measures searches under filters that let different shares of the documents through.",
        discussion: """
            Each document gets a payload with a number of 0..<1000: at random, or, with --correlated, one \
            that follows from its strongest component, so that documents alike have it alike. A row for \
            each share has recall@k against the exact search under the same filter, the latency of one \
            query in one thread (median and mean of the best of several passes), the rows scored, the \
            fewest hits of a query, and the microseconds that a new filter costs before the first search.

            EXAMPLE
              granary-bench filters --base base.csr --queries queries.csr --index passages.index
            """)

    @Option(help: "The documents, in BigANN's .csr layout.") var base: String
    @Option(help: "The queries, in the same layout.") var queries: String
    @Option(help: "The index directory: built there and kept, or opened if it is there.") var index: String
    @Option(help: "Takes only the first documents.") var docs: Int?
    @Option(help: "Takes only the first queries.") var queriesMax = 500
    @Option(help: "Shares in percent, separated by commas.") var percent = "0.1,1,2,5,10,20,50,100"
    @Option(help: "The recall that is asked for.") var recall = 0.95
    @Option(name: .shortAndLong, help: "Hits for each query.") var k = 10
    @Option(help: "Passes over all queries; the best counts.") var passes = 3
    @Option(help: "What reads the documents that match: planner, direct (all rows) or lists.")
    var mode = "planner"
    @Flag(help: "Documents that are alike have numbers that are alike.") var correlated = false

    func validate() throws {
        guard ["planner", "direct", "lists"].contains(mode) else {
            throw ValidationError("expected planner, direct or lists, found \(mode)")
        }
    }

    private var plan: FilterPlan {
        var plan = FilterPlan()
        if mode != "planner" { plan.directFactor = mode == "direct" ? .infinity : 0 }
        return plan
    }

    func run() throws {
        if !FileManager.default.fileExists(atPath: index) { try buildIndex() }
        let snapshot = try Index.open(at: index).snapshot()
        let file = try CSRFile.open(queries)
        let vectors = try (0..<min(queriesMax, file.rowCount)).map { try file.row($0) }
        print("percent  recall     p50 us    mean us      rows    exact  least hits  filter us")
        for share in percent.split(separator: ",").compactMap({ Double($0) }) {
            try measure(share, vectors, snapshot)
        }
    }

    private func buildIndex() throws {
        let file = try CSRFile.open(base)
        let schema = Schema(fields: [Field("part", .integer)])
        let writer = try Index.create(at: index, schema: schema).writer(WriterOptions(memoryBytes: 1 << 30))
        var random = SeededGenerator(seed: 7)
        var rows = file.rows(0..<(docs ?? file.rowCount))
        var row: UInt64 = 0
        while let vector = try rows.next() {
            let part = correlated ? Self.topic(of: vector) : UInt64.random(in: 0..<1000, using: &random)
            let payload = Array("{\"part\": \(part)}".utf8)
            try writer.upsert(Document(id: .number(row), sparse: vector, payload: payload))
            row += 1
        }
        _ = try writer.commit()
        writer.close()
    }

    /// A number of 0..<1000 that scatters over strongest components.
    private static func topic(of vector: SparseVector) -> UInt64 {
        guard case .components(let components, let weights) = vector.entries,
            let strongest = weights.indices.max(by: { weights[$0] < weights[$1] })
        else { return 0 }
        return (UInt64(components[strongest]) &* 0x9e37_79b9_7f4a_7c15) >> 32 % 1000
    }

    private func measure(_ share: Double, _ vectors: [SparseVector], _ snapshot: Snapshot) throws {
        let filter = Filter.range("part", FieldRange(upper: .excluding(.integer(Int64(share * 10)))))
        let start = ContinuousClock.now
        _ = try snapshot.search(filtered(vectors[0], filter, exact: true))
        let first = seconds(since: start)
        var (found, total, least, best) = (0, 0, k, (mean: Double.infinity, median: 0.0))
        var statistics = SearchStatistics()
        for pass in 0..<max(1, passes) {
            var latencies: [Double] = []
            for vector in vectors {
                var counted = SearchStatistics()
                let query = filtered(vector, filter, exact: false)
                let start = ContinuousClock.now
                let hits = try snapshot.search(query, plan: plan, statistics: &counted)
                latencies.append(seconds(since: start) * 1e6)
                guard pass == 0 else { continue }
                let truth = try snapshot.search(filtered(vector, filter, exact: true))
                let lowest = truth.last?.score ?? 0
                found += hits.count { $0.score >= lowest }
                total += truth.count
                if hits.count < truth.count { least = min(least, hits.count) }
                statistics.rows += counted.rows
                statistics.exactRows += counted.exactRows
            }
            let mean = latencies.reduce(0, +) / Double(max(1, latencies.count))
            if mean < best.mean { best = (mean, latencies.sorted()[latencies.count / 2]) }
        }
        let again = ContinuousClock.now
        _ = try snapshot.search(filtered(vectors[0], filter, exact: true))
        let cost = max(0, first - seconds(since: again)) * 1e6
        let recall = Double(found) / Double(max(1, total))
        let count = max(1, vectors.count)
        print(
            String(
                format: "%7.1f  %.4f  %9.1f  %9.1f  %8d  %7d  %10d  %9.0f", share, recall, best.median,
                best.mean, statistics.rows / count, statistics.exactRows / count, least, cost))
    }

    private func filtered(_ vector: SparseVector, _ filter: Filter, exact: Bool) -> Query {
        var query = Query(sparse: vector, k: k, accuracy: exact ? .exact : .recall(recall))
        query.filter = filter
        return query
    }
}
