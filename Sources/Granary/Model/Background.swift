internal import Dispatch
import Synchronization

/// Threads of the engine's own for asynchronous calls: a page fault or an fsync never blocks Swift's
/// cooperative pool.
///
/// Serial queues, since those get threads that the cooperative pool does not count as its own.
enum Background {
    private static let searchQueues = (0..<2 * Parallel.coreCount).map {
        DispatchQueue(label: "granary.search.\($0)")
    }
    private static let next = Atomic(0)

    /// Runs short work, a search, on one of a fixed number of threads.
    static func search<Result: Sendable>(
        _ body: @escaping @Sendable () throws(GranaryError) -> Result
    ) async throws(GranaryError) -> Result {
        let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
        return try await run(on: searchQueues[abs(number % searchQueues.count)], body)
    }

    /// Runs long work, a commit or a merge, on a thread for itself.
    static func work<Result: Sendable>(
        _ body: @escaping @Sendable () throws(GranaryError) -> Result
    ) async throws(GranaryError) -> Result {
        try await run(on: DispatchQueue(label: "granary.work"), body)
    }

    private static func run<Result: Sendable>(
        on queue: DispatchQueue, _ body: @escaping @Sendable () throws(GranaryError) -> Result
    ) async throws(GranaryError) -> Result {
        let outcome = await withCheckedContinuation {
            (done: CheckedContinuation<Swift.Result<Result, GranaryError>, Never>) in
            queue.async {
                done.resume(
                    returning: Swift.Result { () throws(GranaryError) in try body() })
            }
        }
        return try outcome.get()
    }
}
