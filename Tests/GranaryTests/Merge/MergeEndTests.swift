import Dispatch
import GranaryStorage
import Synchronization
import TestSupport
import Testing

@testable import Granary

/// The end of a scheduler, and merges that somebody asks for.
@Suite struct MergeEndTests {
    private let host = FakeMergeHost()

    @Test func aShutdownStopsWhatRunsAndWhatWaits() throws {
        let scheduler = MergeScheduler(of: host)
        let ids = [100, 200, 300, 10].map { host.add(liveMegabytes: $0) }
        scheduler.segmentsChanged()
        #expect(scheduler.waits(ids[2]))
        eventually("some run") { host.running.count == 2 }
        scheduler.shutdown()
        #expect(scheduler.state.withLock { $0.isIdle })
        #expect(host.running.isEmpty)
        #expect(host.segments.map(\.id) == ids)
        let state = scheduler.state.withLock { $0 }
        #expect(state.failed == 0 && state.done == 0 && state.isHealthy)
        scheduler.segmentsChanged()
        scheduler.resume()
        try scheduler.waitUntilIdle()
        #expect(!scheduler.mergeAtRest(seconds: 0))
        #expect(host.running.isEmpty)
        #expect(errorCode { try scheduler.mergeDown(to: 1, cancellation: nil) } == .cancelled)
        scheduler.shutdown()
    }

    @Test func aPausedMergeIsStoppedToo() {
        let scheduler = MergeScheduler(of: host)
        let id = host.add(liveMegabytes: 1)
        scheduler.segmentsChanged()
        eventually("it runs") { host.running == [[id]] }
        scheduler.pause()
        scheduler.shutdown()
        #expect(host.running.isEmpty)
    }

    /// From the merge's own thread, and from one that it shares its work with.
    @Test(arguments: [false, true]) func whoeverIsInsideAMergeNeverWaitsForIt(_ shares: Bool) throws {
        let scheduler = MergeScheduler(of: host)
        let id = host.add(liveMegabytes: 1)
        let other = host.add(liveMegabytes: 2)
        let wasCalled = Atomic(false)
        let code = Mutex<GranaryError.Code?>(nil)
        host.end(
            id,
            by: .call { [host] control in
                let call: @Sendable () -> Void = {
                    control.report(WorkProgress(phase: .writing, done: 0)) { _ in
                        code.withLock {
                            $0 = errorCode { try scheduler.mergeDown(to: 1, cancellation: nil) }
                        }
                        for _ in 0..<9 { host.add(liveMegabytes: 1, dead: 0) }
                        #expect(errorCode { try scheduler.waitUntilIdle() } == nil)
                        scheduler.shutdown()
                        wasCalled.store(true, ordering: .releasing)
                    }
                }
                if shares { DispatchQueue(label: "shared").sync(execute: call) } else { call() }
            })
        scheduler.segmentsChanged()
        eventually("it was called") { wasCalled.load(ordering: .acquiring) }
        #expect(code.withLock { $0 } == .invalidArgument)
        // From outside it waits.
        scheduler.shutdown()
        #expect(host.running.isEmpty)
        #expect(host.segments.map(\.id).prefix(2) == [id, other])
    }

    @Test func aPoisonedWriterMergesNoMore() {
        let scheduler = MergeScheduler(of: host)
        let first = host.add(liveMegabytes: 1)
        let second = host.add(liveMegabytes: 2)
        scheduler.segmentsChanged()
        eventually("both run") { host.running.count == 2 }
        host.end(first, by: .failure(.writerPoisoned))
        eventually("all have ended") { scheduler.state.withLock { $0.isIdle } }
        #expect(host.segments.map(\.id) == [first, second])
        #expect(errorCode { try scheduler.waitUntilIdle() } == .writerPoisoned)
        #expect(errorCode { try scheduler.mergeDown(to: 1, cancellation: nil) } == .writerPoisoned)
        scheduler.segmentsChanged()
        #expect(host.running.isEmpty && !scheduler.state.withLock { $0.isHealthy })
        scheduler.shutdown()
    }

    // MARK: By hand

    @Test func mergingByHandWaitsForOthersAndKeepsThemOut() throws {
        let scheduler = MergeScheduler(of: host)
        let first = host.add(liveMegabytes: 1)
        scheduler.segmentsChanged()
        let large = host.add(liveMegabytes: 500, dead: 0)
        eventually("it runs") { host.running == [[first]] }
        let manual = Aside { () throws(GranaryError) in
            try scheduler.mergeDown(to: 1, cancellation: nil)
        }
        pause(milliseconds: 5)
        #expect(host.running == [[first]] && !manual.isDone)
        host.end(first)
        // The output of the first merge is its other input.
        let output = large + 1
        eventually("it merges both") { host.running == [[large, output]] }
        host.add(liveMegabytes: 1)
        scheduler.segmentsChanged()
        #expect(host.running == [[large, output]])
        host.endAll()
        #expect(manual.code() == nil)
        try scheduler.waitUntilIdle()
        #expect(host.mistakes == [])
        #expect(scheduler.state.withLock { $0.isIdle })
        scheduler.shutdown()
    }

    @Test func mergingByHandEndsThoughSegmentsKeepComing() throws {
        let scheduler = MergeScheduler(MergeOptions(isAutomatic: false), host: host)
        for _ in 0..<5 { host.add(liveMegabytes: 1, dead: 0) }
        let manual = Aside { () throws(GranaryError) in
            try scheduler.mergeDown(to: 2, cancellation: nil)
        }
        eventually("it runs") { host.running == [[1, 2, 3, 4]] }
        host.add(liveMegabytes: 1)
        host.endAll()
        #expect(manual.code() == nil)
        #expect(host.segments.map(\.id) == [5, 6, 7])
        // There is nothing to do.
        try scheduler.mergeDown(to: 3, cancellation: nil)
        #expect(host.segments.map(\.id) == [5, 6, 7])
        scheduler.shutdown()
    }

    @Test func mergingByHandCanBeCancelledWhileItWaitsAndWhileItRuns() {
        let scheduler = MergeScheduler(of: host)
        let first = host.add(liveMegabytes: 1)
        scheduler.segmentsChanged()
        let waiting = Cancellation()
        let manual = Aside { () throws(GranaryError) in
            try scheduler.mergeDown(to: 1, cancellation: waiting)
        }
        eventually("it runs") { host.running == [[first]] }
        waiting.cancel()
        #expect(manual.code() == .cancelled)
        #expect(scheduler.goesOn(first))
        host.end(first)
        eventually("it has ended") { scheduler.state.withLock { $0.isIdle } }
        host.add(liveMegabytes: 1, dead: 0)
        let running = Cancellation()
        let other = Aside { () throws(GranaryError) in
            try scheduler.mergeDown(to: 1, cancellation: running)
        }
        eventually("it runs") { host.running == [[2, 3]] }
        // A paused one sees it too.
        scheduler.pause()
        running.cancel()
        #expect(other.code() == .cancelled)
        #expect(host.segments.count == 2)
        scheduler.shutdown()
    }

    @Test func pausedMergesGiveWayToOneByHand() {
        let scheduler = MergeScheduler(of: host)
        let first = host.add(liveMegabytes: 1)
        scheduler.segmentsChanged()
        eventually("it runs") { host.running == [[first]] }
        scheduler.pause()
        let manual = Aside { () throws(GranaryError) in
            try scheduler.mergeDown(to: 1, cancellation: nil)
        }
        host.end(first)
        #expect(manual.code() == nil)
        #expect(host.segments.map(\.dead) == [0])
        #expect(host.starts(first) == 2)
        scheduler.shutdown()
    }
}
