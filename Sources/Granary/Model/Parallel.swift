internal import Dispatch
import Synchronization

/// Work on several cores without touching Swift's cooperative pool, which page faults would block.
enum Parallel {
    /// The cores of this machine.
    static let coreCount = Processor.coreCount

    /// Calls `body` once for each number below `count`, in ascending order of start, on up to `threads`
    /// threads; each thread has a state of its own. The first error stops the rest and is thrown.
    static func forEach<State>(
        count: Int, threads: Int, state makeState: @Sendable () throws(GranaryError) -> State,
        body: @Sendable (inout State, Int) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        let next = Atomic(0)
        let failure = Mutex<GranaryError?>(nil)
        @Sendable func work() {
            do throws(GranaryError) {
                var state = try makeState()
                while true {
                    let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    if number >= count { return }
                    try body(&state, number)
                }
            } catch {
                failure.withLock { $0 = $0 ?? error }
                next.store(count, ordering: .relaxed)
            }
        }
        let workers = max(1, min(threads, count))
        if workers == 1 {
            work()
        } else {
            DispatchQueue.concurrentPerform(iterations: workers) { _ in work() }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// The results of `body` for each number below `count`, in order.
    static func map<State, Result: Sendable>(
        count: Int, threads: Int, state makeState: @Sendable () throws(GranaryError) -> State,
        body: @Sendable (inout State, Int) throws(GranaryError) -> Result
    ) throws(GranaryError) -> [Result] {
        let results = Mutex([Result?](repeating: nil, count: count))
        try forEach(count: count, threads: threads, state: makeState) {
            (state, number) throws(GranaryError) in
            let result = try body(&state, number)
            results.withLock { $0[number] = result }
        }
        return results.withLock { $0.compactMap { $0 } }
    }
}
