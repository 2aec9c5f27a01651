import GranaryStorage
import Synchronization
import TestSupport
import Testing

@testable import Granary

/// Writers that wait for merges.
@Suite struct BackPressureTests {
    private let host = FakeMergeHost()
    private let longest = Duration.milliseconds(20)

    /// With a budget of 4 segments.
    private func scheduler(isAutomatic: Bool = true) -> MergeScheduler {
        MergeScheduler(MergeOptions(isAutomatic: isAutomatic, threads: 1, segmentBudget: 4), host: host)
    }

    private func addSegments(_ count: Int) { for _ in 0..<count { host.add(liveMegabytes: 20) } }

    /// What `admit` does when it may wait for `longest`.
    private func admit(_ scheduler: MergeScheduler) -> GranaryError.Code? {
        errorCode { _ = try scheduler.admit(longest: longest) }
    }

    @Test func growsWithTheSegmentsOverTheBudget() {
        #expect(BackPressure(segments: 0, budget: 4) == .none)
        #expect(BackPressure(segments: 8, budget: 4) == .none)
        #expect(BackPressure(segments: 9, budget: 4) == .delay(milliseconds: 1))
        #expect(BackPressure(segments: 10, budget: 4) == .delay(milliseconds: 2))
        #expect(BackPressure(segments: 12, budget: 4) == .delay(milliseconds: 8))
        #expect(BackPressure(segments: 13, budget: 4) == .block)
        #expect(BackPressure(segments: 46, budget: 20) == .delay(milliseconds: 32))
        #expect(BackPressure(segments: 47, budget: 20) == .delay(milliseconds: 64))
        #expect(BackPressure(segments: 48, budget: 20) == .delay(milliseconds: 100))
        #expect(BackPressure(segments: 60, budget: 20) == .delay(milliseconds: 100))
        #expect(BackPressure(segments: 3, budget: 1) == .delay(milliseconds: 1))
        #expect(BackPressure(segments: .max, budget: 1) == .block)
    }

    @Test func whoeverIsInTimeDoesNotWait() throws {
        let scheduler = scheduler()
        addSegments(8)
        scheduler.segmentsChanged()
        #expect(scheduler.state.withLock { $0.running.count } == 8)
        #expect(try scheduler.admit(longest: .zero) < .seconds(10))
        scheduler.shutdown()
    }

    @Test func aDelayIsNoFailure() throws {
        let scheduler = scheduler()
        addSegments(10)
        #expect(try scheduler.admit(longest: .zero) >= .milliseconds(2))
        scheduler.shutdown()
    }

    @Test func blocksUntilMergesHaveCaughtUp() throws {
        let scheduler = scheduler()
        addSegments(13)
        #expect(admit(scheduler) == .stalled)
        let writer = Aside { () throws(GranaryError) in
            _ = try scheduler.admit(longest: .seconds(3600))
        }
        pause(milliseconds: 5)
        #expect(!writer.isDone)
        host.endAll()
        #expect(writer.code() == nil)
        #expect(host.segments.count <= 12)
        scheduler.shutdown()
    }

    @Test func neverWaitsForMergesThatDoNotRun() throws {
        addSegments(30)
        let manual = scheduler(isAutomatic: false)
        #expect(admit(manual) == nil)
        let scheduler = scheduler()
        scheduler.pause()
        #expect(admit(scheduler) == nil)
        scheduler.resume()
        #expect(admit(scheduler) == .stalled)
        scheduler.shutdown()
        #expect(admit(scheduler) == nil)
        host.setFree(megabytes: 1)
        let full = self.scheduler()
        #expect(admit(full) == nil)
        #expect(full.state.withLock { !$0.lackingSpace.isEmpty })
    }

    @Test func pausingLetsAWaitingWriterGoOn() {
        addSegments(30)
        let scheduler = scheduler()
        let writer = Aside { () throws(GranaryError) in
            _ = try scheduler.admit(longest: .seconds(3600))
        }
        eventually("merges run") { !host.running.isEmpty }
        scheduler.pause()
        #expect(writer.code() == nil)
        scheduler.shutdown()
    }

    @Test func damagedSegmentsCountForNothing() {
        addSegments(14)
        let scheduler = scheduler()
        for _ in 0..<3 {
            for id: UInt64 in 1...14 { host.end(id, by: .failure(.corrupt)) }
            let before = scheduler.state.withLock { $0.failed }
            scheduler.segmentsChanged()
            eventually("all failed") {
                scheduler.state.withLock { $0.failed == before + 14 && $0.isIdle }
            }
            // While they wait for the next try nothing is merged, and nobody waits.
            #expect(admit(scheduler) == nil)
            host.advance(seconds: 600)
        }
        #expect(scheduler.state.withLock { $0.failures.quarantined.count } == 14)
        // A merge that runs cannot lessen them.
        host.add(liveMegabytes: 1)
        scheduler.segmentsChanged()
        #expect(scheduler.state.withLock { !$0.running.isEmpty })
        #expect(admit(scheduler) == nil)
        scheduler.shutdown()
    }

    @Test func whoeverIsInsideAMergeDoesNotWait() {
        addSegments(30)
        let scheduler = scheduler()
        let code = Mutex<GranaryError.Code??>(nil)
        host.end(
            1,
            by: .call { control in
                control.report(WorkProgress(phase: .writing, done: 0)) { _ in
                    let result = errorCode { _ = try scheduler.admit(longest: .zero) }
                    code.withLock { $0 = .some(result) }
                }
            })
        scheduler.segmentsChanged()
        eventually("it was asked") { code.withLock { $0 != nil } }
        #expect(code.withLock { $0 } == .some(nil))
        #expect(scheduler.state.withLock { $0.running.contains { $0.control.phase == .writing } })
        scheduler.shutdown()
    }
}
