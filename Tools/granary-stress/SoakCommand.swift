import ArgumentParser
import CommandSupport
import Foundation
import Granary
import Synchronization
import TestSupport

/// Hours of updates, deletes, merges and searches.
struct SoakCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract: "Updates, deletes, merges and searches for a long time, and measures what it takes.",
        discussion: """
            Fills the index first, if it is not there. Prints a line of JSON now and then: memory, \
            descriptors, mappings, bytes on disk beside live bytes, latencies of search. Ends with 1 when the \
            index takes more than 2.2 times its live bytes after the first minute, or when memory, \
            descriptors or mappings go on growing. Use a directory on a real disk.
            """)

    @Option(help: "The index directory; removed at the end when it was made here.") var index: String
    @Option(help: "Documents, in BigANN's .csr layout; random ones otherwise.") var base: String?
    @Option(help: "How many documents.") var documents: Int?
    @Option(help: "How long the changes go on after the index is filled.") var minutes = 60.0
    @Option(help: "Changes a second, one of ten a delete.") var rate = 1000.0
    @Option(help: "Seconds between commits.") var commitEvery = 1.0
    @Option(help: "Seconds between lines.") var every = 30.0
    @Option(help: "The largest share of disk to live bytes.") var largestRatio = 2.2
    @Option(help: "Seconds until memory and disk are judged.") var settledAfter = 60.0
    @Flag(help: "Keeps the index.") var keep = false

    func validate() throws {
        guard minutes > 0, rate >= 1, commitEvery > 0, every > 0, documents ?? 1 > 0 else {
            throw ValidationError("expected positive minutes, rate, seconds and documents")
        }
    }

    func run() throws {
        let isNew = !FileManager.default.fileExists(atPath: index)
        defer { if isNew && !keep { try? FileManager.default.removeItem(atPath: index) } }
        let source = try SoakSource(base: base, documents: documents)
        let opened = isNew ? try Index.create(at: index) : try Index.open(at: index)
        let writer = try opened.writer()
        defer { writer.close() }
        if isNew { try fill(writer, source) }
        let load = SoakLoad(index: opened, writer: writer, source: source, rate: rate, every: commitEvery)
        load.start()
        defer { load.stop() }
        var judge = SoakJudge(largestRatio: largestRatio, settledAfter: settledAfter)
        let start = ContinuousClock.now
        while (ContinuousClock.now - start).seconds < minutes * 60 {
            Thread.sleep(forTimeInterval: min(every, minutes * 60))
            let sample = try SoakSample(
                second: (ContinuousClock.now - start).seconds, path: index, index: opened, writer: writer,
                load: load)
            say(sample.line)
            if let failure = load.failure { throw Finding(failure) }
            judge.add(sample)
        }
        if let finding = judge.finding { throw Finding(finding) }
    }

    private func fill(_ writer: IndexWriter, _ source: SoakSource) throws {
        let start = ContinuousClock.now
        for row in 0..<source.count { try writer.upsert(try source.document(row, row)) }
        _ = try writer.commit()
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

/// Two threads: one changes and commits, one searches.
final class SoakLoad: Sendable {
    /// What has been done so far.
    struct Counts: Sendable {
        var changes = 0
        var commits = 0
        var searches = 0
        /// Of the searches since the last look, in milliseconds.
        var latencies: [Double] = []
    }

    private struct State: Sendable {
        var counts = Counts()
        var failure: String?
        var isStopped = false
        var running = 0
    }

    private let index: Index
    private let writer: IndexWriter
    private let source: SoakSource
    private let rate: Double
    private let every: Double
    private let state = Mutex(State())

    init(index: Index, writer: IndexWriter, source: SoakSource, rate: Double, every: Double) {
        (self.index, self.writer, self.source) = (index, writer, source)
        (self.rate, self.every) = (rate, every)
    }

    /// The first failure of either thread.
    var failure: String? { state.withLock { $0.failure } }

    /// What has been done, and the latencies since the last call.
    func take() -> Counts {
        state.withLock { state in
            defer { state.counts.latencies = [] }
            return state.counts
        }
    }

    func start() {
        run { load, random in try load.change(&random) }
        run { load, random in try load.search(&random) }
    }

    private func run(_ body: @escaping @Sendable (SoakLoad, inout TestRandom) throws -> Void) {
        state.withLock { $0.running += 1 }
        let thread = Thread { [self] in
            var random = TestRandom(seed: 11)
            do {
                try body(self, &random)
            } catch {
                state.withLock { $0.failure = $0.failure ?? "\(error)" }
            }
            state.withLock { $0.running -= 1 }
        }
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Ends both threads.
    func stop() {
        state.withLock { $0.isStopped = true }
        while state.withLock({ $0.running }) > 0 { Thread.sleep(forTimeInterval: 0.05) }
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    private func change(_ random: inout TestRandom) throws {
        let start = ContinuousClock.now
        var (changes, committed) = (0, start)
        while !isStopped {
            let due = Int((ContinuousClock.now - start).seconds * rate)
            // Whatever a stall kept back is made up for, a second's worth at a time.
            for _ in 0..<min(max(0, due - changes), Int(rate)) {
                let id = random.int(0...source.count - 1)
                if random.int(0...9) == 0 {
                    try writer.delete(id: .number(UInt64(id)))
                } else {
                    try writer.upsert(try source.document(id, random.int(0...source.count - 1)))
                }
                changes += 1
                state.withLock { $0.counts.changes += 1 }
                if (ContinuousClock.now - committed).seconds >= every { break }
            }
            if (ContinuousClock.now - committed).seconds >= every {
                committed = ContinuousClock.now
                _ = try writer.commit()
                state.withLock { $0.counts.commits += 1 }
            }
            if due <= changes { Thread.sleep(forTimeInterval: 0.002) }
        }
    }

    private func search(_ random: inout TestRandom) throws {
        var snapshot = try index.snapshot()
        var opened = ContinuousClock.now
        while !isStopped {
            // As a service does: the newest once a second.
            if (ContinuousClock.now - opened).seconds >= 1 {
                (snapshot, opened) = (try index.snapshot(), ContinuousClock.now)
            }
            let query = try source.query(random.int(0...source.count - 1))
            let begun = ContinuousClock.now
            let hits = try snapshot.search(Query(sparse: query, k: 10))
            let milliseconds = (ContinuousClock.now - begun).seconds * 1000
            if hits.isEmpty && query.count > 0 { throw Finding("a search found nothing") }
            state.withLock { state in
                state.counts.searches += 1
                state.counts.latencies.append(milliseconds)
            }
            Thread.sleep(forTimeInterval: 0.005)
        }
    }
}
