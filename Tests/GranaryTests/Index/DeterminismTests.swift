import Granary
import Synchronization
import TestSupport
import Testing

/// The same input, options and seed give the same bytes; progress is told in order.
@Suite struct DeterminismTests {
    private func files(
        _ collection: Collection, _ weights: WeightType = .float16, threads: Int, seed: UInt64 = 5,
        blocksFrom: Int = 0
    ) throws -> [String: [UInt8]] {
        let fileSystem = TestFileSystem(seed: 7)
        let test = try TestIndex(Schema(weights: weights), fileSystem: fileSystem)
        var options = WriterOptions.small(
            exactBelow: 100, blocksFrom: blocksFrom, segmentDocuments: 400, calibrationQueries: 6,
            threads: threads)
        options.build.seed = seed
        try test.write(options) { (writer) throws(GranaryError) in
            for document in collection.documents { try writer.upsert(document) }
            for document in collection.documents.prefix(10) { try writer.delete(id: document.id) }
        }
        return try test.files()
    }

    @Test(arguments: WeightType.allCases) func anyNumberOfThreadsGivesTheSameBytes(_ weights: WeightType)
        throws
    {
        let collection = try Collection.random(documents: 900, components: 200, seed: 121)
        let one = try files(collection, weights, threads: 1)
        #expect(one.count > 7)
        #expect(try files(collection, weights, threads: 1) == one)
        #expect(try files(collection, weights, threads: 2) == one)
        #expect(try files(collection, weights, threads: 5) == one)
        // The seed is what decides, and it does decide.
        #expect(try files(collection, weights, threads: 2, seed: 6) != one)
    }

    @Test func anyNumberOfThreadsGivesTheSameImpactOrderedLists() throws {
        let collection = try Collection.random(documents: 900, components: 200, seed: 125)
        let one = try files(collection, threads: 1, blocksFrom: 1 << 30)
        #expect(try files(collection, threads: 2, blocksFrom: 1 << 30) == one)
        #expect(try files(collection, threads: 2) != one)
    }

    @Test func theOrderOfEntriesInADocumentDoesNotMatter() throws {
        let collection = try Collection.random(documents: 200, components: 100, seed: 122)
        var shuffled = collection
        var random = TestRandom(seed: 123)
        for position in shuffled.documents.indices {
            let entries = collection.documents[position].sparse.weightOfComponent.shuffled(using: &random)
            shuffled.documents[position].sparse = try SparseVector(
                components: entries.map(\.key), weights: entries.map(\.value))
        }
        #expect(try files(collection, threads: 1) == files(shuffled, threads: 2))
    }

    @Test(arguments: [1, 2]) func progressGoesThroughThePhasesInOrder(_ threads: Int) throws {
        let collection = try Collection.random(documents: 2500, components: 100, entries: 5...15, seed: 124)
        let told = Mutex<[WorkProgress]>([])
        var options = WriterOptions.small(
            exactBelow: 100, segmentDocuments: 1500, calibrationQueries: 20, threads: threads)
        options.progress = { progress in told.withLock { $0.append(progress) } }
        let test = try TestIndex()
        try test.write(options) { (writer) throws(GranaryError) in
            for document in collection.documents { try writer.upsert(document) }
        }
        let phases = told.withLock { $0 }.map(\.phase)
        var runs: [WorkProgress.Phase] = []
        for phase in phases where runs.last != phase { runs.append(phase) }
        let segment: [WorkProgress.Phase] = [
            .reading, .numbering, .inverting, .clustering, .writing, .calibrating,
        ]
        #expect(runs == segment + segment + [.committing])
        for progress in told.withLock({ $0 }) {
            if let total = progress.total { #expect(progress.done <= total, "\(progress)") }
        }
        if threads == 1 {
            for (one, next) in zip(told.withLock { $0 }, told.withLock { $0.dropFirst() })
            where one.phase == next.phase { #expect(one.done <= next.done) }
        }
        told.withLock { $0 = [] }
        let report: @Sendable (WorkProgress) -> Void = { progress in told.withLock { $0.append(progress) } }
        try test.index.snapshot().verify(.full, progress: report)
        #expect(told.withLock { $0.allSatisfy { $0.phase == .verifying && $0.done <= $0.total ?? 0 } })
        #expect(told.withLock { !$0.isEmpty })
    }

    @Test func verificationCanBeCancelled() throws {
        let collection = try Collection.random(documents: 50, components: 100, seed: 125)
        let snapshot = try TestIndex(collection.documents).index.snapshot()
        let cancellation = Cancellation()
        try snapshot.verify(.full, cancellation: cancellation)
        cancellation.cancel()
        #expect(errorCode { try snapshot.verify(.full, cancellation: cancellation) } == .cancelled)
        try snapshot.verify(.structure)
    }
}
