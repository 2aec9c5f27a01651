import GranaryStorage
import Synchronization

/// What a writer has counted since it was opened.
final class WriterMeasures: Sendable {
    /// The counts.
    struct Counts: Sendable {
        var commits = 0
        var flushes = 0
        var flushedBytes: UInt64 = 0
        var mergedBytes: UInt64 = 0
        var stalls: [StallReason: WriterStatistics.Stalls] = [:]
        var lastFailure: GranaryError?
    }
    private let state = Mutex(Counts())

    var counts: Counts { state.withLock { $0 } }

    func flushed(_ bytes: UInt64) {
        state.withLock {
            $0.flushes += 1
            $0.flushedBytes += bytes
        }
    }

    func merged(_ bytes: UInt64) { state.withLock { $0.mergedBytes += bytes } }

    /// Counts a wait, unless there was none to speak of.
    func stalled(_ reason: StallReason, _ time: Duration) {
        if time < .milliseconds(1) { return }
        state.withLock {
            $0.stalls[reason, default: WriterStatistics.Stalls()].count += 1
            $0.stalls[reason, default: WriterStatistics.Stalls()].seconds += time / .seconds(1)
        }
    }

    func committed() { state.withLock { $0.commits += 1 } }

    func failed(_ error: GranaryError) { state.withLock { $0.lastFailure = error } }
}
