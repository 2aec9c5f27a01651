import Granary
import TestSupport
import Testing

/// Upserts, deletes, commits and snapshots.
@Suite struct WriterTests {
    private func document(
        _ id: DocumentKey, _ weight: Float, component: UInt32 = 1
    ) throws(GranaryError) -> Document {
        Document(id: id, sparse: try SparseVector(components: [component], weights: [weight]))
    }

    private func ids(_ snapshot: Snapshot, component: UInt32 = 1) throws -> [DocumentKey] {
        let query = try SparseVector(components: [component], weights: [1])
        return try snapshot.search(Query(sparse: query, k: 1000, exact: true)).map(\.id)
    }

    @Test func anUpsertReplacesTheDocumentOfTheSameIdInsideOneSegment() throws {
        let test = try TestIndex()
        let writer = try test.index.writer(.small())
        try writer.upsert(try document("a", 1))
        try writer.upsert(try document("b", 2))
        try writer.upsert(try document("a", 3, component: 2))
        #expect(writer.replacedCount == 1)
        #expect(writer.addedCount == 3)
        let receipt = try writer.commit()
        #expect(receipt.documents == 2)
        #expect(writer.replacedCount == 0)
        let snapshot = try test.index.snapshot()
        #expect(snapshot.documentCount == 2)
        #expect(try ids(snapshot) == ["b"])
        #expect(try ids(snapshot, component: 2) == ["a"])
        #expect(try snapshot.document(id: "a") == document("a", 3, component: 2))
    }

    @Test func anUpsertReplacesADocumentOfAnEarlierSegmentOrGeneration() throws {
        let test = try TestIndex([try document("a", 1), try document("b", 2), try document("c", 3)])
        let old = try test.index.snapshot()
        let writer = try test.index.writer(.small(segmentDocuments: 1))
        try writer.upsert(try document("a", 5))
        try writer.upsert(try document("a", 6))
        #expect(writer.replacedCount == 2)
        try writer.delete(id: "c")
        try writer.delete(id: "absent")
        #expect(try writer.commit().documents == 2)
        let new = try test.index.snapshot()
        #expect(try ids(new) == ["a", "b"])
        #expect(
            try new.score(SparseVector(components: [1], weights: [1]), ids: ["a", "b", "c"]) == [6, 2, nil])
        #expect(try new.document(id: "c") == nil)
        // The older snapshot has not changed.
        #expect(try ids(old) == ["c", "b", "a"])
        #expect(old.documentCount == 3)
        #expect(try old.document(id: "c") == document("c", 3))
        try new.verify(.full)
    }

    @Test func aDeletedDocumentCanComeBack() throws {
        let test = try TestIndex([try document("a", 1)])
        try test.write { (writer) throws(GranaryError) in try writer.delete(id: "a") }
        #expect(try test.index.snapshot().documentCount == 0)
        #expect(try test.index.snapshot().statistics().segments.isEmpty)
        let writer = try test.index.writer(.small())
        try writer.upsert(try document("a", 4))
        try writer.delete(id: "a")
        try writer.upsert(try document("a", 5))
        #expect(writer.replacedCount == 0)
        _ = try writer.commit()
        #expect(try test.index.snapshot().document(id: "a") == document("a", 5))
    }

    @Test func numbersAndStringsAreDifferentIds() throws {
        let test = try TestIndex([try document("7", 1), try document(7, 2)])
        #expect(try ids(test.index.snapshot()) == [7, "7"])
    }

    @Test func nothingIsVisibleBeforeTheCommitNorAfterARollback() throws {
        let test = try TestIndex([try document("a", 1)])
        let before = try test.files().keys.sorted()
        let writer = try test.index.writer(.small(segmentDocuments: 2))
        for number in 0..<7 { try writer.upsert(try document(.number(UInt64(number)), 2)) }
        try writer.delete(id: "a")
        #expect(try ids(test.index.snapshot()) == ["a"])
        try writer.rollback()
        #expect(try test.files().keys.sorted() == before)
        #expect(writer.addedCount == 0 && writer.replacedCount == 0)
        try writer.upsert(try document("b", 3))
        #expect(try writer.commit().documents == 2)
        #expect(try ids(test.index.snapshot()) == ["b", "a"])
    }

    @Test func closingForgetsWhatIsNotCommittedAndFreesTheIndex() throws {
        let test = try TestIndex([try document("a", 1)])
        let before = try test.files().keys.sorted()
        let writer = try test.index.writer(.small(segmentDocuments: 1))
        try writer.upsert(try document("b", 1))
        #expect(errorCode { _ = try test.index.writer() } == .locked)
        writer.close()
        writer.close()
        #expect(errorCode { try writer.upsert(try document("c", 1)) } == .invalidArgument)
        #expect(errorCode { try writer.delete(id: "c") } == .invalidArgument)
        #expect(errorCode { _ = try writer.commit() } == .invalidArgument)
        #expect(try test.files().keys.sorted() == before)
        try test.index.writer().close()
    }

    @Test func aWriterThatIsLetGoFreesTheIndex() throws {
        let test = try TestIndex()
        do {
            let writer = try test.index.writer(.small())
            try writer.upsert(try document("a", 1))
        }
        #expect(try test.files().keys.sorted() == ["LOCK", "MANIFEST-0000000000000001"])
        try test.index.writer().close()
    }

    @Test func userDataBelongsToAGenerationAndStays() throws {
        let test = try TestIndex()
        let writer = try test.index.writer(.small())
        #expect(try writer.commit(userData: [1, 2, 3]).generation == 2)
        #expect(try test.index.snapshot().userData == [1, 2, 3])
        try writer.upsert(try document("a", 1))
        #expect(try writer.commit().generation == 3)
        let snapshot = try test.index.snapshot()
        #expect(snapshot.userData == [1, 2, 3])
        #expect(snapshot.generation == 3)
        let largest = [UInt8](repeating: 7, count: 1 << 20)
        #expect(errorCode { _ = try writer.commit(userData: largest + [0]) } == .tooLarge)
        _ = try writer.commit(userData: largest)
        #expect(try test.index.snapshot().userData == largest)
        _ = try writer.commit(userData: [])
        #expect(try test.index.snapshot().userData.isEmpty)
    }

    @Test func anIndexOpensAgainWithWhatWasCommitted() throws {
        let collection = try Collection.random(documents: 90, components: 40, seed: 41)
        let test = try TestIndex(
            Array(collection.documents.prefix(50)), options: .small(segmentDocuments: 20))
        let again = try Index.open(at: TestIndex.path, fileSystem: test.fileSystem)
        let writer = try again.writer(.small(exactBelow: 1))
        for document in collection.documents.dropFirst(50) { try writer.upsert(document) }
        #expect(try writer.commit().documents == 90)
        var stored: [DocumentKey] = []
        try again.snapshot().forEachDocument { stored.append($0.id) }
        #expect(stored == collection.documents.map(\.id))
        try again.snapshot().verify(.full)
        // The first handle sees the new generation as well.
        #expect(try test.index.snapshot().documentCount == 90)
    }

    @Test func segmentsAreClosedWhenMemoryIsFull() throws {
        let test = try TestIndex()
        let writer = try test.index.writer(
            WriterOptions(memoryBytes: 16 << 20, threads: 1, build: BuildOptions(exactBelow: 1_000_000)))
        let components = (0..<400).map { UInt32($0) }
        let weights = [Float](repeating: 1, count: 400)
        let vector = try SparseVector(components: components, weights: weights)
        for number in 0..<5000 { try writer.upsert(Document(id: .number(UInt64(number)), sparse: vector)) }
        _ = try writer.commit()
        let snapshot = try test.index.snapshot()
        #expect(snapshot.statistics().segments.count > 1)
        #expect(snapshot.documentCount == 5000)
    }

    @Test func optionsOutOfRangeAreRefused() throws {
        let test = try TestIndex()
        var wrong = [
            WriterOptions(memoryBytes: 1 << 20), WriterOptions(threads: 0),
            WriterOptions(segmentDocuments: 0),
        ]
        for build in [
            BuildOptions(postingsPerDocument: 0), BuildOptions(postingsPerDocument: .nan),
            BuildOptions(postingsFloor: 0), BuildOptions(centroidFraction: 0),
            BuildOptions(largestBlock: 256),
            BuildOptions(largestBlock: 0), BuildOptions(summaryBlend: 1.5), BuildOptions(summaryEnergy: 0),
            BuildOptions(exactBelow: -1), BuildOptions(calibrationQueries: -1), BuildOptions(listCap: .nan),
        ] { wrong.append(WriterOptions(build: build)) }
        for options in wrong {
            #expect(errorCode { _ = try test.index.writer(options) } == .invalidArgument)
        }
        try test.index.writer().close()
    }

    @Test func anIndexMadeAnewInTheSameDirectoryIsAnotherIndex() throws {
        let test = try TestIndex([try document("a", 1)])
        let old = try test.index.snapshot()
        for name in try test.files().keys { try test.fileSystem.unlink("\(TestIndex.path)/\(name)") }
        let new = try Index.create(
            at: TestIndex.path, schema: Schema(weights: .float32), fileSystem: test.fileSystem)
        let writer = try new.writer(.small())
        try writer.upsert(try document("b", 0.1))
        _ = try writer.commit()
        writer.close()
        // The same generation, but not the same documents.
        let snapshot = try test.index.snapshot()
        #expect(snapshot.generation == old.generation)
        #expect(try ids(snapshot) == ["b"])
        #expect(try ids(old) == ["a"])
        // A handle from before writes by the schema of what is there.
        try test.write { (writer) throws(GranaryError) in try writer.upsert(try document("c", 0.1)) }
        #expect(try new.snapshot().document(id: "c") == document("c", 0.1))
    }
}
