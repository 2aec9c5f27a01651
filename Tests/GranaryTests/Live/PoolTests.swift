import Dispatch
import GranaryStorage
import Synchronization
import TestSupport
import Testing

@testable import Granary

/// Asynchronous calls wait on threads of the engine: Swift's cooperative pool, with its one thread a core,
/// has them free for others.
@Suite struct PoolTests {
    /// Where calls wait until it is opened.
    private final class Gate: Sendable {
        private let semaphore = DispatchSemaphore(value: 0)
        private let state = Mutex((begun: 0, waiting: 0, isForced: false))

        /// Calls that are on their way to it.
        var begun: Int { state.withLock { $0.begun } }
        /// Those that are there.
        var waiting: Int { state.withLock { $0.waiting } }
        /// Whether it was opened because nothing went on.
        var isForced: Bool { state.withLock { $0.isForced } }

        func begin() { state.withLock { $0.begun += 1 } }

        func pass() {
            state.withLock { $0.waiting += 1 }
            semaphore.wait()
            semaphore.signal()
        }

        func open() { semaphore.signal() }

        /// Opens it because nothing goes on.
        func force() {
            state.withLock { $0.isForced = true }
            open()
        }
    }

    private func document(_ number: UInt64) throws(GranaryError) -> Document {
        Document(id: .number(number), sparse: try SparseVector(components: [1], weights: [1]))
    }

    @Test func whoeverWaitsForTheDiskLeavesTheCooperativePoolFree() async throws {
        let fileSystem = FaultyFileSystem(MemoryFileSystem(seed: 1))
        let index = try Index.create(at: "/index", fileSystem: fileSystem)
        let writer = try index.writer(.small())
        for number: UInt64 in 0..<2 {
            try writer.upsert(try document(number))
            _ = try await writer.commit()
        }
        let snapshot = try index.snapshot()
        try writer.upsert(try document(7))
        let gate = Gate()
        fileSystem.follow { call in
            if call.kind.isChange { gate.pass() }
            return nil
        }
        // So that a failure is no hang. Beside all other tests the pool is busy for minutes.
        let watchdog = DispatchWorkItem { gate.force() }
        DispatchQueue.global().asyncAfter(deadline: .now() + 3600, execute: watchdog)
        let query = Query(sparse: try SparseVector(components: [1], weights: [1]))
        let callers = 40
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<callers {
                let calls: [@Sendable () async throws -> Void] = [
                    { _ = try await writer.commit() }, { _ = try await writer.refresh() },
                    { try await writer.merge() },
                    // A search waits for pages of a mapped file, which nothing here can hold back; so
                    // something else waits in the place of some.
                    { try await Background.search { gate.pass() } }, { _ = try await snapshot.search(query) },
                ]
                for call in calls {
                    group.addTask {
                        gate.begin()
                        try await call()
                    }
                }
            }
            while gate.begun < 5 * callers || gate.waiting < 2 {
                try await Task.sleep(for: .milliseconds(1))
            }
            // All of them wait. Others go on.
            let sum = await withTaskGroup(of: Int.self) { plain in
                for number in 0..<1000 {
                    plain.addTask {
                        await Task.yield()
                        return number
                    }
                }
                return await plain.reduce(0, +)
            }
            #expect(sum == 499_500)
            #expect(!gate.isForced, "the pool had no thread left")
            watchdog.cancel()
            gate.open()
            try await group.waitForAll()
        }
        #expect(try index.snapshot().documentCount == 3)
    }
}
