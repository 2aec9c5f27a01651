import GranaryStorage
import Synchronization
import TestSupport
import Testing

@testable import Granary

/// What becomes of merges that fail.
@Suite struct MergeFailureTests {
    private let host = FakeMergeHost()
    private let damage: [GranaryError.Code] = [.corrupt, .truncated, .checksumMismatch, .wrongFile]

    /// Lets a merge run and fail.
    private func fail(_ scheduler: MergeScheduler, _ id: UInt64, by code: GranaryError.Code) {
        let (starts, failed) = (host.starts(id), scheduler.state.withLock { $0.failed })
        host.end(id, by: .failure(code))
        scheduler.segmentsChanged()
        eventually("it failed") { scheduler.state.withLock { $0.failed == failed + 1 && $0.isIdle } }
        // The scheduler may have begun it by itself before this was called.
        #expect(host.starts(id) <= starts + 1)
    }

    @Test func aFailedMergeIsTriedAgainLaterAndLater() throws {
        let scheduler = MergeScheduler(of: host)
        let id = host.add(liveMegabytes: 1)
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600] {
            fail(scheduler, id, by: .io)
            host.advance(seconds: Double(seconds) - 0.001)
            #expect(!scheduler.startDue() && !scheduler.mergeAtRest(seconds: 0))
            host.advance(seconds: 0.001)
        }
        var state = scheduler.state.withLock { $0 }
        #expect(state.failed == 12 && state.done == 0)
        #expect(state.lastFailure?.code == .io && !state.isHealthy && state.failures.quarantined == [])
        host.end(id)
        scheduler.segmentsChanged()
        eventually("it is done") { scheduler.state.withLock { $0.done == 1 && $0.isIdle } }
        scheduler.segmentsChanged()
        state = scheduler.state.withLock { $0 }
        #expect(state.isHealthy)
        scheduler.shutdown()
    }

    @Test func aFailedMergeKeepsNoOtherWaiting() {
        let scheduler = MergeScheduler(of: host)
        fail(scheduler, host.add(liveMegabytes: 1), by: .diskFull)
        let other = host.add(liveMegabytes: 1)
        scheduler.segmentsChanged()
        #expect(scheduler.goesOn(other))
        scheduler.shutdown()
    }

    @Test func aClockThatIsSetBackLetsAFailedMergeGoOn() {
        let scheduler = MergeScheduler(of: host)
        let id = host.add(liveMegabytes: 1)
        fail(scheduler, id, by: .io)
        host.setClock(1)
        scheduler.segmentsChanged()
        #expect(scheduler.goesOn(id))
        scheduler.shutdown()
    }

    @Test(arguments: 0..<4) func damagedSegmentsAreLeftAloneAfterThreeTries(_ number: Int) throws {
        let scheduler = MergeScheduler(of: host)
        let id = host.add(liveMegabytes: 1)
        for _ in 0..<3 {
            #expect(scheduler.state.withLock { $0.failures.quarantined } == [])
            fail(scheduler, id, by: damage[number])
            host.advance(seconds: 600)
        }
        host.advance(seconds: 1_000_000)
        #expect(!scheduler.startDue() && !scheduler.mergeAtRest(seconds: 0))
        #expect(scheduler.state.withLock { $0.failures.quarantined } == [id])
        let other = host.add(liveMegabytes: 1)
        host.endAll()
        scheduler.segmentsChanged()
        try scheduler.waitUntilIdle()
        #expect(host.starts(other) == 1 && host.starts(id) == 3)
        scheduler.shutdown()
    }

    /// A new segment comes with each commit, and the policy asks for another merge each time.
    @Test func damageIsFoundThoughTheSetsChange() {
        var failures = MergeFailures()
        for round: UInt64 in 0..<3 {
            #expect(failures.blocked(now: round * 700_000_000_000) == [])
            failures.note(
                GranaryError(.corrupt, "damage"), of: [7, 100 + round], now: round * 700_000_000_000)
        }
        #expect(failures.quarantined == [7])
        #expect(failures.blocked(now: 1_400_000_000_000) == [7, 102])
        failures.keep([100])
        #expect(failures.quarantined == [] && !failures.isEmpty)
        failures.keep([])
        #expect(failures.isEmpty)
    }

    @Test func cancellingIsNoFailure() {
        let scheduler = MergeScheduler(of: host)
        host.end(host.add(liveMegabytes: 1), by: .failure(.cancelled))
        scheduler.segmentsChanged()
        eventually("it ran") { host.starts(1) > 0 }
        scheduler.shutdown()
        #expect(scheduler.state.withLock { $0.failed == 0 && $0.lastFailure == nil })
    }
}
