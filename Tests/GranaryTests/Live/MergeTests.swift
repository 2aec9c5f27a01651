import Granary
import GranaryStorage
import TestSupport
import Testing

/// Merges of a writer, and what comes while they run.
@Suite struct MergeTests {
    private func document(_ id: UInt64, _ weight: Float = 1) throws(GranaryError) -> Document {
        Document(
            id: .number(id),
            sparse: try SparseVector(components: [1, UInt32(id) + 2], weights: [weight, 1]),
            payload: [UInt8(weight)])
    }

    private func contents(_ snapshot: Snapshot) throws -> [Document] {
        var documents: [Document] = []
        try snapshot.forEachDocument { documents.append($0) }
        return documents
    }

    private func segments(_ index: Index) throws -> Int { try index.snapshot().statistics().segments.count }

    @Test func makesFewSegmentsOfManyAndKeepsEverything() throws {
        let test = try TestIndex()
        let writer = try test.index.writer(.small())
        for round: UInt64 in 0..<6 {
            for id in round * 5..<round * 5 + 10 { try writer.upsert(try document(id, Float(round + 1))) }
            if round > 0 { try writer.delete(id: .number(round)) }
            _ = try writer.commit(userData: [UInt8(round)])
        }
        let before = try test.index.snapshot()
        let documents = try contents(before)
        #expect(try segments(test.index) == 6)
        try writer.merge(to: 3)
        #expect(try segments(test.index) == 3)
        try writer.merge()
        let after = try test.index.snapshot()
        #expect(try segments(test.index) == 1)
        #expect(after.statistics().segments.first?.dead == 0)
        #expect(after.userData == [5])
        #expect(try contents(after) == documents)
        let query = try SparseVector(components: [1], weights: [1])
        #expect(
            try after.search(Query(sparse: query, k: 100, exact: true))
                == before.search(Query(sparse: query, k: 100, exact: true)))
        try after.verify(.full)
        #expect(try contents(before) == documents)
        // Only what the last two generations have is left, and they have the same segment.
        #expect(try test.files().keys.filter { $0.hasSuffix(".blocks") }.count == 1)
    }

    @Test func showsNothingThatIsNotCommittedAndSurvivesARollback() throws {
        let test = try TestIndex()
        let writer = try test.index.writer(.small())
        for id: UInt64 in 0..<4 {
            try writer.upsert(try document(id))
            _ = try writer.commit()
        }
        try writer.delete(id: 0)
        try writer.upsert(try document(1, 9))
        try writer.upsert(try document(7))
        try writer.merge()
        #expect(try contents(test.index.snapshot()).map(\.id) == [0, 1, 2, 3])
        #expect(try contents(writer.refresh()).map(\.id) == [2, 3, 1, 7])
        try writer.rollback()
        #expect(try contents(writer.refresh()).map(\.id) == [0, 1, 2, 3])
        #expect(try segments(test.index) == 1)
        try writer.delete(id: 3)
        #expect(try writer.commit().documents == 3)
    }

    /// Deletes and replacements from inside a merge, by way of its progress.
    @Test(arguments: [false, true]) func carriesDeletesThatComeWhileItRuns(_ commits: Bool) throws {
        let test = try TestIndex()
        let changes = ChangesDuringMerge()
        var options = WriterOptions.small()
        options.progress = { _ in changes.run() }
        let writer = try test.index.writer(options)
        for id: UInt64 in 0..<6 {
            try writer.upsert(try document(id))
            _ = try writer.commit()
        }
        changes.arm { () throws(GranaryError) in
            try writer.delete(id: 2)
            try writer.upsert(try document(4, 5))
            if commits { _ = try writer.commit() }
            try writer.delete(id: 5)
        }
        try writer.merge()
        #expect(changes.failure == nil)
        #expect(changes.wasRun)
        let committed: [DocumentKey] = commits ? [0, 1, 3, 5, 4] : [0, 1, 2, 3, 4, 5]
        #expect(try contents(test.index.snapshot()).map(\.id) == committed)
        #expect(try contents(writer.refresh()).map(\.id) == [0, 1, 3, 4])
        #expect(try writer.commit().documents == 4)
        let snapshot = try test.index.snapshot()
        #expect(try snapshot.payload(id: 4) == [5])
        try snapshot.verify(.full)
    }

    @Test func aCancelledMergeLeavesTheIndexAsItWas() throws {
        let test = try TestIndex()
        let writer = try test.index.writer(.small())
        for id: UInt64 in 0..<3 {
            try writer.upsert(try document(id))
            _ = try writer.commit()
        }
        let names = try Set(test.files().keys)
        let cancellation = Cancellation()
        cancellation.cancel()
        #expect(errorCode { try writer.merge(cancellation: cancellation) } == .cancelled)
        #expect(try Set(test.files().keys) == names)
        #expect(try segments(test.index) == 3)
        #expect(errorCode { try writer.merge(to: 0) } == .invalidArgument)
    }

    @Test func mergesRunByThemselves() throws {
        let test = try TestIndex()
        var options = WriterOptions.small()
        options.merging.isAutomatic = true
        let writer = try test.index.writer(options)
        for id: UInt64 in 0..<40 {
            try writer.upsert(try document(id % 30, Float(id)))
            _ = try writer.commit()
        }
        try writer.waitForMerges()
        #expect(try segments(test.index) <= 9)
        #expect(try contents(test.index.snapshot()).count == 30)
        writer.close()
        #expect(try contents(test.index.snapshot()).count == 30)
    }
}
