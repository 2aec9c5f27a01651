import Foundation
import Granary
import GranaryStorage
import TestSupport
import Testing

/// Commits and merges that nobody waits for fail too, at whatever moment of theirs.
@Suite("When a call fails under a writer that works by itself")
struct AutomaticFaultTests {
    private static let documents: Result<[Document], GranaryError> = Result { () throws(GranaryError) in
        var documents: [Document] = []
        for number: UInt64 in 0..<10 { documents.append(try IndexModel.document(number % 7, number)) }
        return documents
    }

    /// What so many operations leave.
    private static func after(_ count: Int) throws -> [Document] {
        var model = IndexModel()
        for document in try documents.get().prefix(count) { model.upsert(document) }
        return model.live
    }

    private static var options: WriterOptions {
        var options = WriterOptions.small()
        options.autoCommit = AutoCommit(after: .milliseconds(1), or: 1)
        options.merging = MergeOptions(threads: 1, segmentsPerTier: 2)
        return options
    }

    /// Does everything under a rule; merges and commits come when they come.
    private static func work(_ fileSystem: FaultyFileSystem, _ rule: FaultyFileSystem.Rule?) throws -> Int {
        let index = try Index.create(at: "/d", fileSystem: fileSystem)
        let writer = try index.writer(options)
        fileSystem.follow(rule)
        var taken = 0
        for document in try documents.get() {
            guard let sequence = try? writer.upsert(document) else { break }
            taken += 1
            eventually("neither committed nor failed") {
                writer.durableSequence > sequence || writer.statistics.lastFailure != nil
                    || writer.statistics.poison != nil
            }
        }
        _ = errorCode { try writer.waitForMerges() }
        let calls = fileSystem.callCount
        // What a writer that is of use has taken in, it commits once the disk works.
        fileSystem.follow(nil)
        if writer.statistics.poison == nil {
            var documents: Int?
            let code = errorCode { documents = try writer.commit().documents }
            // A commit of the writer's own that the fault had hit may end just then, and poison it.
            #expect(code == nil || code == .writerPoisoned)
            if let documents {
                #expect(documents == (try after(taken).count))
                #expect(try IndexModel.difference(index.snapshot(), after(taken)) == nil)
            }
        }
        writer.close()
        return calls
    }

    @Test(
        "a prefix of the operations is there, whole, and work goes on",
        arguments: [EIO, ENOSPC, EMFILE])
    func faults(_ number: Int32) throws {
        let calls = try Self.work(FaultyFileSystem(MemoryFileSystem(seed: 2)), nil)
        #expect(calls > 200)
        var random = TestRandom(seed: UInt64(number))
        for round in 0..<Effort.rounds(12) {
            let place = random.int(1...calls)
            let fileSystem = FaultyFileSystem(MemoryFileSystem(seed: 2))
            let rule = FaultyFileSystem.at(place, .fail(number), isSticky: round % 2 == 0)
            _ = try Self.work(fileSystem, rule)
            let index = try Index.open(at: "/d", fileSystem: fileSystem)
            let snapshot = try index.snapshot()
            try snapshot.verify(.full)
            let count = Int(
                try IndexDirectory.latestManifest(fileSystem: fileSystem, path: "/d").nextSequence)
            let expected = try Self.after(count)
            #expect(try IndexModel.difference(snapshot, expected) == nil, "call \(place), round \(round)")
            let writer = try index.writer(.small())
            let document = try IndexModel.document(80, 1)
            try writer.upsert(document)
            _ = try writer.commit()
            try writer.merge()
            writer.close()
            try index.writer(.small()).close()
            #expect(try IndexModel.difference(index.snapshot(), expected + [document]) == nil)
            let names = try fileSystem.list("/d")
            #expect(names.count == 5 && !names.contains { $0.hasSuffix(".tmp") }, "\(names)")
        }
    }
}
