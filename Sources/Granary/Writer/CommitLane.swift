internal import Dispatch
import GranaryStorage
import Synchronization

/// The turn to flush, commit, refresh, roll back or publish a merge: one at a time. It may be left by another
/// thread than the one that entered it, as a prepared commit does.
final class CommitLane: Sendable {
    // Begun at 0 and raised: a semaphore that goes with a value below its first one is a fault.
    private let semaphore: DispatchSemaphore = {
        let semaphore = DispatchSemaphore(value: 0)
        semaphore.signal()
        return semaphore
    }()
    private let path: String
    private let longestWait: Duration
    /// The prepared commit that has the lane: whoever waits for it may wait for ever.
    private let holder = Mutex(Holder())

    /// Weak, so that a commit which its owner forgets is aborted.
    private struct Holder {
        weak var commit: PreparedCommit?
    }

    init(path: String, longestWait: Duration) {
        self.path = path
        self.longestWait = longestWait
    }

    /// Waits for the lane.
    ///
    /// - Throws: `stalled` when a prepared commit has it for longer than the writer's `maximumStall`.
    func enter() throws(GranaryError) {
        if semaphore.wait(timeout: .now()) == .success { return }
        let clock = ContinuousClock()
        var blockedSince: ContinuousClock.Instant?
        while semaphore.wait(timeout: .now() + .milliseconds(50)) == .timedOut {
            guard holder.withLock({ $0.commit != nil }) else {
                blockedSince = nil
                continue
            }
            let since = blockedSince ?? clock.now
            blockedSince = since
            if clock.now - since > longestWait {
                throw GranaryError(
                    .stalled, "waited \(longestWait) for a prepared commit to be committed or aborted",
                    path: path)
            }
        }
    }

    /// Gives the lane to the next.
    func leave() { semaphore.signal() }

    /// Calls `body` in the lane.
    func run<Result>(_ body: () throws(GranaryError) -> Result) throws(GranaryError) -> Result {
        try enter()
        defer { leave() }
        return try body()
    }

    /// Says that a prepared commit has the lane.
    func hold(by commit: PreparedCommit) { holder.withLock { $0.commit = commit } }

    /// Leaves the lane for a prepared commit.
    func release() {
        holder.withLock { $0.commit = nil }
        leave()
    }

    /// Aborts the prepared commit that has the lane, if there is one.
    func abortPrepared() {
        let commit = holder.withLock { $0.commit }
        commit?.abort()
    }
}
