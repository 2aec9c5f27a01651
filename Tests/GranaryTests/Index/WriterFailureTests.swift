import Foundation
import Granary
import GranaryStorage
import TestSupport
import Testing

/// What a refused or failed operation leaves: the index as it was, and nothing lost in silence.
@Suite struct WriterFailureTests {
    private func document(_ id: DocumentKey, _ weight: Float = 1) throws -> Document {
        Document(id: id, sparse: try SparseVector(components: [1, 2], weights: [weight, 1]))
    }

    @Test func aRefusedDocumentDoesNotDeleteTheOneThatItWouldReplace() throws {
        let test = try TestIndex([try document("a", 3)])
        let writer = try test.index.writer(.small())
        try writer.upsert(try document("b", 4))
        var large = try document("a")
        large.payload = [UInt8](repeating: 0, count: 16 << 20 | 1)
        let wide = try SparseVector(
            components: Array(0..<32_768), weights: [Float](repeating: 1, count: 32_768))
        for id in ["a", "b"] as [DocumentKey] {
            large.id = id
            #expect(errorCode { try writer.upsert(large) } == .tooLarge)
            #expect(errorCode { try writer.upsert(Document(id: id, sparse: wide)) } == .tooLarge)
            #expect(
                errorCode { try writer.upsert(Document(id: id, sparse: SparseVector(["x": 1]))) }
                    == .invalidArgument)
        }
        #expect(writer.replacedCount == 0 && writer.addedCount == 1)
        #expect(try writer.commit().documents == 2)
        let snapshot = try test.index.snapshot()
        #expect(try snapshot.document(id: "a") == document("a", 3))
        #expect(try snapshot.document(id: "b") == document("b", 4))
    }

    @Test func aFullDiskLosesNoDocument() throws {
        let test = try TestIndex([try document("a", 3)])
        let writer = try test.index.writer(.small())
        try writer.upsert(try document("a", 4))
        test.fileSystem.limitWrites(to: 0)
        #expect(errorCode { _ = try writer.commit() } == .diskFull)
        // What could not be written can be replaced and deleted like everything else.
        try writer.upsert(try document("b", 1))
        #expect(errorCode { _ = try writer.commit() } == .diskFull)
        try writer.upsert(try document("b", 5))
        try writer.upsert(try document("c", 6))
        try writer.delete(id: "c")
        #expect(try test.index.snapshot().document(id: "a") == document("a", 3))
        test.fileSystem.limitWrites(to: nil)
        #expect(try writer.commit().documents == 2)
        let snapshot = try test.index.snapshot()
        #expect(try snapshot.document(id: "a") == document("a", 4))
        #expect(try snapshot.document(id: "b") == document("b", 5))
        try snapshot.verify(.full)
    }

    @Test func aRollbackAfterAFullDiskForgetsTheBatch() throws {
        let test = try TestIndex([try document("a", 3)])
        let writer = try test.index.writer(.small())
        try writer.upsert(try document("a", 4))
        test.fileSystem.limitWrites(to: 0)
        #expect(errorCode { _ = try writer.commit() } == .diskFull)
        try writer.rollback()
        test.fileSystem.limitWrites(to: nil)
        try writer.upsert(try document("b", 5))
        #expect(try writer.commit().documents == 2)
        #expect(try test.index.snapshot().document(id: "a") == document("a", 3))
    }

    @Test func anErrorOfTheDiskPoisonsTheWriterAndHarmsNoReader() throws {
        let fileSystem = FaultyFileSystem(MemoryFileSystem())
        let index = try Index.create(at: "index", fileSystem: fileSystem)
        let writer = try index.writer(.small())
        try writer.upsert(try document("a", 3))
        _ = try writer.commit()
        let snapshot = try index.snapshot()
        try writer.upsert(try document("b"))
        fileSystem.follow { $0.kind == .sync ? .fail(EIO) : nil }
        #expect(errorCode { _ = try writer.commit() } == .io)
        fileSystem.follow(nil)
        #expect(errorCode { try writer.upsert(try document("c")) } == .writerPoisoned)
        #expect(errorCode { _ = try writer.commit() } == .writerPoisoned)
        #expect(errorCode { _ = try writer.refresh() } == .writerPoisoned)
        #expect(writer.statistics.poison != nil)
        try snapshot.verify(.full)
        #expect(try snapshot.document(id: "a") == document("a", 3))
        writer.close()
        let next = try index.writer(.small())
        try next.upsert(try document("c"))
        #expect(try next.commit().documents == 2)
    }

    @Test func aPublishedCommitSucceedsThoughItsFilesCannotBeOpenedAgain() throws {
        let fileSystem = FaultyFileSystem(MemoryFileSystem())
        let index = try Index.create(at: "index", fileSystem: fileSystem)
        let writer = try index.writer(.small())
        try writer.upsert(try document("a", 3))
        // The last step of publishing is to synchronise the directory.
        fileSystem.follow { $0.kind == .map && $0.previousChange == .syncDirectory ? .fail(EMFILE) : nil }
        #expect(try writer.commit().documents == 1)
        fileSystem.follow(nil)
        try writer.upsert(try document("b"))
        try writer.upsert(try document("a", 4))
        #expect(try writer.commit().documents == 2)
        let snapshot = try index.snapshot()
        #expect(try snapshot.document(id: "a") == document("a", 4))
        try snapshot.verify(.full)
    }

    /// Builds with room for so many bytes, for all amounts in steps: every write of a build fails once.
    @Test(arguments: [PayloadCompression.none, .zstd]) func aFullDiskAtAnyPointLeavesThePreviousGeneration(
        _ compression: PayloadCompression
    ) throws {
        let collection = try Collection.random(documents: 120, components: 60, seed: 51)
        let first = Array(collection.documents.prefix(40))
        func prepared() throws -> TestIndex {
            let test = try TestIndex(Schema(payloadCompression: compression))
            try test.write { (writer) throws(GranaryError) in
                for document in first { try writer.upsert(document) }
            }
            return test
        }
        func build(_ test: TestIndex) throws -> CommitReceipt {
            let writer = try test.index.writer(
                .small(exactBelow: 1, segmentDocuments: 45, calibrationQueries: 2))
            defer { writer.close() }
            for document in collection.documents.dropFirst(30) { try writer.upsert(document) }
            for document in first.prefix(5) { try writer.delete(id: document.id) }
            return try writer.commit()
        }
        let whole = try prepared()
        let before = whole.fileSystem.writtenBytes
        #expect(try build(whole).documents == 115)
        let needed = whole.fileSystem.writtenBytes - before
        var failures = 0
        for room in Array(stride(from: 0, to: needed, by: max(1, needed / 60))) + [needed - 1] {
            let test = try prepared()
            let files = try test.files()
            test.fileSystem.limitWrites(to: room)
            let code = errorCode { _ = try build(test) }
            #expect(code == .diskFull, "room for \(room) of \(needed) bytes")
            failures += 1
            test.fileSystem.limitWrites(to: nil)
            #expect(try test.files() == files, "room for \(room) of \(needed) bytes")
            #expect(try build(test).documents == 115)
            try test.index.snapshot().verify(.full)
        }
        #expect(failures > 50)
    }

    @Test func aCancelledBuildLeavesNothingBehind() throws {
        let collection = try Collection.random(documents: 1500, components: 60, seed: 52)
        let others: [WorkProgress.Phase] = [.transposing, .verifying, .copying]
        for phase in WorkProgress.Phase.allCases where !others.contains(phase) {
            let test = try TestIndex([try document("a", 3)])
            let files = try test.files()
            let cancellation = Cancellation()
            var options = WriterOptions.small(exactBelow: 1, segmentDocuments: 1100)
            options.cancellation = cancellation
            options.progress = { if $0.phase == phase { cancellation.cancel() } }
            let code = errorCode {
                let writer = try test.index.writer(options)
                defer { writer.close() }
                for document in collection.documents { try writer.upsert(document) }
                _ = try writer.commit()
            }
            // Once the last step is reported, it is too late.
            if phase != .committing { #expect(code == .cancelled, "\(phase)") }
            if code != nil {
                #expect(try test.files() == files, "\(phase)")
                #expect(try test.index.snapshot().documentCount == 1)
            }
            try test.index.writer().close()
        }
    }

    @Test func aCommitLeavesOnlyTheFilesOfTwoGenerations() throws {
        let test = try TestIndex()
        let writer = try test.index.writer(.small(segmentDocuments: 4))
        for round in 0..<5 {
            // Each segment of a round dies before it is committed, but for the last.
            for _ in 0..<3 {
                for number in 0..<4 {
                    try writer.upsert(try document(.number(UInt64(number)), Float(round + 1)))
                }
            }
            _ = try writer.commit()
            let latest = try IndexDirectory.latestManifest(fileSystem: test.fileSystem, path: TestIndex.path)
            var expected = Set(latest.files.map(\.name))
            #expect(expected.count == 2)
            for number in UInt64(round + 1)...UInt64(round + 2) { expected.insert(Manifest.fileName(number)) }
            let found = Set(try test.files().keys).subtracting(["LOCK"])
            // The generation before has two files of its own.
            #expect(found.isSuperset(of: expected))
            #expect(found.count == expected.count + (round == 0 ? 0 : 2))
        }
    }

    @Test func aCommitThatLostNothingCanBeTriedAgain() throws {
        let test = try TestIndex([try document("a", 3), try document("c", 2)])
        let writer = try test.index.writer(.small(segmentDocuments: 1))
        // This document is in a segment of its own already: the commit has only deletes and the manifest to
        // write.
        try writer.upsert(try document("b", 4))
        try writer.delete(id: "a")
        for room in [0, 100, 4000, 4400] {
            test.fileSystem.limitWrites(to: room)
            #expect(errorCode { _ = try writer.commit() } == .diskFull, "room for \(room) bytes")
            #expect(try test.index.snapshot().documentCount == 2)
        }
        test.fileSystem.limitWrites(to: nil)
        try writer.delete(id: "c")
        try writer.upsert(try document("d", 5))
        #expect(try writer.commit().documents == 2)
        #expect(try test.index.snapshot().document(id: "b") == document("b", 4))
        #expect(try test.index.snapshot().document(id: "d") == document("d", 5))
        // Neither the deletes of attempts that failed nor segments that died are left.
        writer.close()
        let files = try test.files()
        try test.index.writer(.small()).close()
        #expect(try test.files() == files)
    }
}
