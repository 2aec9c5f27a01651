internal import Dispatch
import GranaryStorage
import Synchronization

/// Pauses and stops one merge, and knows how far it is.
final class MergeControl: Sendable {
    private let state = Mutex(State())
    /// Of whoever asked for the merge.
    private let asked: Cancellation?
    /// Where the merge runs.
    private let thread = DispatchQueue(label: "granary.merge")
    /// Where its calls to others run, which may come from threads that it shares its work with.
    private let calls = DispatchQueue(label: "granary.merge.call")
    /// Of both queues: whose they are.
    private static let owner = DispatchSpecificKey<ObjectIdentifier>()

    private struct State {
        var isPaused = false
        var isCancelled = false
        var phase: WorkProgress.Phase?
        /// One for each thread that waits.
        var waiting: [DispatchSemaphore] = []
    }

    /// - Parameter cancellation: stops the merge too.
    init(_ cancellation: Cancellation? = nil) {
        asked = cancellation
        for queue in [thread, calls] { queue.setSpecific(key: Self.owner, value: ObjectIdentifier(self)) }
    }

    /// Whether it is to wait.
    var isPaused: Bool { state.withLock { $0.isPaused } }
    /// What it is doing; nil before it has begun.
    var phase: WorkProgress.Phase? { state.withLock { $0.phase } }

    /// How often somebody's cancellation is looked at by a merge that is paused: it has no way to wake it.
    private static let look = DispatchTimeInterval.milliseconds(100)

    /// Where a merge may be paused or stopped. Waits while it is paused.
    ///
    /// - Throws: `cancelled`.
    func checkpoint() throws(GranaryError) {
        let signal = DispatchSemaphore(value: 0)
        var isListed = false
        while true {
            try asked?.check()
            let (isPaused, isCancelled) = state.withLock { state in
                if state.isPaused, !state.isCancelled, !isListed { state.waiting.append(signal) }
                return (state.isPaused, state.isCancelled)
            }
            if isCancelled { throw GranaryError(.cancelled, "the merge was cancelled") }
            if !isPaused { return }
            // Whoever signals takes it off the list.
            isListed = signal.wait(timeout: asked == nil ? .distantFuture : .now() + Self.look) == .timedOut
        }
    }

    func pause() { state.withLock { $0.isPaused = true } }

    func resume() { wake { $0.isPaused = false } }

    func cancel() { wake { $0.isCancelled = true } }

    private func wake(_ change: (inout State) -> Void) {
        let waiting = state.withLock { state in
            change(&state)
            defer { state.waiting = [] }
            return state.waiting
        }
        for signal in waiting { signal.signal() }
    }

    // MARK: Threads

    /// The control of the merge that this code is part of, if it is part of one.
    static var current: ObjectIdentifier? { DispatchQueue.getSpecific(key: owner) }

    /// Runs the merge on a thread for itself.
    func start(_ body: @escaping @Sendable () -> Void) { thread.async(execute: body) }

    /// Runs the merge on this thread.
    func run<Result>(_ body: () -> Result) -> Result { thread.sync(execute: body) }

    /// Notes how far the merge is, and tells a handler: whatever that calls knows that it comes from inside a
    /// merge, and must not wait for it.
    func report(_ progress: WorkProgress, to handler: (@Sendable (WorkProgress) -> Void)?) {
        state.withLock { $0.phase = progress.phase }
        if let handler { calls.sync { handler(progress) } }
    }
}
