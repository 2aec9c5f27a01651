import ArgumentParser
import CommandSupport
import Foundation
import Granary

/// `granary-bench dense`.
struct DenseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dense",
        abstract:
            "Measures the reading of dense vectors: candidates from all over a large file, cold and warm.",
        discussion: """
            Documents have random vectors and four random components each, so that the candidates of a query \
            lie all over the file. A row has the medians and 99th percentiles of one query in one thread: \
            the dense half (from the last candidate to the hits, which leaves out what is read while the \
            sparse half runs) and the whole; and the bytes that the device gave a query. Before each cold \
            round the index is closed and its .dense files leave the page cache; no query is asked twice in \
            a round. Warm are all of them again, after one pass.

            EXAMPLE
              granary-bench dense --index dense.index --docs 5600000 --dimensions 384 --element float16 \
            --candidates 100,1000 --rows rows.txt
            """)

    @Option(help: "The index directory: built there and kept, or opened if it is there.") var index: String
    @Option(help: "Documents.") var docs = 1_000_000
    @Option(help: "Dimensions of the dense vectors.") var dimensions = 384
    @Option(help: "Elements of the dense vectors: float32, float16, bfloat16 or int8.") var element =
        DenseElement.float16
    @Option(help: "Candidates of a query, separated by commas.") var candidates = "100,1000"
    @Option(help: "Queries of a round.") var queriesCount = 40
    @Option(help: "Cold rounds.") var rounds = 5
    @Option(help: "Warm passes over all queries, after one that does not count.") var passes = 1
    @Option(help: "Methods to read by, separated by commas: ring, parallel, advised, mapped.")
    var methods = "ring"
    @Option(help: "The share of each .dense file that may be in memory. Default: no limit.")
    var residentShare: Double?
    @Option(help: "Writes the numbers of the candidates of each query and --candidates, a line each.")
    var rows: String?

    func validate() throws {
        for (name, value) in [
            ("--docs", docs), ("--dimensions", dimensions), ("--queries-count", queriesCount),
            ("--rounds", rounds), ("--passes", passes),
        ] where value < 1 || value > 1 << 32 {
            throw ValidationError("expected \(name) of at least 1, found \(value)")
        }
        guard counts.allSatisfy({ $0 > 0 }), !counts.isEmpty else {
            throw ValidationError("expected numbers of candidates, found \(candidates)")
        }
        _ = try readMethods
    }

    private var counts: [Int] { candidates.split(separator: ",").map { Int($0) ?? 0 } }
    private var readMethods: [ReadMethod] {
        get throws {
            try methods.split(separator: ",").map { name in
                guard let method = ReadMethod(rawValue: String(name)) else {
                    throw ValidationError("expected methods of \(ReadMethod.allCases), found \(name)")
                }
                return method
            }
        }
    }

    func run() throws {
        let collection = RandomCollection(documents: docs, dimensions: dimensions)
        if !FileManager.default.fileExists(atPath: index) { try build(collection) }
        var output: OutputFile? = try rows.map { try OutputFile($0) }
        print(
            "method    candidates  found  cache  dense p50  dense p99  whole p50  whole p99 us  KB a query"
                + "  resident MB")
        for count in counts {
            let queries = try (0..<queriesCount * rounds).map { try collection.query($0, candidates: count) }
            for method in try readMethods {
                try measure(queries, count, method, &output)
            }
        }
        try output?.finish()
    }

    private func build(_ collection: RandomCollection) throws {
        let schema = Schema(dense: DenseSchema(dimensions: dimensions, element: element))
        // One segment, unless that takes more memory than this.
        let writer = try Index.create(at: index, schema: schema).writer(WriterOptions(memoryBytes: 8 << 30))
        for number in 0..<docs { try writer.upsert(collection.document(number)) }
        _ = try writer.commit()
        writer.close()
    }

    private func measure(
        _ queries: [Query], _ count: Int, _ method: ReadMethod, _ output: inout OutputFile?
    ) throws {
        let reading = DenseReading(method: method, residentShare: residentShare)
        var cold = DenseTimes()
        for round in 0..<rounds {
            try PageCache.drop(denseFilesOf: index)
            let snapshot = try Index.open(at: index, reading: reading).snapshot()
            try cold.measure(snapshot, Array(queries[round * queriesCount..<(round + 1) * queriesCount]))
        }
        print(cold.row(method, count, "cold"))
        let snapshot = try Index.open(at: index, reading: reading).snapshot()
        for query in queries { _ = try snapshot.search(query) }
        var warm = DenseTimes()
        for _ in 0..<passes { try warm.measure(snapshot, queries) }
        print(warm.row(method, count, "warm"))
        guard method == (try readMethods.first), let output else { return }
        for var query in queries {
            query.k = count
            let numbers = try snapshot.search(query).map { "\($0.id)" }
            try output.write(numbers.joined(separator: " ") + "\n")
        }
    }
}

/// What queries took, in microseconds.
private struct DenseTimes {
    private var dense: [Double] = []
    private var whole: [Double] = []
    private var found = 0
    private var bytes = 0
    private var resident = 0

    mutating func measure(_ snapshot: Snapshot, _ queries: [Query]) throws {
        for query in queries {
            var half = query
            half.dense = nil
            half.k = query.candidates ?? query.k
            // The sparse half is warm: what is measured is the dense one.
            _ = try snapshot.search(half)
            let before = deviceBytes()
            var statistics = SearchStatistics()
            let start = ContinuousClock.now
            _ = try snapshot.search(query, statistics: &statistics)
            whole.append(seconds(since: start) * 1e6)
            dense.append(statistics.verification / .microseconds(1))
            bytes += deviceBytes() - before
            found += statistics.denseRows
        }
        resident = max(resident, residentMegabytes())
    }

    func row(_ method: ReadMethod, _ candidates: Int, _ cache: String) -> String {
        let count = max(1, whole.count)
        func quantiles(_ times: [Double]) -> String {
            let sorted = times.sorted()
            return String(
                format: "%11.1f%11.1f", sorted[count / 2], sorted[min(count - 1, count * 99 / 100)])
        }
        return "\(method)".padding(toLength: 8, withPad: " ", startingAt: 0)
            + String(format: "%12d%7d  ", candidates, found / count) + cache + quantiles(dense)
            + quantiles(whole) + String(format: "%15d%13d", bytes / count / 1024, resident)
    }
}
