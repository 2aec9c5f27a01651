import Granary
import TestSupport
import Testing

/// Documents that are searchable before they are committed.
@Suite struct RefreshTests {
    private func document(_ id: DocumentKey, _ weight: Float = 1) throws(GranaryError) -> Document {
        Document(
            id: id, sparse: try SparseVector(components: [1], weights: [weight]), payload: [UInt8(weight)])
    }

    private func ids(_ snapshot: Snapshot) throws -> [DocumentKey] {
        let query = try SparseVector(components: [1], weights: [1])
        return try snapshot.search(Query(sparse: query, k: 1000, exact: true)).map(\.id)
    }

    @Test func showsWhatIsNotCommittedAndWritesNothing() throws {
        let test = try TestIndex([try document("a", 1), try document("b", 2)])
        let writer = try test.index.writer(.small())
        try writer.upsert(try document("a", 3))
        try writer.upsert(try document("c", 4))
        let sequence = try writer.delete(id: "b")
        let written = test.fileSystem.writtenBytes
        let fresh = try writer.refresh()
        #expect(test.fileSystem.writtenBytes == written)
        #expect(try ids(fresh) == ["c", "a"])
        #expect(fresh.documentCount == 2)
        #expect(fresh.sequence == sequence + 1)
        #expect(fresh.generation == 2)
        #expect(try fresh.payload(id: "a") == [3])
        try fresh.verify(.full)
        // Nobody else sees it, and it does not change.
        #expect(try ids(test.index.snapshot()) == ["b", "a"])
        try writer.delete(id: "c")
        #expect(try ids(writer.refresh()) == ["a"])
        #expect(try ids(fresh) == ["c", "a"])
    }

    @Test func aCommitPutsRefreshedDocumentsIntoOneSegmentOnDisk() throws {
        let test = try TestIndex()
        let writer = try test.index.writer(.small())
        for number in 0..<20 {
            try writer.upsert(try document(.number(UInt64(number % 15)), Float(number + 1)))
            _ = try writer.refresh()
        }
        try writer.delete(id: 14)
        try writer.upsert(try document("last", 100))
        #expect(try writer.commit().documents == 15)
        let snapshot = try test.index.snapshot()
        #expect(snapshot.statistics().segments.count == 1)
        #expect(try ids(snapshot).prefix(3) == ["last", 4, 3])
        try snapshot.verify(.full)
        #expect(try ids(writer.refresh()) == ids(snapshot))
    }

    @Test func aRollbackForgetsWhatHasBeenRefreshed() throws {
        let test = try TestIndex([try document("a", 1)])
        let writer = try test.index.writer(.small())
        try writer.upsert(try document("b", 2))
        try writer.delete(id: "a")
        let fresh = try writer.refresh()
        try writer.rollback()
        #expect(try ids(writer.refresh()) == ["a"])
        #expect(try ids(fresh) == ["b"])
        #expect(try writer.commit().documents == 1)
    }

    @Test func manyRefreshesLeaveFewSegments() throws {
        let test = try TestIndex()
        let writer = try test.index.writer(.small())
        for number in 0..<100 {
            try writer.upsert(try document(.number(UInt64(number)), 1))
            let fresh = try writer.refresh()
            #expect(fresh.documentCount == number + 1)
        }
        let fresh = try writer.refresh()
        #expect(fresh.statistics().segments.count <= 16)
        #expect(try ids(fresh) == (0..<100).map { .number(UInt64($0)) })
    }
}
