import Granary
import GranaryStorage
import TestSupport
import Testing

/// Segments that come from other indexes, and segments that leave.
@Suite struct AttachTests {
    private func document(_ id: UInt64, _ weight: Float = 1) throws(GranaryError) -> Document {
        Document(id: .number(id), sparse: try SparseVector(components: [1], weights: [weight]))
    }

    private func ids(_ snapshot: Snapshot) throws -> [DocumentKey] {
        var ids: [DocumentKey] = []
        try snapshot.forEachDocument { ids.append($0.id) }
        return ids
    }

    /// Indexes beside each other on one file system.
    private func index(
        _ path: String, _ fileSystem: TestFileSystem, _ documents: [Document], schema: Schema = Schema(),
        deleting deleted: [DocumentKey] = []
    ) throws -> Index {
        let index = try Index.create(at: path, schema: schema, fileSystem: fileSystem)
        let writer = try index.writer(.small())
        for document in documents { try writer.upsert(document) }
        _ = try writer.commit()
        for id in deleted { try writer.delete(id: id) }
        _ = try writer.commit()
        writer.close()
        return index
    }

    @Test func takesTheSegmentsOfOthersWithTheirDeletes() throws {
        let disk = TestFileSystem()
        let mine = try index("a", disk, [try document(1), try document(2)])
        _ = try index("b", disk, [try document(2, 5), try document(3), try document(4)], deleting: [4])
        _ = try index("c", disk, [try document(3, 7), try document(5)])
        let writer = try mine.writer(.small())
        try writer.upsert(try document(5, 3))
        #expect(try writer.attach(["b", "c"]) == 4)
        try writer.upsert(try document(6))
        #expect(try ids(mine.snapshot()) == [1, 2])
        #expect(try ids(writer.refresh()) == [1, 2, 3, 5, 6])
        #expect(try writer.commit().documents == 5)
        let snapshot = try mine.snapshot()
        #expect(try ids(snapshot) == [1, 2, 3, 5, 6])
        let scores = try snapshot.score(
            SparseVector(components: [1], weights: [1]), ids: [1, 2, 3, 4, 5, 6])
        #expect(scores == [1, 5, 7, nil, 1, 1])
        try snapshot.verify(.full)
        try writer.merge()
        #expect(try ids(mine.snapshot()) == [1, 2, 3, 5, 6])
        // Those that were attached are as they were.
        try Index.open(at: "b", fileSystem: disk).snapshot().verify(.full)
        // What a merge has swallowed may come back under the same name.
        writer.close()
    }

    @Test func aRollbackTakesAnAttachedSegmentOut() throws {
        let disk = TestFileSystem()
        let mine = try index("a", disk, [try document(1)])
        _ = try index("b", disk, [try document(1, 5), try document(2)])
        let writer = try mine.writer(.small())
        try writer.attach(["b"])
        try writer.rollback()
        #expect(try ids(writer.refresh()) == [1])
        #expect(try disk.list("a").filter { $0.hasSuffix(".blocks") }.count == 1)
        #expect(try writer.attach(["b"]) == 2)
        #expect(try writer.commit().documents == 2)
        #expect(errorCode { try writer.attach(["b"]) } == .alreadyExists)
        #expect(try ids(writer.refresh()) == [1, 2])
    }

    @Test func takesNoneWhenTheLastOneIsDamaged() throws {
        let disk = TestFileSystem()
        let mine = try index("a", disk, [try document(1), try document(2)])
        _ = try index("b", disk, [try document(2, 5), try document(3)])
        let elsewhere = TestFileSystem(seed: 9)
        _ = try index("c", elsewhere, [try document(4)])
        let damaged = try IndexImage.rewrite(
            elsewhere.files(in: "c"), directory: "c",
            section: { _, section, bytes in
                section.id.name == "key starts" ? [UInt8](repeating: 255, count: bytes.count) : bytes
            })
        try disk.createDirectory("c")
        for (name, bytes) in try damaged.files(in: "c") {
            try disk.create("c/\(name)").write(bytes.rawBytes, at: 0)
        }
        let writer = try mine.writer(.small())
        try writer.upsert(try document(6))
        let names = try disk.list("a")
        #expect(errorCode { try writer.attach(["b", "c"]) } == .corrupt)
        #expect(try disk.list("a") == names)
        #expect(try ids(writer.refresh()) == [1, 2, 6])
        #expect(try writer.attach(["b"]) == 2)
        #expect(try writer.commit().documents == 4)
        #expect(try ids(mine.snapshot()) == [1, 6, 2, 3])
        try mine.snapshot().verify(.full)
    }

    @Test func refusesWhatDoesNotGoTogether() throws {
        let disk = TestFileSystem()
        let mine = try index("a", disk, [try document(1)])
        _ = try index("b", disk, [try document(2)], schema: Schema(weights: .float32))
        _ = try index("c", disk, [Document(id: 3, sparse: try SparseVector(["token": 1]))])
        let good = try index("d", disk, [try document(4)])
        let writer = try mine.writer(.small())
        let names = try disk.list("a")
        #expect(errorCode { try writer.attach(["d", "b"]) } == .invalidArgument)
        #expect(errorCode { try writer.attach(["d", "c"]) } == .invalidArgument)
        #expect(errorCode { try writer.attach(["d", "d"]) } == .invalidArgument)
        #expect(errorCode { try writer.attach(["d", "absent"]) } == .notFound)
        #expect(try disk.list("a") == names)
        #expect(try ids(writer.refresh()) == [1])
        #expect(try good.snapshot().documentCount == 1)
    }

    @Test func stepsThatDifferAreRefused() throws {
        let disk = TestFileSystem()
        let schema = Schema(weights: .uint8)
        let mine = try index("a", disk, [try document(1, 1)], schema: schema)
        _ = try index("b", disk, [try document(2, 2)], schema: schema)
        _ = try index("c", disk, [try document(3, 1)], schema: schema)
        let writer = try mine.writer(.small())
        #expect(errorCode { try writer.attach(["b"]) } == .invalidArgument)
        #expect(try writer.attach(["c"]) == 1)
    }

    @Test func aDetachedSegmentIsAnIndexOfItsOwn() throws {
        let disk = TestFileSystem()
        let mine = try index("a", disk, [try document(1), try document(2)], deleting: [2])
        let writer = try mine.writer(.small())
        try writer.upsert(try document(3))
        _ = try writer.commit()
        try writer.upsert(try document(4))
        let segment = try #require(try mine.snapshot().statistics().segments.first)
        #expect(errorCode { try writer.detach(["absent"], to: "b") } == .notFound)
        try writer.detach([segment.id], to: "b")
        #expect(try ids(mine.snapshot()) == [3])
        #expect(try ids(writer.refresh()) == [3, 4])
        let other = try Index.open(at: "b", fileSystem: disk)
        #expect(try ids(other.snapshot()) == [1])
        try other.snapshot().verify(.full)
        #expect(try writer.attach(["b"]) == 1)
        #expect(try writer.commit().documents == 3)
        #expect(try ids(mine.snapshot()) == [3, 4, 1])
    }

    @Test func aDetachThatCannotBePublishedLeavesNothing() throws {
        let disk = TestFileSystem()
        let mine = try index("a", disk, [try document(1), try document(2)])
        let writer = try mine.writer(.small())
        let segment = try #require(try mine.snapshot().statistics().segments.first)
        let names = try disk.list("a")
        // Room for the manifest of the new index, and not for that of this one.
        let before = disk.writtenBytes
        try mine.snapshot().backup(to: "c")
        disk.limitWrites(to: disk.writtenBytes - before)
        #expect(errorCode { try writer.detach([segment.id], to: "b") } == .diskFull)
        #expect(try disk.status("b") == nil)
        #expect(try disk.list("a") == names)
        disk.limitWrites(to: nil)
        try writer.detach([segment.id], to: "b")
        #expect(try ids(mine.snapshot()) == [])
        #expect(try ids(Index.open(at: "b", fileSystem: disk).snapshot()) == [1, 2])
    }
}
