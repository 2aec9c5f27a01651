import CommandSupport
import Foundation
import Granary
import Synchronization
import TestSupport

/// Two threads: one changes and commits, one searches.
final class SoakLoad: Sendable {
    /// What has been done so far.
    struct Counts: Sendable {
        var changes = 0
        var commits = 0
        var searches = 0
        /// Live documents, by what was changed.
        var live = 0
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

    func start() throws {
        var isLive = [Bool](repeating: false, count: source.count)
        try index.snapshot().forEachKey { key in
            if case .number(let id) = key, id < UInt64(isLive.count) { isLive[Int(id)] = true }
        }
        let first = isLive
        run { load, random in try load.change(first, &random) }
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

    private func change(_ first: [Bool], _ random: inout TestRandom) throws {
        var isLive = first
        let start = ContinuousClock.now
        var (changes, committed) = (0, start)
        while !isStopped {
            let due = Int((ContinuousClock.now - start).seconds * rate)
            // Whatever a stall kept back is made up for, a second's worth at a time.
            for _ in 0..<min(max(0, due - changes), Int(rate)) {
                let id = random.int(0...source.count - 1)
                isLive[id] = random.int(0...9) > 0
                if !isLive[id] {
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
        _ = try writer.commit()
        let live = isLive.count { $0 }
        state.withLock { $0.counts.live = live }
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
