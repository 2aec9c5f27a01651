import Foundation
import Granary
import GranaryStorage
import Synchronization
import TestSupport
import Testing

/// What an operation that has failed leaves behind in a writer that goes on.
@Suite("After a failure")
struct FailedOperationTests {
    private let fileSystem = FaultyFileSystem(MemoryFileSystem(seed: 5))

    private func index(_ path: String, _ documents: [Document] = []) throws -> Index {
        let index = try Index.create(at: path, fileSystem: fileSystem)
        let writer = try index.writer(.small())
        defer { writer.close() }
        for document in documents { try writer.upsert(document) }
        _ = try writer.commit()
        return index
    }

    @Test("of an attachment, a writer knows nothing of the vocabulary that did not come")
    func vocabularyOfAFailedAttachment() throws {
        let tokens = Document(id: .number(1), sparse: try SparseVector(tokens: [("a", 1), ("b", 2)]))
        _ = try index("/e", [tokens])
        let writer = try index("/d").writer(.small())
        defer { writer.close() }
        fileSystem.follow { call in
            // A copy is made where there can be no link.
            call.kind == .link || call.kind == .create ? .fail(ENOSPC) : nil
        }
        #expect(errorCode { try writer.attach(["/e"]) } == .diskFull)
        fileSystem.follow(nil)
        // An index without tokens takes documents without tokens.
        let document = try IndexModel.document(2, 1)
        try writer.upsert(document)
        _ = try writer.commit()
        let snapshot = try Index.open(at: "/d", fileSystem: fileSystem).snapshot()
        #expect(try IndexModel.difference(snapshot, [document]) == nil)
    }

    @Test("of an automatic commit, the next one waits, however much there is to commit")
    func automaticCommitsThatFail() throws {
        _ = try index("/d")
        var options = WriterOptions.small()
        options.autoCommit = AutoCommit(after: .seconds(3600), or: 1)
        let writer = try Index.open(at: "/d", fileSystem: fileSystem).writer(options)
        defer { writer.close() }
        let tries = Mutex(0)
        fileSystem.follow { call in
            guard call.kind == .create else { return nil }
            tries.withLock { $0 += 1 }
            return .fail(ENOSPC)
        }
        try writer.upsert(try IndexModel.document(1, 1))
        eventually("it has not failed") { writer.statistics.lastFailure != nil }
        // What comes meanwhile makes nobody try again either.
        for number in 2...4 { try writer.upsert(try IndexModel.document(UInt64(number), 1)) }
        pause(milliseconds: 50)
        #expect(tries.withLock { $0 } == 1)
        fileSystem.follow(nil)
        #expect(try writer.commit().documents == 4)
    }
}
