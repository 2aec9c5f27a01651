import Granary
import GranaryStorage
import Synchronization
import TestSupport
import Testing

/// Indexes made of the files of others.
@Suite struct BackupTests {
    private let test: TestIndex
    private let collection: Collection

    init() throws {
        collection = try Collection.random(documents: 120, components: 40, seed: 17)
        test = try TestIndex()
        try test.write(.small(exactBelow: 30, blocksFrom: 60, segmentDocuments: 70)) {
            (writer) throws(GranaryError) in
            for document in collection.documents { try writer.upsert(document) }
        }
        try test.write { (writer) throws(GranaryError) in
            for document in collection.documents.prefix(5) { try writer.delete(id: document.id) }
        }
    }

    private func documents(_ snapshot: Snapshot) throws -> [Document] {
        var documents: [Document] = []
        try snapshot.forEachDocument { documents.append($0) }
        return documents
    }

    private func backup(_ path: String) throws -> Snapshot {
        try Index.open(at: path, fileSystem: test.fileSystem).snapshot()
    }

    @Test(arguments: [false, true])
    func hasWhatTheSnapshotHasThoughTheIndexGoesOn(_ isVerified: Bool) throws {
        let snapshot = try test.index.snapshot()
        let before = try documents(snapshot)
        let writer = try test.index.writer(.small())
        for document in collection.documents { try writer.upsert(document) }
        _ = try writer.commit()
        try writer.merge()
        #expect(try test.index.snapshot().documentCount == 120)
        try snapshot.backup(to: "copy", isVerified: isVerified)
        let copy = try backup("copy")
        try copy.verify(.full)
        #expect(try documents(copy) == before && before.count == 115)
        #expect(copy.generation == snapshot.generation)
        // It takes more, and the original knows nothing of it.
        let other = try Index.open(at: "copy", fileSystem: test.fileSystem).writer(.small())
        try other.delete(id: before[0].id)
        #expect(try other.commit().documents == 114)
        #expect(try test.index.snapshot().documentCount == 120)
    }

    @Test func isNotMadeOfWhatIsNotCommitted() throws {
        let writer = try test.index.writer(.small())
        try writer.upsert(collection.documents[0])
        let fresh = try writer.refresh()
        #expect(errorCode { try fresh.backup(to: "copy") } == .invalidArgument)
        #expect(try test.fileSystem.status("copy") == nil)
    }

    @Test func reportsBytesAndCanBeCancelled() async throws {
        let snapshot = try test.index.snapshot()
        let told = Mutex<[WorkProgress]>([])
        try await snapshot.backup(to: "copy", progress: { step in told.withLock { $0.append(step) } })
        let steps = told.withLock { $0 }
        #expect(steps.allSatisfy { $0.phase == .copying && $0.total == steps.last?.done })
        #expect(steps.count > 3)
        let cancellation = Cancellation()
        cancellation.cancel()
        #expect(errorCode { try snapshot.backup(to: "other", cancellation: cancellation) } == .cancelled)
        #expect(try test.fileSystem.status("other") == nil)
    }

    @Test func aSegmentThatLeavesAndComesBackAgainAndAgainKeepsItsDocuments() throws {
        let writer = try test.index.writer(.small())
        let sequence = try test.index.snapshot().statistics()
        for round in 0..<4 {
            let segment = try #require(try test.index.snapshot().statistics().segments.first)
            try writer.detach([segment.id], to: "part\(round)")
            let part = try backup("part\(round)")
            try part.verify(.full)
            #expect(part.documentCount == segment.documents - segment.dead)
            #expect(try writer.attach(["part\(round)"]) == part.documentCount)
            #expect(try writer.commit().documents == 115)
        }
        #expect(sequence.documents == 115)
        // Numbers of operations grow with the documents that come, not with the numbers that they had.
        #expect(writer.durableSequence < 2000)
        try test.index.snapshot().verify(.full)
    }

    @Test func aRefreshedSnapshotOfTheLastCommitCanBeBackedUp() throws {
        let writer = try test.index.writer(.small())
        // Tombstones that this writer has written, and so has never read.
        for document in collection.documents[5..<9] { try writer.delete(id: document.id) }
        _ = try writer.commit()
        let snapshot: Snapshot = try writer.refresh()
        try snapshot.backup(to: "refreshed")
        let found = try documents(backup("refreshed"))
        #expect(found == (try documents(test.index.snapshot())))
        #expect(found.map(\.id) == collection.documents[9...].map(\.id))
        try backup("refreshed").verify(.full)
    }
}
