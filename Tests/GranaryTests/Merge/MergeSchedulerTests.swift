import GranaryStorage
import Synchronization
import TestSupport
import Testing

@testable import Granary

/// Which merges run, and which wait.
@Suite struct MergeSchedulerTests {
    private let host = FakeMergeHost()

    @Test func theLargestWaitsFirstAndGoesOnWhenThereIsRoom() throws {
        let scheduler = MergeScheduler(of: host)
        let middle = host.add(liveMegabytes: 200)
        scheduler.segmentsChanged()
        eventually("it runs") { host.running == [[middle]] }
        #expect(scheduler.goesOn(middle))
        let small = host.add(liveMegabytes: 100)
        scheduler.segmentsChanged()
        #expect(scheduler.goesOn(small) && scheduler.waits(middle))
        let large = host.add(liveMegabytes: 300)
        scheduler.segmentsChanged()
        #expect(scheduler.goesOn(small) && scheduler.waits(middle) && scheduler.waits(large))
        // A merge that waits does not see that it might end.
        host.end(middle)
        host.end(small)
        eventually("the next one ends too") { scheduler.goesOn(large) }
        #expect(host.starts(small) == 1 && host.starts(middle) == 1)
        host.endAll()
        try scheduler.waitUntilIdle()
        #expect(host.starts(large) == 1)
        #expect(host.mistakes == [])
        #expect(scheduler.state.withLock { $0.done } >= 3)
        scheduler.shutdown()
    }

    @Test func smallMergesWaitForNoThread() {
        let scheduler = MergeScheduler(of: host)
        let large = host.add(liveMegabytes: 200)
        scheduler.segmentsChanged()
        let small = (0..<4).map { _ in host.add(liveMegabytes: 10) }
        scheduler.segmentsChanged()
        eventually("all run") { host.running == Set(([large] + small).map { [$0] }) }
        #expect(([large] + small).allSatisfy(scheduler.goesOn))
        scheduler.shutdown()
    }

    @Test func asManyLargeMergesRunAsThereAreThreads() {
        let scheduler = MergeScheduler(of: host, threads: 2)
        let ids = [100, 200, 300].map { host.add(liveMegabytes: $0) }
        scheduler.segmentsChanged()
        #expect(scheduler.goesOn(ids[0]) && scheduler.goesOn(ids[1]) && scheduler.waits(ids[2]))
        scheduler.shutdown()
    }

    @Test func nothingStartsByItselfWhenThatIsNotWanted() throws {
        let scheduler = MergeScheduler(MergeOptions(isAutomatic: false), host: host)
        host.add(liveMegabytes: 1)
        scheduler.start()
        #expect(!scheduler.mergeAtRest(seconds: 0))
        try scheduler.waitUntilIdle()
        #expect(host.segments.map(\.id) == [1])
        scheduler.shutdown()
    }

    @Test func pausedMergesStandStillUntilTheyAreResumed() throws {
        let scheduler = MergeScheduler(of: host)
        let first = host.add(liveMegabytes: 10)
        scheduler.segmentsChanged()
        eventually("it runs") { host.running == [[first]] }
        scheduler.pause()
        #expect(scheduler.waits(first))
        let second = host.add(liveMegabytes: 10)
        scheduler.segmentsChanged()
        #expect(!scheduler.goesOn(second) && !scheduler.waits(second))
        // Else who pauses and waits would wait for ever.
        try scheduler.waitUntilIdle()
        #expect(scheduler.waits(first))
        let waiting = Aside { () throws(GranaryError) in
            scheduler.resume()
            try scheduler.waitUntilIdle()
        }
        eventually("both run") { host.running == [[first], [second]] }
        host.end(first)
        eventually("one has ended") { !scheduler.goesOn(first) }
        #expect(!waiting.isDone)
        host.endAll()
        #expect(waiting.code() == nil)
        #expect(scheduler.state.withLock { $0.isIdle })
        scheduler.shutdown()
    }

    @Test func aMergeNeedsItsOutputsSpaceAndTheReserve() throws {
        let scheduler = MergeScheduler(of: host, reserveBytes: 30 << 20)
        let id = host.add(liveMegabytes: 100)
        host.setFree(megabytes: 139)
        scheduler.segmentsChanged()
        scheduler.segmentsChanged()
        #expect(host.running.isEmpty)
        var state = scheduler.state.withLock { $0 }
        #expect(state.skipped == 1 && state.lackingSpace == [[id]] && !state.isHealthy && state.failed == 0)
        #expect(errorCode { try scheduler.mergeDown(to: 1, cancellation: nil) } == .diskFull)
        host.setFree(megabytes: 141)
        scheduler.segmentsChanged()
        #expect(scheduler.goesOn(id))
        state = scheduler.state.withLock { $0 }
        #expect(state.lackingSpace == [] && state.isHealthy)
        // What runs needs its space too.
        let other = host.add(liveMegabytes: 50)
        scheduler.segmentsChanged()
        #expect(!scheduler.goesOn(other))
        host.endAll()
        try scheduler.waitUntilIdle()
        #expect(host.starts(other) == 1)
        scheduler.shutdown()
    }

    @Test func anIndexAtRestIsMergedOnceAMinute() {
        let scheduler = MergeScheduler(of: host)
        for _ in 0..<3 { host.add(liveMegabytes: 20, dead: 0) }
        host.endAll()
        scheduler.segmentsChanged()
        host.advance(seconds: 59)
        #expect(!scheduler.mergeAtRest(seconds: 60))
        host.advance(seconds: 1)
        #expect(scheduler.mergeAtRest(seconds: 60))
        eventually("it is one segment") { host.segments.count == 1 && scheduler.state.withLock { $0.isIdle } }
        host.add(liveMegabytes: 20, dead: 0)
        host.advance(seconds: 59)
        #expect(!scheduler.mergeAtRest(seconds: 60))
        host.advance(seconds: 1)
        #expect(scheduler.mergeAtRest(seconds: 60))
        eventually("it is one segment") { host.segments.count == 1 && scheduler.state.withLock { $0.isIdle } }
        // A clock that is set back counts from there.
        host.add(liveMegabytes: 20, dead: 0)
        host.setClock(5)
        #expect(!scheduler.mergeAtRest(seconds: 60))
        host.advance(seconds: 60)
        #expect(scheduler.mergeAtRest(seconds: 60))
        scheduler.shutdown()
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func noSegmentIsMergedTwiceAtATimeWhateverHappens(_ seed: UInt64) throws {
        let scheduler = MergeScheduler(MergeOptions(threads: 2, segmentsPerTier: 3), host: host)
        let host = host
        host.endAll()
        let writers = (0..<4 as Range<UInt64>).map { writer in
            Aside { () throws(GranaryError) in
                var random = TestRandom(seed: seed * 16 + writer)
                for _ in 0..<Effort.rounds(100) {
                    let id = host.add(liveMegabytes: UInt64(random.int(1...200)), dead: random.int(0...900))
                    scheduler.segmentsChanged()
                    switch random.int(0...9) {
                    case 0: host.end(id, by: .failure(.io))
                    case 1: scheduler.pause()
                    case 2: try scheduler.waitUntilIdle()
                    case 3:
                        _ = errorCode { try scheduler.mergeDown(to: random.int(1...9), cancellation: nil) }
                    case 4: host.advance(seconds: 1)
                    default: break
                    }
                    scheduler.resume()
                }
            }
        }
        for writer in writers { #expect(writer.code() == nil) }
        host.advance(seconds: 3600)
        try scheduler.waitUntilIdle()
        #expect(host.mistakes == [])
        #expect(host.running.isEmpty)
        #expect(host.segments.count <= scheduler.policy.allowed(host.segments))
        scheduler.shutdown()
    }
}
