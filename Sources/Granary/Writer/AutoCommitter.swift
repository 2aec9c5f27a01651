internal import Dispatch
import GranaryStorage
import Synchronization

/// When a writer commits by itself.
public struct AutoCommit: Sendable, Equatable {
    /// The longest time from an operation to its commit.
    public var after: Duration
    /// Bytes of documents that are committed at once, whatever the time; at least 1.
    public var bytes: Int

    /// Makes a rule.
    public init(after: Duration = .seconds(1), or bytes: Int = 64 << 20) {
        self.after = after
        self.bytes = bytes
    }

    /// - Throws: `invalidArgument`.
    func validate() throws(GranaryError) {
        guard after >= .milliseconds(1), after <= .seconds(86_400), bytes >= 1 else {
            throw GranaryError(
                .invalidArgument,
                "expected a commit after 1 ms to 1 day or at least 1 byte, found \(after) and \(bytes)")
        }
    }
}

/// Commits on a thread of its own what has waited long enough. A failure shows in the writer's statistics,
/// and the next try follows after the same time, or after ten seconds.
final class AutoCommitter: Sendable {
    private let rule: AutoCommit
    private let core: WriterCore
    private let queue = DispatchQueue(label: "granary.commit")
    private let state = Mutex(State())

    private struct State {
        /// Whether a commit is due at some time.
        var isScheduled = false
        /// Whether one is due now.
        var isUrgent = false
        var isStopped = false
    }

    init(_ rule: AutoCommit, _ core: WriterCore) {
        self.rule = rule
        self.core = core
    }

    /// Notes an operation.
    func changed() {
        let isLarge = core.state.withLock { $0.counts.bytes } >= rule.bytes
        let (schedules, hurries) = state.withLock { state in
            if state.isStopped { return (false, false) }
            let (schedules, hurries) = (!state.isScheduled, isLarge && !state.isUrgent)
            state.isScheduled = true
            if hurries { state.isUrgent = true }
            return (schedules, hurries)
        }
        if hurries { queue.async { self.commit() } }
        if schedules { queue.asyncAfter(deadline: .now() + rule.after.dispatchInterval) { self.commit() } }
    }

    private func commit() {
        let isStopped = state.withLock { state in
            (state.isScheduled, state.isUrgent) = (false, false)
            return state.isStopped
        }
        if isStopped || core.state.withLock({ $0.counts.isEmpty }) { return }
        do throws(GranaryError) {
            _ = try core.commit(userData: nil)
        } catch {
            core.measures.failed(error)
            if error.code != .writerPoisoned, error.code != .commitUncertain { tryAgainLater() }
        }
    }

    /// The longest time to the next try.
    private static let longestWait = Duration.seconds(10)

    /// Commits once more after some time, and not before: however much there is to commit by then, it would
    /// be tried without end.
    private func tryAgainLater() {
        let after = min(rule.after, Self.longestWait)
        let isStopped = state.withLock { state in
            (state.isScheduled, state.isUrgent) = (true, true)
            return state.isStopped
        }
        if !isStopped { queue.asyncAfter(deadline: .now() + after.dispatchInterval) { self.commit() } }
    }

    /// Starts no further commit, and waits for one that runs.
    func stop() {
        state.withLock { $0.isStopped = true }
        queue.sync {}
    }
}

extension Duration {
    /// For Dispatch; whole microseconds.
    var dispatchInterval: DispatchTimeInterval {
        let (seconds, attoseconds) = components
        return .microseconds(Int(clamping: seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000))
    }
}
