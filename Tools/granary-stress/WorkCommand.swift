import ArgumentParser
import Foundation
import Granary
import TestSupport

/// Commits batch after batch, and says so.
struct WorkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work",
        abstract: "Commits batch after batch of random changes until it is killed.",
        discussion: """
            Prints "started N" before the commit of batch N begins, and "acknowledged N G" once it is done \
            as generation G. Between batches it refreshes, rolls back, prepares and aborts, merges, backs up \
            and opens the index again, at random.
            """)

    @Option(help: "The index directory; made when it is not there.") var index: String
    @Option(help: "What the batches follow from.") var seed: UInt64
    @Option(help: "What everything between them follows from.") var habits: UInt64 = 0
    @Option(help: "Ends after so many seconds.") var seconds: Double?

    func run() throws {
        var work = try StressWork(path: index, seed: seed, random: TestRandom(seed: habits))
        let start = ContinuousClock.now
        while seconds.map({ (ContinuousClock.now - start).seconds < $0 }) ?? true { try work.step() }
        work.close()
        say("done \(work.batch)")
    }
}

/// A writer and what it has committed.
struct StressWork {
    private let path: String
    private var index: Index
    private var writer: IndexWriter
    private var model: StressModel
    private var random: TestRandom
    private var backups = 0

    /// Opens or makes an index.
    init(path: String, seed: UInt64, random: TestRandom) throws {
        self.path = path
        self.random = random
        do throws(GranaryError) {
            index = try Index.open(at: path)
        } catch {
            guard error.code == .notFound || error.code == .notAnIndex else { throw error }
            index = try Index.create(at: path)
        }
        writer = try index.writer(Self.options)
        model = try StressModel(seed: seed, try index.snapshot())
    }

    /// Batches so far.
    var batch: UInt64 { model.batch }

    func close() { writer.close() }

    /// Merges all the time, and flushes often.
    private static var options: WriterOptions {
        WriterOptions(
            threads: 1, segmentDocuments: 7,
            build: BuildOptions(exactBelow: 40, calibrationQueries: 4),
            merging: MergeOptions(segmentsPerTier: 3, floorBytes: 1), reserveBytes: 1 << 16)
    }

    /// A batch, or something else that leaves everything as it is.
    mutating func step() throws {
        switch random.int(0...39) {
        case 0...24: try commit()
        case 25...27: try rollBack()
        case 28...30: try prepareAndAbort()
        case 31...33: try refresh()
        case 34, 35: try writer.merge(to: random.int(1...3))
        case 36: try writer.waitForMerges()
        case 37: try backUp()
        case 38: try look()
        default: try reopen()
        }
    }

    private mutating func commit() throws {
        let changes = model.advance()
        say("started \(batch)")
        for change in changes { try change.apply(to: writer) }
        let receipt: CommitReceipt
        if random.int(0...3) == 0 {
            let prepared = try writer.prepareCommit(userData: model.userData)
            receipt = try prepared.commit()
        } else {
            receipt = try writer.commit(userData: model.userData)
        }
        guard receipt.documents == model.versions.count, writer.durableSequence >= receipt.sequence else {
            throw Finding("batch \(batch) has \(model.versions.count) documents, not \(receipt.documents)")
        }
        say("acknowledged \(batch) \(receipt.generation)")
    }

    /// Changes that never happen.
    private func applyNextBatch() throws {
        var next = model
        for change in next.advance() + next.advance() { try change.apply(to: writer) }
    }

    private func rollBack() throws {
        try applyNextBatch()
        try writer.rollback()
    }

    private func prepareAndAbort() throws {
        try applyNextBatch()
        try writer.prepareCommit(userData: [1]).abort()
        try writer.rollback()
    }

    private func refresh() throws {
        var next = model
        for change in next.advance() { try change.apply(to: writer) }
        let snapshot = try writer.refresh()
        guard snapshot.documentCount == next.versions.count else {
            throw Finding("a refresh has \(snapshot.documentCount) documents, not \(next.versions.count)")
        }
        try writer.rollback()
    }

    /// What is committed is what was committed.
    private func look() throws {
        guard try StressModel(seed: model.seed, try index.snapshot()) == model else {
            throw Finding("the index is not at batch \(batch)")
        }
    }

    private mutating func backUp() throws {
        backups += 1
        let copy = "\(path).backup-\(ProcessInfo.processInfo.processIdentifier)-\(backups)"
        try index.snapshot().backup(to: copy, isVerified: random.int(0...1) == 0)
        guard try StressModel(seed: model.seed, try Index.open(at: copy).snapshot()) == model else {
            throw Finding("the backup is not at batch \(batch)")
        }
        try FileManager.default.removeItem(atPath: copy)
    }

    private mutating func reopen() throws {
        writer.close()
        index = try Index.open(at: path)
        writer = try index.writer(Self.options)
        try look()
    }
}

extension StressModel.Change {
    /// Makes the change.
    func apply(to writer: IndexWriter) throws {
        switch self {
        case .upsert(let id, let version):
            guard let document = StressModel.document(id, version) else { throw Finding("no document") }
            try writer.upsert(document)
        case .delete(let id): try writer.delete(id: .number(id))
        case .deleteAll(let ids): try writer.delete(where: ids.map { .number($0) })
        }
    }
}
