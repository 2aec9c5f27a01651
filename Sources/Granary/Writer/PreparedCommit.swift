import GranaryStorage
import Synchronization

/// The first half of a commit in two steps: everything is durable but the name of the manifest, which
/// `commit`
/// gives it. For whoever must agree with another store on a transaction.
///
/// Until then other commits, refreshes and merges of the writer wait. One that is let go is aborted.
public final class PreparedCommit: Sendable {
    /// The generation that `commit` publishes.
    public let generation: UInt64
    private let core: WriterCore
    private let change: Mutex<PreparedChange?>

    init(_ core: WriterCore, _ change: PreparedChange) {
        self.core = core
        self.change = Mutex(change)
        generation = change.manifest.manifest.generation
    }

    deinit { abort() }

    /// Publishes. Two changes of the directory remain to be done.
    ///
    /// - Throws: `commitUncertain`, `diskFull` (nothing is published), `invalidArgument` when it has been
    ///   committed or aborted already.
    public func commit() throws(GranaryError) -> CommitReceipt {
        guard let change = change.withLock({ $0.take() }) else {
            throw GranaryError(
                .invalidArgument, "expected a commit that is neither committed nor aborted",
                path: core.directory.path)
        }
        defer { core.lane.release() }
        return try core.finish(change)
    }

    /// Publishes nothing. Its operations wait for the writer's next commit. Does nothing to one that is
    /// committed or aborted already.
    public func abort() {
        guard let change = change.withLock({ $0.take() }) else { return }
        core.abort(change)
        core.lane.release()
    }
}

extension WriterCore {
    func prepareCommit(userData: [UInt8]?) throws(GranaryError) -> PreparedCommit {
        try lane.enter()
        do throws(GranaryError) {
            let prepared = PreparedCommit(self, try prepare(userData: userData))
            lane.hold(by: prepared)
            return prepared
        } catch {
            lane.leave()
            throw error
        }
    }
}
