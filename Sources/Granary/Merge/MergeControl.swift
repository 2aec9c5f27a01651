internal import Dispatch
import GranaryStorage
import Synchronization

/// Pauses and stops one merge.
final class MergeControl: Sendable {
    private let state = Mutex(State())
    /// Of whoever asked for the merge.
    private let asked: Cancellation?

    private struct State {
        var isPaused = false
        var isCancelled = false
        var waiting: [DispatchSemaphore] = []
    }

    /// - Parameter cancellation: stops the merge too.
    init(_ cancellation: Cancellation? = nil) { asked = cancellation }

    /// Whether it is to wait.
    var isPaused: Bool { state.withLock { $0.isPaused } }

    /// Where a merge may be paused or stopped. Waits while it is paused.
    ///
    /// - Throws: `cancelled`.
    func checkpoint() throws(GranaryError) {
        while true {
            let (isCancelled, signal) = state.withLock { state -> (Bool, DispatchSemaphore?) in
                if state.isCancelled || !state.isPaused { return (state.isCancelled, nil) }
                let signal = DispatchSemaphore(value: 0)
                state.waiting.append(signal)
                return (false, signal)
            }
            if isCancelled { throw GranaryError(.cancelled, "the merge was cancelled") }
            try asked?.check()
            guard let signal else { return }
            // Whoever asked has no way to wake it.
            _ = signal.wait(timeout: .now() + .milliseconds(asked == nil ? 60_000 : 100))
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
}
