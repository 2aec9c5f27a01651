import Dispatch
import Granary
import GranaryStorage
import Synchronization
import TestSupport
import Testing

/// Everything at once, from many threads. `Tools/test --threads` runs it under the thread sanitizer.
@Suite struct ThreadTests {
    private static let writers = 3
    /// Documents that no thread changes.
    private static let constants = 40
    /// What says that no commit follows.
    private static let lastWord: [UInt8] = [1]

    /// Options with which little work meets all that a large index does: flushes, blocks, tiers of merges.
    private static var options: WriterOptions {
        var options = WriterOptions.small(exactBelow: 40, segmentDocuments: 60, threads: 2)
        options.merging = MergeOptions(segmentsPerTier: 3, floorBytes: 4096, segmentBudget: 8)
        options.maximumStall = .seconds(600)
        options.reserveBytes = 4096
        return options
    }

    @Test(arguments: [false, true])
    func whatThreadsSeeIsWhatTheOthersHaveDone(onDisk: Bool) async throws {
        let directory = try TemporaryDirectory()
        let fileSystem: any FileSystem = onDisk ? PosixFileSystem() : MemoryFileSystem()
        if !onDisk { try fileSystem.createDirectory("/memory") }
        let root = onDisk ? directory.path : "/memory"
        let rounds = Effort.isLong ? 30 : 2
        let index = try Index.create(at: "\(root)/index", fileSystem: fileSystem)
        let traffic = Traffic(
            index: index, writer: try index.writer(Self.options), root: root, fileSystem: fileSystem)
        try traffic.insertConstants(Self.constants)
        let generations = Task { try await Self.generations(of: index) }
        let work = (0..<Self.writers).map { thread in
            { @Sendable () throws in try traffic.write(thread, operations: 45 * rounds) }
        }
        let beside: [@Sendable () throws -> Void] = [
            { try traffic.read(1) }, { try traffic.read(2) }, { try traffic.merge() },
            { try traffic.backUp() },
            { try traffic.observe() },
        ]
        let asynchronous = Task { try await traffic.callAsynchronously() }
        await traffic.run(work, beside: beside)
        try await asynchronous.value
        try traffic.writer.upsert(traffic.document("last", version: 1))
        _ = try await traffic.writer.commit(userData: Self.lastWord)
        let seen = try await generations.value
        #expect(zip(seen, seen.dropFirst()).allSatisfy { $0 < $1 }, "generations came twice or in disorder")
        #expect(try index.snapshot().generation >= seen.last ?? .max)
        try await traffic.writer.waitForMerges()
        #expect(traffic.writer.statistics.health == .good)
        #expect(traffic.writer.statistics.merges > 0)
        try index.snapshot().verify(.full)
        traffic.log.settle()
        #expect(traffic.log.failures == [])
        #expect(traffic.log.sightCount > 6 * rounds)
        traffic.writer.close()
        #expect(try fileSystem.list("\(root)/index").allSatisfy { !$0.hasSuffix(".tmp") })
    }

    @Test func aWriterThatIsClosedAmongThreadsKeepsWhatItHasAcknowledged() async throws {
        for round in 0..<(Effort.isLong ? 60 : 3) {
            let fileSystem = MemoryFileSystem()
            let index = try Index.create(at: "/index", fileSystem: fileSystem)
            var options = Self.options
            options.autoCommit = AutoCommit(after: .milliseconds(1), or: 4096)
            let traffic = Traffic(
                index: index, writer: try index.writer(options), root: "/", fileSystem: fileSystem)
            try traffic.insertConstants(Self.constants)
            let untilClosed = (0..<Self.writers).map { thread in
                { @Sendable () throws in
                    do throws(GranaryError) {
                        while true { try traffic.write(thread, operations: 30) }
                    } catch {
                        // A merge that is asked for or waited for is cancelled.
                        guard error.code == .invalidArgument || error.code == .cancelled else { throw error }
                    }
                }
            }
            let closing = { @Sendable () throws in
                while traffic.log.operationCount < Self.constants + 40 * (round % 6 + 1),
                    traffic.log.failures.isEmpty
                {
                    traffic.pause()
                }
                traffic.close()
            }
            await traffic.run(untilClosed + [closing], beside: [{ try traffic.observe() }])
            let next = try index.writer(options)
            let snapshot = try index.snapshot()
            try traffic.log.look(
                at: snapshot, try traffic.query(7), from: "the next writer", least: traffic.log.durable)
            try snapshot.verify(.full)
            traffic.log.settle()
            #expect(traffic.log.failures == [])
            next.close()
        }
    }

    /// The generations that are announced, until the last.
    private static func generations(of index: Index) async throws -> [UInt64] {
        var seen: [UInt64] = []
        for try await generation in index.changes(every: .milliseconds(1)) {
            seen.append(generation)
            if try index.snapshot().userData == lastWord { break }
        }
        return seen
    }
}

/// Threads at work on one index.
private final class Traffic: Sendable {
    let index: Index
    let writer: IndexWriter
    let log = OperationLog()
    private let root: String
    private let fileSystem: any FileSystem
    /// Documents that no thread changes.
    private let constant = Mutex<[Document]>([])
    private let isOver = Mutex(false)
    private let isClosing = Mutex(false)

    init(index: Index, writer: IndexWriter, root: String, fileSystem: any FileSystem) {
        self.index = index
        self.writer = writer
        self.root = root
        self.fileSystem = fileSystem
    }

    // MARK: Threads

    /// Runs each piece of work on a thread of its own, and others beside them until all of those are done.
    func run(_ work: [@Sendable () throws -> Void], beside others: [@Sendable () throws -> Void]) async {
        let (working, running) = (DispatchGroup(), DispatchGroup())
        for (group, bodies) in [(working, work), (running, others)] {
            for body in bodies {
                // Serial queues get threads that do not count as those of a pool.
                DispatchQueue(label: "granary.test").async(group: group) {
                    do { try body() } catch { self.log.fail("\(error)") }
                }
            }
        }
        await withCheckedContinuation { done in working.notify(queue: .global()) { done.resume() } }
        isOver.withLock { $0 = true }
        await withCheckedContinuation { done in running.notify(queue: .global()) { done.resume() } }
    }

    /// Repeats something until the writers are done, and once at least.
    ///
    /// - Parameter most: rounds at most, fifty times as many in a long run: on a busy machine whoever looks
    ///   would otherwise take the time that the writers need.
    private func untilOver(most: Int = .max / 50, _ body: (Int) throws -> Void) rethrows {
        var round = 0
        repeat {
            try body(round)
            round += 1
        } while round < Effort.rounds(most) && !isOver.withLock { $0 }
    }

    /// Lets others go on.
    func pause() { _ = DispatchSemaphore(value: 0).wait(timeout: .now() + .milliseconds(1)) }

    // MARK: Documents

    /// A document that tells one version from another by its weights and its payload. They are stored as they
    /// are: all weights are multiples of 1/8 below 8.
    func document(_ id: DocumentKey, version: Int) throws(GranaryError) -> Document {
        let text = Array("\(id) \(version)".utf8)
        var random = TestRandom(seed: text.reduce(0) { $0 &* 257 &+ UInt64($1) })
        return Document(id: id, sparse: try vector(1...8, &random), payload: text)
    }

    func query(_ seed: UInt64) throws(GranaryError) -> SparseVector {
        var random = TestRandom(seed: seed)
        return try vector(6...6, &random)
    }

    private func vector(
        _ entries: ClosedRange<Int>, _ random: inout TestRandom
    ) throws(GranaryError) -> SparseVector {
        var weights: [UInt32: Float] = [:]
        for _ in 0..<random.int(entries) {
            weights[UInt32(random.int(0...23))] = Float(random.int(1...63)) / 8
        }
        let components = weights.keys.sorted()
        return try SparseVector(components: components, weights: components.map { weights[$0] ?? 0 })
    }

    func insertConstants(_ count: Int) throws(GranaryError) {
        for number in 0..<count {
            let document = try document(.number(UInt64(number)), version: 0)
            log.note(try writer.upsert(document), document.id, document)
            constant.withLock { $0.append(document) }
        }
        log.note(try writer.commit(), after: nil)
    }

    // MARK: What threads do

    /// Changes documents of its own, publishes, and looks.
    func write(_ thread: Int, operations: Int) throws(GranaryError) {
        var random = TestRandom(seed: UInt64(thread) &+ log.finished &* 16)
        for number in 0..<operations {
            let id = DocumentKey.string("w\(thread)-\(random.int(0...29))")
            let own: UInt64
            switch random.int(0...9) {
            case 0...6:
                let document = try document(id, version: random.int(1...1_000_000))
                own = try writer.upsert(document)
                log.note(own, id, document)
            default:
                own = try writer.delete(id: id)
                log.note(own, id, nil)
            }
            if number % 12 == 5 { log.note(try writer.commit(), after: own) }
            if number % 20 == 9 {
                let least = log.finished
                try log.look(at: writer.refresh(), query(own), from: "a refresh", least: least)
            }
            if number % 30 == 19 {
                let prepared = try writer.prepareCommit()
                if thread == 0 { prepared.abort() } else { log.note(try prepared.commit(), after: own) }
            }
        }
    }

    /// Opens snapshots and looks at them.
    func read(_ seed: UInt64) throws {
        var (sequence, generation): (UInt64, UInt64) = (0, 0)
        let known = constant.withLock { $0 }
        try untilOver(most: 12) { round in
            let least = log.durable
            let snapshot = try index.snapshot()
            if snapshot.sequence < sequence || snapshot.generation < generation {
                log.fail("a snapshot is older than the one before")
            }
            (sequence, generation) = (snapshot.sequence, snapshot.generation)
            let query = try query(seed &* 1000 &+ UInt64(round))
            try log.look(at: snapshot, query, from: "a snapshot", least: least)
            let truth = Dictionary(
                uniqueKeysWithValues: BruteForce(known).search(query, k: .max).map { ($0.id, $0.score) })
            for hit in try snapshot.search(Query(sparse: query, k: 1000, recall: 0.9)) {
                guard case .number = hit.id, truth[hit.id] != hit.score else { continue }
                log.fail("\(hit) of a document that nobody changes, expected \(truth[hit.id] ?? 0)")
            }
            let batch = try snapshot.search(batch: [Query(sparse: query, exact: true)], threads: 2)
            if batch != [try snapshot.search(Query(sparse: query, exact: true))] {
                log.fail("a batch finds something else")
            }
            if snapshot.statistics().documents != snapshot.documentCount {
                log.fail("statistics of another count")
            }
        }
    }

    /// Merges by hand, pauses and resumes.
    func merge() throws {
        try untilOver(most: 40) { round in
            switch round % 4 {
            case 0: try writer.merge(to: 2)
            case 1: writer.pauseMerges()
            case 2: writer.resumeMerges()
            default: try writer.waitForMerges()
            }
            pause()
        }
        writer.resumeMerges()
    }

    /// Makes backups, and looks at them.
    func backUp() throws {
        try untilOver(most: 6) { round in
            let least = log.durable
            let path = "\(root)/backup-\(round)"
            try index.snapshot().backup(to: path, isVerified: round % 2 == 1)
            let copy = try Index.open(at: path, fileSystem: fileSystem)
            try log.look(at: copy.snapshot(), query(UInt64(round)), from: "a backup", least: least)
            try copy.writer().destroy()
        }
    }

    /// Closes the writer while others are still in it, and then once more.
    func close() {
        isClosing.withLock { $0 = true }
        writer.close()
        writer.close()
    }

    /// Looks at the writer's state.
    func observe() throws {
        var (durable, commits): (UInt64, Int) = (0, 0)
        untilOver { _ in
            let least = log.durable
            let statistics = writer.statistics
            // A closed one counts as poisoned.
            if statistics.health != .good, !isClosing.withLock({ $0 }) { log.fail("\(statistics)") }
            if statistics.commits < commits || statistics.bufferedDocuments < 0 || writer.addedCount < 0 {
                log.fail("counts run backwards: \(statistics)")
            }
            let now = writer.durableSequence
            if now < max(durable, least) {
                log.fail("durable up to \(now), expected \(durable) and \(least)")
            }
            (durable, commits) = (now, statistics.commits)
            pause()
        }
    }

    /// What there is of asynchronous calls, beside the threads.
    func callAsynchronously() async throws {
        var round: UInt64 = 0
        while round < Effort.rounds(16), !isOver.withLock({ $0 }) {
            round += 1
            let document = try document("async", version: Int(round))
            let own = try writer.upsert(document)
            log.note(own, document.id, document)
            async let receipt = writer.commit()
            let least = log.finished
            let snapshot = try await writer.refresh()
            try log.look(at: snapshot, query(round), from: "an asynchronous refresh", least: least)
            let query = Query(sparse: try query(round), k: 25, exact: true)
            if try await snapshot.search(query) != Self.now(snapshot, query) {
                log.fail("an asynchronous search finds something else")
            }
            log.note(try await receipt, after: own)
            if round % 8 == 0 { try await writer.merge(to: 1) }
        }
    }

    private static func now(_ snapshot: Snapshot, _ query: Query) throws(GranaryError) -> [Hit] {
        try snapshot.search(query)
    }
}
