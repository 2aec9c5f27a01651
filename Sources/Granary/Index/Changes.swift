internal import Dispatch
import GranaryStorage
import Synchronization

extension Index {
    /// New generations, as they are published by whatever process: for a service that swaps snapshots.
    ///
    /// The first element is the generation at the time of the call. When several are published between two
    /// looks at the directory, or while the consumer is busy, only the newest is an element.
    ///
    /// - Parameter interval: time between two looks, each a listing of the directory; at least 1 ms.
    /// - Returns: a sequence that ends when the task is cancelled, and throws when the directory cannot be
    ///   listed or is no index any more.
    public func changes(every interval: Duration = .milliseconds(200)) -> AsyncThrowingStream<
        UInt64, any Error
    > {
        AsyncThrowingStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            let watch = Watch(self, interval: max(interval, .milliseconds(1))) { generation in
                continuation.yield(generation)
            } failed: { error in
                continuation.finish(throwing: error)
            }
            continuation.onTermination = { _ in watch.stop() }
            watch.start()
        }
    }
}

/// A look at an index directory every now and then.
private final class Watch: Sendable {
    private let index: Index
    private let interval: DispatchTimeInterval
    private let found: @Sendable (UInt64) -> Void
    private let failed: @Sendable (GranaryError) -> Void
    private let queue = DispatchQueue(label: "granary.changes")
    private let state = Mutex((generation: UInt64(0), isStopped: false))

    init(
        _ index: Index, interval: Duration, _ found: @escaping @Sendable (UInt64) -> Void,
        failed: @escaping @Sendable (GranaryError) -> Void
    ) {
        self.index = index
        self.interval = interval.dispatchInterval
        self.found = found
        self.failed = failed
    }

    func start() { queue.async { self.look() } }

    func stop() { state.withLock { $0.isStopped = true } }

    private func look() {
        if state.withLock({ $0.isStopped }) { return }
        do throws(GranaryError) {
            let generation = try index.newestGeneration()
            let isNew = state.withLock { state in
                defer { state.generation = max(state.generation, generation) }
                return generation > state.generation
            }
            if isNew { found(generation) }
            queue.asyncAfter(deadline: .now() + interval) { self.look() }
        } catch {
            failed(error)
        }
    }
}
