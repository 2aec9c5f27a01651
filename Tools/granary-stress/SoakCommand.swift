import ArgumentParser
import CommandSupport
import Foundation
import Granary
import TestSupport

/// Hours of updates, deletes, merges and searches.
struct SoakCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "Updates, deletes, merges and searches for a long time, and measures what it takes.",
        discussion: """
            Fills the index first, if it is not there. Prints a line of JSON now and then: memory, \
            descriptors, mappings, bytes on disk beside live bytes, latencies of search. Ends with 1 when \
            the index takes more than 2.2 times its live bytes after the first minute (it is looked at every \
            second), when memory, descriptors or mappings go on growing, or when the index is not sound in \
            the end. Use a directory on a real disk.
            """)

    @Option(help: "The index directory; removed at the end when it was made here.") var index: String
    @Option(help: "Documents, in BigANN's .csr layout; random ones otherwise.") var base: String?
    @Option(help: "How many documents.") var documents: Int?
    @Option(help: "How long the changes go on after the index is filled; 0 only fills it, and keeps it.")
    var minutes = 60.0
    @Option(help: "Changes a second, one of ten a delete.") var rate = 1000.0
    @Option(help: "Seconds between commits.") var commitEvery = 1.0
    @Option(help: "Seconds between lines.") var every = 30.0
    @Option(help: "The largest share of disk to live bytes.") var largestRatio = 2.2
    @Option(help: "Seconds until memory and disk are judged.") var settledAfter = 60.0
    @Flag(help: "Keeps the index.") var keep = false

    func validate() throws {
        guard minutes >= 0, rate >= 1, commitEvery > 0, every > 0, documents ?? 1 > 0 else {
            throw ValidationError("expected positive minutes, rate, seconds and documents")
        }
    }

    func run() throws {
        let isNew = !FileManager.default.fileExists(atPath: index)
        defer { if isNew && !keep && minutes > 0 { try? FileManager.default.removeItem(atPath: index) } }
        let source = try SoakSource(base: base, documents: documents)
        let opened = isNew ? try Index.create(at: index) : try Index.open(at: index)
        if isNew { try fill(opened, source) }
        if minutes == 0 { return }
        let writer = try opened.writer()
        defer { writer.close() }
        let load = SoakLoad(index: opened, writer: writer, source: source, rate: rate, every: commitEvery)
        try load.start()
        defer { load.stop() }
        var judge = SoakJudge(largestRatio: largestRatio, settledAfter: settledAfter)
        try watch(opened, writer, load, &judge)
        load.stop()
        if let failure = load.failure { throw Finding(failure) }
        try checkEnd(opened, load.take())
        if let finding = judge.finding { throw Finding(finding) }
    }

    /// Looks at the disk every second, and prints a line now and then: for as long as was asked, and on a
    /// busy machine until something has been committed and searched.
    private func watch(
        _ index: Index, _ writer: IndexWriter, _ load: SoakLoad, _ judge: inout SoakJudge
    ) throws {
        let start = ContinuousClock.now
        var (lines, changes) = (0, 0)
        var peak = try IndexSize(index)
        var hasBegun = false
        while (ContinuousClock.now - start).seconds < minutes * 60 || !hasBegun {
            let due = Double(lines + 1) * every - (ContinuousClock.now - start).seconds
            Thread.sleep(forTimeInterval: max(0.001, min(1, due)))
            let second = (ContinuousClock.now - start).seconds
            let size = try IndexSize(index)
            if size.ratio > peak.ratio { peak = size }
            if let failure = load.failure { throw Finding(failure) }
            guard second >= Double(lines + 1) * every else { continue }
            let counts = load.take()
            hasBegun = counts.commits > 0 && counts.searches > 0
            let sample = SoakSample(
                second: second, size: size, peak: peak, writer: writer.statistics, counts: counts,
                changesBefore: changes, period: every)
            say(sample.line)
            judge.add(sample)
            (lines, peak, changes) = (lines + 1, size, sample.changes)
        }
    }

    /// That the index has as many documents as were written, and is sound.
    private func checkEnd(_ index: Index, _ counts: SoakLoad.Counts) throws {
        let snapshot = try index.snapshot()
        guard snapshot.documentCount == counts.live else {
            throw Finding("the index has \(snapshot.documentCount) documents, not \(counts.live)")
        }
        try snapshot.verify(.full)
        say("{\"verified\": \(counts.live)}")
    }

    private func fill(_ index: Index, _ source: SoakSource) throws {
        let start = ContinuousClock.now
        let writer = try index.writer(WriterOptions(memoryBytes: 256 << 20))
        defer { writer.close() }
        for row in 0..<source.count { try writer.upsert(try source.document(row, row)) }
        _ = try writer.commit()
        try writer.waitForMerges()
        say("{\"filled\": \(source.count), \"seconds\": \((ContinuousClock.now - start).seconds)}")
    }
}

/// Documents by number.
struct SoakSource: Sendable {
    let count: Int
    private let file: CSRFile?

    init(base: String?, documents: Int?) throws(GranaryError) {
        let file = try base.map { (path) throws(GranaryError) in try CSRFile.open(path) }
        self.file = file
        count = min(documents ?? file?.rowCount ?? 100_000, file?.rowCount ?? .max)
    }

    /// The document of an id with the vector of a row.
    func document(_ id: Int, _ row: Int) throws(GranaryError) -> Document {
        let payload = Array("{\"id\": \(id), \"row\": \(row)}".utf8)
        return Document(id: .number(UInt64(id)), sparse: try vector(row, entries: 60), payload: payload)
    }

    /// A query: the vector of a row, as encoders of queries would shorten it.
    func query(_ row: Int) throws(GranaryError) -> SparseVector {
        guard case .components(let components, let weights) = try vector(row, entries: 60).entries else {
            throw GranaryError(.invalidArgument, "expected components")
        }
        let strongest = components.indices.sorted { weights[$0] > weights[$1] }.prefix(16)
        return try SparseVector(
            components: strongest.map { components[$0] }, weights: strongest.map { weights[$0] })
    }

    private func vector(_ row: Int, entries: Int) throws(GranaryError) -> SparseVector {
        if let file { return try file.row(row) }
        var random = TestRandom(seed: UInt64(row))
        var weights: [UInt32: Float] = [:]
        for _ in 0..<entries {
            let share = random.float(0...0.9999)
            weights[UInt32(30_000 * share * share * share)] = random.float(0.05...3)
        }
        let components = weights.keys.sorted()
        return try SparseVector(components: components, weights: components.map { weights[$0] ?? 0 })
    }
}
