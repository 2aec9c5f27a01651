import ArgumentParser
import CommandSupport
import Foundation
import Granary

/// Measures an index that lives: updates, commits, refreshes, merges.
struct UpdatesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "updates",
        abstract: "Measures updates: throughput, latencies, write amplification, and search on an old index.",
        discussion: """
            Documents are replaced by themselves, in random order, so that the exact truth of the collection \
            holds throughout. Output is one JSON object. MEASURES are any of: aging (search after many \
            commits beside a fresh build), sustained (commits every second), single (a commit for each \
            document), refresh (from upsert to searchable), merging (search while a merge runs), recovery \
            (opening 100 segments), amplification (bytes written over many flushes).

            EXAMPLE
              granary-bench updates --base base.csr --queries queries.csr --truth truth.gt \
            --measures aging,sustained --json updates.json
            """)

    @Option(help: "The documents, in BigANN's .csr layout.") var base: String
    @Option(help: "The queries, in the same layout.") var queries: String
    @Option(help: "The exact answers, in BigANN's .gt layout.") var truth: String
    @Option(help: "What to measure, separated by commas.")
    var measures = "aging,sustained,single,refresh,merging,recovery,amplification"
    @Option(help: "Takes only the first documents.") var docs: Int?
    @Option(help: "Commits of the aging.") var commits = 200
    @Option(help: "Documents replaced by each commit of the aging; default: all documents once.")
    var batch: Int?
    @Option(help: "Seconds of each sustained measure.") var seconds = 20
    @Option(help: "Flushes of the amplification.") var flushes = 1000
    @OptionGroup(title: "Build options") var build: BuildArguments
    @Option(help: "Directory for indexes; default: a temporary one.") var directory: String?
    @Option(help: "Writes the result to a file instead of standard output.") var json: String?

    func validate() throws {
        for (name, value) in [
            ("--commits", commits), ("--seconds", seconds), ("--flushes", flushes), ("--docs", docs ?? 1),
            ("--batch", batch ?? 1),
        ] where value < 1 || value > 1 << 40 {
            throw ValidationError("expected \(name) of at least 1, found \(value)")
        }
        let known = Set(UpdateMeasures.all.map(\.name))
        if let odd = measures.split(separator: ",").first(where: { !known.contains(String($0)) }) {
            throw ValidationError("expected measures of \(known.sorted()), found \(odd)")
        }
    }

    func run() throws {
        let folder =
            directory
            ?? FileManager.default.temporaryDirectory.appendingPathComponent(
                "granary-updates-\(UUID().uuidString)"
            ).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { if directory == nil { try? FileManager.default.removeItem(atPath: folder) } }
        let file = try CSRFile.open(base)
        let queryFile = try CSRFile.open(queries)
        let count = min(docs ?? file.rowCount, file.rowCount)
        let workload = UpdateWorkload(
            base: file, count: count,
            queries: try (0..<min(1000, queryFile.rowCount)).map { try queryFile.row($0) },
            truth: try GroundTruth.open(truth), folder: folder)
        let wanted = measures.split(separator: ",").map(String.init)
        var parts = ["\"documents\": \(count)"]
        for measure in UpdateMeasures.all where wanted.contains(measure.name) {
            FileHandle.standardError.write(Data("\(measure.name) …\n".utf8))
            let figures = try measure.run(workload, self)
            let fields = figures.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ")
            parts.append("\"\(measure.name)\": {\(fields)}")
            FileHandle.standardError.write(Data("  \(fields)\n".utf8))
        }
        let output = try OutputFile(json)
        try output.write("{" + parts.joined(separator: ",\n ") + "}\n")
        try output.finish()
    }
}

/// Documents and queries of a collection, and indexes of them.
struct UpdateWorkload {
    let base: CSRFile
    let count: Int
    let queries: [SparseVector]
    let truth: GroundTruth
    let folder: String

    /// A document of the collection.
    func document(_ row: Int) throws -> Document {
        Document(id: .number(UInt64(row)), sparse: try base.row(row))
    }

    /// An index of all documents, in one segment unless the options say otherwise.
    func build(_ name: String, _ options: WriterOptions = WriterOptions(memoryBytes: 1 << 30)) throws -> Index
    {
        let path = "\(folder)/\(name)"
        try? FileManager.default.removeItem(atPath: path)
        let index = try Index.create(at: path)
        let writer = try index.writer(options)
        for row in 0..<count { try writer.upsert(try document(row)) }
        _ = try writer.commit()
        writer.close()
        return index
    }

    /// Recall and latency of all queries.
    func search(_ snapshot: Snapshot, passes: Int = 5) throws -> BenchRow {
        try Sweep(snapshot: snapshot, queries: queries, truth: truth, k: 10, passes: passes).measure(
            .recall(0.95))
    }
}

/// Latencies in the order in which they were measured.
struct Latencies {
    private var values: [Double] = []

    mutating func add(_ seconds: Double) { values.append(seconds) }
    var count: Int { values.count }

    /// The value below which a share of all lie, in milliseconds.
    func milliseconds(_ share: Double) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : 1000 * sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }
}
