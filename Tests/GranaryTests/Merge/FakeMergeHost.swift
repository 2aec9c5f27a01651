import Dispatch
import GranaryStorage
import Synchronization
import Testing

@testable import Granary

/// An index of numbers only: a test says when its merges end, and what time it is.
///
/// A segment half of which is dead makes a merge of its own, which is how tests ask for merges of a size.
final class FakeMergeHost: MergeHost {
    private struct State {
        var segments: [MergeCandidate] = []
        var nextID: UInt64 = 1
        var clock: UInt64 = 1_000_000_000_000
        var freeBytes: UInt64 = 1 << 50
        /// Merges that are under way.
        var running: Set<Set<UInt64>> = []
        var outcomes: [Set<UInt64>: Outcome] = [:]
        var starts: [Set<UInt64>: Int] = [:]
        var endsAtOnce = false
        var mistakes: [String] = []
    }
    enum Outcome { case success, failure(GranaryError.Code), call(@Sendable (MergeControl) -> Void) }
    private let state = Mutex(State())

    // MARK: What the test says

    /// Adds a segment, half of which is dead.
    @discardableResult
    func add(liveMegabytes: UInt64, dead: Int = 500) -> UInt64 {
        state.withLock { state in
            let bytes = UInt64(Double(liveMegabytes << 20) * 1000 / Double(1000 - dead))
            state.segments.append(
                MergeCandidate(id: state.nextID, bytes: bytes, documents: 1000, dead: dead))
            state.nextID += 1
            return state.nextID - 1
        }
    }

    /// Says how the merge of some segments ends.
    func end(_ ids: UInt64..., by outcome: Outcome = .success) {
        state.withLock { $0.outcomes[Set(ids)] = outcome }
    }

    /// Lets merges succeed as soon as they run, unless it was said how they end.
    func endAll() { state.withLock { $0.endsAtOnce = true } }

    func advance(seconds: Double) {
        state.withLock { $0.clock += UInt64((seconds * 1_000_000_000).rounded()) }
    }

    func setClock(_ clock: UInt64) { state.withLock { $0.clock = clock } }

    func setFree(megabytes: UInt64) { state.withLock { $0.freeBytes = megabytes << 20 } }

    // MARK: What the test asks

    var segments: [MergeCandidate] { state.withLock { $0.segments } }
    var liveDocuments: Int { segments.reduce(0) { $0 + $1.documents - $1.dead } }
    var mistakes: [String] { state.withLock { $0.mistakes } }
    var running: Set<Set<UInt64>> { state.withLock { $0.running } }
    /// How often a merge of some segments has begun.
    func starts(_ ids: UInt64...) -> Int { state.withLock { $0.starts[Set(ids)] ?? 0 } }

    // MARK: The host

    func mergeCandidates() -> [MergeCandidate] { segments }
    func freeBytes() throws(GranaryError) -> UInt64 { state.withLock { $0.freeBytes } }
    func now() -> UInt64 { state.withLock { $0.clock } }

    func merge(_ ids: [UInt64], _ control: MergeControl) throws(GranaryError) {
        let set = Set(ids)
        state.withLock { state in
            if state.running.contains(where: { !$0.isDisjoint(with: set) }) {
                state.mistakes.append("\(ids) overlaps with a running merge")
            }
            if state.segments.count(where: { set.contains($0.id) }) != ids.count {
                state.mistakes.append("\(ids) has segments that are gone")
            }
            state.running.insert(set)
            state.starts[set, default: 0] += 1
        }
        defer { state.withLock { _ = $0.running.remove(set) } }
        while true {
            try control.checkpoint()
            let outcome = state.withLock { state in
                state.outcomes.removeValue(forKey: set) ?? (state.endsAtOnce ? .success : nil)
            }
            switch outcome {
            case nil: pause(milliseconds: 1)
            case .success: return publish(set)
            case .failure(let code): throw GranaryError(code, "as the test says")
            case .call(let body): body(control)
            }
        }
    }

    private func publish(_ ids: Set<UInt64>) {
        state.withLock { state in
            let inputs = state.segments.filter { ids.contains($0.id) }
            let live = inputs.reduce(0) { $0 + $1.documents - $1.dead }
            let bytes = inputs.reduce(0) { $0 + $1.liveBytes }
            state.segments.removeAll { ids.contains($0.id) }
            state.segments.append(MergeCandidate(id: state.nextID, bytes: bytes, documents: live, dead: 0))
            state.nextID += 1
        }
    }
}

/// Lets other threads go on.
func pause(milliseconds: Int) {
    _ = DispatchSemaphore(value: 0).wait(timeout: .now() + .milliseconds(milliseconds))
}

/// Waits until something is so; a test fails that waits for 30 seconds.
func eventually(
    _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () -> Bool
) {
    for _ in 0..<30_000 {
        if condition() { return }
        pause(milliseconds: 1)
    }
    Issue.record(what, sourceLocation: sourceLocation)
}

/// Something that runs on a thread of its own, and a way to wait for it.
final class Aside: Sendable {
    private let failure = Mutex<GranaryError?>(nil)
    private let done = Atomic(false)

    init(_ body: @escaping @Sendable () throws(GranaryError) -> Void) {
        DispatchQueue(label: "aside").async {
            do throws(GranaryError) {
                try body()
            } catch {
                self.failure.withLock { $0 = error }
            }
            self.done.store(true, ordering: .releasing)
        }
    }

    var isDone: Bool { done.load(ordering: .acquiring) }

    /// Waits for its end.
    ///
    /// - Returns: the code of the error that it threw.
    func code(sourceLocation: SourceLocation = #_sourceLocation) -> GranaryError.Code? {
        eventually("it never ended", sourceLocation: sourceLocation) { isDone }
        return failure.withLock { $0?.code }
    }
}

extension MergeScheduler {
    /// Of a host, with one thread for large merges unless a test says otherwise.
    convenience init(of host: FakeMergeHost, threads: Int = 1, reserveBytes: Int = 0) {
        self.init(MergeOptions(threads: threads), host: host, reserveBytes: reserveBytes)
    }

    /// Whether the merge of a segment has been started and is not to wait.
    func goesOn(_ id: UInt64) -> Bool {
        state.withLock { $0.running.contains { $0.ids == [id] && !$0.control.isPaused } }
    }

    /// Whether the merge of a segment has been started and is to wait.
    func waits(_ id: UInt64) -> Bool {
        state.withLock { $0.running.contains { $0.ids == [id] && $0.control.isPaused } }
    }
}
