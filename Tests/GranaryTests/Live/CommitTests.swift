import Dispatch
import Granary
import GranaryStorage
import Synchronization
import TestSupport
import Testing

/// Commits in two steps, by several threads, and by themselves.
@Suite struct CommitTests {
    private func document(_ id: DocumentKey, _ weight: Float = 1) throws(GranaryError) -> Document {
        Document(id: id, sparse: try SparseVector(components: [1], weights: [weight]))
    }

    @Test func aPreparedCommitIsSeenWhenItIsCommitted() throws {
        let test = try TestIndex([try document("a")])
        let writer = try test.index.writer(.small())
        try writer.upsert(try document("b"))
        let prepared = try writer.prepareCommit(userData: [7])
        #expect(prepared.generation == 3)
        // Not part of it.
        try writer.upsert(try document("c"))
        try writer.delete(id: "a")
        #expect(try test.index.snapshot().documentCount == 1)
        #expect(try prepared.commit().documents == 2)
        let snapshot = try test.index.snapshot()
        #expect((snapshot.documentCount, snapshot.userData) == (2, [7]))
        #expect(try snapshot.document(id: "a") != nil)
        #expect(errorCode { _ = try prepared.commit() } == .invalidArgument)
        prepared.abort()
        #expect(try writer.commit().documents == 2)
        #expect(try test.index.snapshot().document(id: "a") == nil)
    }

    @Test func anAbortedCommitLeavesItsOperationsForTheNext() throws {
        let test = try TestIndex([try document("a")])
        let before = try test.files()
        let writer = try test.index.writer(.small())
        try writer.delete(id: "a")
        let prepared = try writer.prepareCommit(userData: [7])
        prepared.abort()
        #expect(try Set(test.files().keys) == Set(before.keys))
        #expect(errorCode { _ = try prepared.commit() } == .invalidArgument)
        try writer.upsert(try document("b"))
        #expect(try writer.commit().documents == 1)
        #expect(try test.index.snapshot().userData == [])
    }

    @Test func aPreparedCommitThatIsLetGoOrClosedOverIsAborted() throws {
        let test = try TestIndex([try document("a")])
        let writer = try test.index.writer(.small())
        try writer.upsert(try document("b"))
        do { _ = try writer.prepareCommit() }
        #expect(try writer.commit().documents == 2)
        try writer.upsert(try document("c"))
        let prepared = try writer.prepareCommit()
        writer.close()
        #expect(errorCode { _ = try prepared.commit() } == .invalidArgument)
        #expect(try test.index.snapshot().documentCount == 2)
        let next = try test.index.writer(.small())
        #expect(try next.commit().documents == 2)
    }

    @Test func whoeverWaitsForAPreparedCommitDoesNotWaitForEver() throws {
        let test = try TestIndex([try document("a")])
        var options = WriterOptions.small()
        options.maximumStall = .milliseconds(100)
        let writer = try test.index.writer(options)
        let prepared = try writer.prepareCommit()
        #expect(errorCode { _ = try writer.commit() } == .stalled)
        #expect(errorCode { _ = try writer.refresh() } == .stalled)
        _ = try prepared.commit()
        #expect(try writer.commit().documents == 1)
    }

    @Test func threadsShareACommit() throws {
        let test = try TestIndex()
        let writer = try test.index.writer(.small())
        let failures = Mutex<[String]>([])
        let receipts = Mutex<[CommitReceipt]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for number in 0..<20 {
                do {
                    let id = UInt64(thread * 100 + number)
                    let sequence = try writer.upsert(try document(.number(id)))
                    let receipt = try writer.commit()
                    receipts.withLock { $0.append(receipt) }
                    if receipt.sequence <= sequence || writer.durableSequence <= sequence {
                        failures.withLock { $0.append("\(sequence) is not in \(receipt)") }
                    }
                } catch {
                    failures.withLock { $0.append("\(error)") }
                }
            }
        }
        #expect(failures.withLock { $0 } == [])
        let snapshot = try test.index.snapshot()
        #expect(snapshot.documentCount == 160)
        #expect(receipts.withLock { Set($0.map(\.generation)).count } <= 160)
        try snapshot.verify(.full)
    }

    @Test func aWriterCommitsByItself() async throws {
        let test = try TestIndex()
        var options = WriterOptions.small()
        options.autoCommit = AutoCommit(after: .milliseconds(20), or: 1 << 20)
        let writer = try test.index.writer(options)
        let sequence = try writer.upsert(try document("a"))
        for _ in 0..<500 where writer.durableSequence <= sequence {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(writer.durableSequence > sequence)
        #expect(try test.index.snapshot().documentCount == 1)
        let generation = try test.index.snapshot().generation
        try await Task.sleep(for: .milliseconds(100))
        #expect(try test.index.snapshot().generation == generation, "committed without a change")
    }

    @Test func aWriterCommitsByItselfWhenThereIsMuch() async throws {
        let test = try TestIndex()
        var options = WriterOptions.small()
        options.autoCommit = AutoCommit(after: .seconds(3600), or: 100)
        let writer = try test.index.writer(options)
        var sequence: UInt64 = 0
        for number: UInt64 in 0..<20 { sequence = try writer.upsert(try document(.number(number))) }
        for _ in 0..<500 where writer.durableSequence == 0 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(writer.durableSequence > 0)
        #expect(writer.durableSequence <= sequence + 1)
    }

    @Test func generationsAreAnnounced() async throws {
        let test = try TestIndex()
        let writer = try test.index.writer(.small())
        var seen: [UInt64] = []
        for try await generation in test.index.changes(every: .milliseconds(5)) {
            seen.append(generation)
            if generation == 4 { break }
            try writer.upsert(try document(.number(generation)))
            _ = try await writer.commit()
        }
        #expect(seen == [1, 2, 3, 4])
    }
}
