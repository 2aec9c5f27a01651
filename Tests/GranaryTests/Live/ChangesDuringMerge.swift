import Granary
import Synchronization

/// Something that is done once, from inside the engine, when it reports progress.
final class ChangesDuringMerge: Sendable {
    private struct State {
        var body: (@Sendable () throws(GranaryError) -> Void)?
        var failure: GranaryError?
        var wasRun = false
    }
    private let state = Mutex(State())

    /// What failed, if anything.
    var failure: GranaryError? { state.withLock { $0.failure } }
    /// Whether it has been done.
    var wasRun: Bool { state.withLock { $0.wasRun } }

    /// Says what is to be done.
    func arm(_ body: @escaping @Sendable () throws(GranaryError) -> Void) {
        state.withLock { $0.body = body }
    }

    /// Does it, the first time.
    func run() {
        let body = state.withLock { state in
            defer { state.body = nil }
            return state.body
        }
        guard let body else { return }
        do throws(GranaryError) {
            try body()
        } catch {
            state.withLock { $0.failure = error }
        }
        state.withLock { $0.wasRun = true }
    }
}
