import ArgumentParser
import CommandSupport
import Foundation
import Granary

/// The benchmark.
@main
struct GranaryBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "granary-bench",
        abstract: "Measures Granary, in figures that compare with those of other engines.",
        subcommands: [
            SearchBench.self, DenseCommand.self, FiltersCommand.self, UpdatesCommand.self, FixedCommand.self,
        ],
        defaultSubcommand: SearchBench.self)
}

/// Builds an index on disk, opens it again and sweeps recall settings in one thread.
struct SearchBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract:
            "Measures recall and latency of a sparse collection, in rows that compare with those of other engines.",
        discussion: """
            Each row of the output has recall@k against the exact truth, mean, median and 99th percentile of \
            the latency of one query in one thread (the best of several passes over all queries), seconds to \
            build, bytes on disk, and megabytes resident after all queries. Pin the process to one core for \
            figures: taskset -c 0 granary-bench …

            EXAMPLE
              granary-bench --base base.csr --queries queries.csr --truth truth.gt --json granary.json
            """)

    @Option(help: "The documents, in BigANN's .csr layout.") var base: String?
    @Option(help: "The queries, in the same layout.") var queries: String
    @Option(help: "The exact answers, in BigANN's .gt layout.") var truth: String
    @Option(help: "Takes only the first documents.") var docs: Int?
    @Option(help: "Takes only the first queries.") var queriesMax = 1000
    @Option(help: "Writes the rows to a file instead of standard output.") var json: String?
    @Option(
        help: "The index directory: built there and kept, or opened if it is there. Default: a temporary one."
    )
    var index: String?
    @Option(help: "How weights are stored: float16, float32 or uint8.") var weights = "float16"
    @Option(help: "Threads of the build.") var threads: Int?
    @Option(help: "Memory of the build in MiB.") var memory = 1024
    @Option(name: .shortAndLong, help: "Hits for each query; recall is measured at it.") var k = 10
    @Option(help: "Passes over all queries; the best counts.") var passes = 3
    @Option(help: "Measures queries a second of the whole batch on so many threads instead, for each row.")
    var batchThreads: Int?
    @Flag(help: "Measures exact search as well.") var exact = false
    @Flag(help: "Sweeps a grid of search settings besides the recalls that calibration knows.") var grid =
        false
    @Option(
        help:
            "Measures these settings only, as listMass:estimateFactor,…: the first is the list mass of segments with blocks, the least impact of others."
    ) var settings: String?
    @Flag(help: "Prints what a query does on average, for each row, to standard error.") var counts = false
    @OptionGroup(title: "Build options") var build: BuildArguments

    @Flag(help: "Compares what is read with its checksums at the first touch.")
    var verifyReads = false

    func validate() throws {
        for (name, value, least) in [
            ("--docs", docs ?? 0, 0), ("--queries-max", queriesMax, 0), ("-k", k, 1),
            ("--memory", memory, 16),
            ("--passes", passes, 1),
        ] where value < least || value > 1 << 40 {
            throw ValidationError("expected \(name) of at least \(least), found \(value)")
        }
    }

    func run() throws {
        let directory = index ?? temporaryDirectory()
        let isTemporary = index == nil
        defer { if isTemporary { try? FileManager.default.removeItem(atPath: directory) } }
        var buildSeconds = 0.0
        if !FileManager.default.fileExists(atPath: directory) { buildSeconds = try buildIndex(at: directory) }
        let start = ContinuousClock.now
        let snapshot = try Index.open(
            at: directory, verification: verifyReads ? .firstTouch : .structure
        ).snapshot()
        let openMilliseconds = seconds(since: start) * 1000
        let residentAfterOpen = residentMegabytes()
        let sweep = Sweep(
            snapshot: snapshot, queries: try loadQueries(), truth: try GroundTruth.open(truth), k: k,
            passes: passes)
        let bytes = Int(snapshot.statistics().bytesOnDisk)
        var rows: [BenchRow] = []
        for point in points(snapshot) {
            if let batchThreads {
                try reportBatch(point, sweep, threads: batchThreads)
                continue
            }
            var row = try sweep.measure(point)
            row.buildSeconds = buildSeconds
            row.bytes = bytes
            row.openMilliseconds = openMilliseconds
            row.residentAfterOpen = residentAfterOpen
            rows.append(row)
            report(row)
        }
        let resident = residentMegabytes()
        for position in rows.indices { rows[position].resident = resident }
        let output = try OutputFile(json)
        try output.write("[\n" + rows.map { "  " + $0.json }.joined(separator: ",\n") + "\n]\n")
        try output.finish()
    }

    private func temporaryDirectory() -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent("granary-bench-\(UUID().uuidString)")
            .path
    }

    private func buildIndex(at directory: String) throws -> Double {
        guard let base else { throw ValidationError("expected --base, or --index with an index in it") }
        guard let type = WeightType.allCases.first(where: { "\($0)" == weights }) else {
            throw ValidationError("expected float16, float32 or uint8, found \(weights)")
        }
        let start = ContinuousClock.now
        let file = try CSRFile.open(base)
        let index = try Index.create(at: directory, schema: Schema(weights: type))
        let writer = try index.writer(
            WriterOptions(memoryBytes: memory << 20, threads: threads, build: build.options))
        var rows = file.rows(0..<(docs ?? file.rowCount))
        var row: UInt64 = 0
        while let vector = try rows.next() {
            try writer.upsert(Document(id: .number(row), sparse: vector))
            row += 1
        }
        _ = try writer.commit()
        writer.close()
        let elapsed = seconds(since: start)
        FileHandle.standardError.write(
            Data("build \(elapsed.rounded(to: 2)) s, peak \(peakMegabytes()) MB resident\n".utf8))
        return elapsed
    }

    private func loadQueries() throws -> [SparseVector] {
        let file = try CSRFile.open(queries)
        return try (0..<min(queriesMax, file.rowCount)).map { try file.row($0) }
    }

    private func points(_ snapshot: Snapshot) -> [Query.Accuracy] {
        if let settings {
            return settings.split(separator: ",").map { pair in
                let parts = pair.split(separator: ":").map { Double($0) ?? 0 }
                return .settings(knobs(reading: parts.first ?? 0.7, factor: parts.last ?? 0.9))
            }
        }
        var points: [Query.Accuracy] = [
            0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995,
        ].map { .recall($0) }
        // Some by hand, as other engines are swept: what calibration is compared with.
        for reading in [0.36, 0.3, 0.24, 0.18, 0.15, 0.11] {
            for factor in [0.88, 0.84, 0.8] {
                points.append(.settings(knobs(reading: reading, factor: factor)))
            }
        }
        if grid {
            for reading in [0.03, 0.06, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1] {
                for factor in [1.2, 1.1, 1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5] {
                    points.append(.settings(knobs(reading: reading, factor: factor)))
                }
            }
        }
        if exact { points.append(.exact) }
        return points
    }

    private func reportBatch(_ point: Query.Accuracy, _ sweep: Sweep, threads: Int) throws {
        let rate = try sweep.queriesPerSecond(point, threads: threads)
        let text = "\(Sweep.params(point))  \(rate.rounded(to: 0)) queries/s on \(threads) threads\n"
        FileHandle.standardError.write(Data(text.utf8))
    }

    /// Settings of either kind of segment: it takes notice of one of the two.
    private func knobs(reading: Double, factor: Double) -> SearchSettings {
        SearchSettings(listMass: reading, leastImpact: reading, estimateFactor: factor)
    }

    private func report(_ row: BenchRow) {
        var line =
            "\(row.params)  recall \(row.recall.rounded(to: 4))  \(row.mean.rounded(to: 1)) us  p50 \(row.median.rounded(to: 1))  p99 \(row.p99.rounded(to: 0))"
        if counts {
            let c = row.statistics
            line +=
                "  lists \(c.lists / row.queries) postings \(c.postings / row.queries) summaries \(c.summaries / row.queries) blocks \(c.blocks / row.queries)"
            line += " rows \(c.rows / row.queries) exact \(c.exactRows / row.queries)"
        }
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }
}
