import GranaryStorage
import Synchronization

/// Merges that somebody asks for.
extension MergeScheduler {
    /// Merges on this thread, until of the segments that are there when it begins at most `count` are left.
    /// Merges that run are waited for first; paused ones are cancelled.
    ///
    /// - Throws: `cancelled`, `diskFull` without space for the output, `invalidArgument` from inside a merge,
    ///   and what the merge finds wrong.
    func mergeDown(to count: Int, cancellation: Cancellation?) throws(GranaryError) {
        if isWithin() {
            throw GranaryError(.invalidArgument, "expected no merge to be asked for from inside of one")
        }
        try enterManual(cancellation)
        defer {
            state.withLock { $0.isManual = false }
            startDue()
            wake()
        }
        let segments = host.mergeCandidates()
        guard let ids = policy.forced(segments, to: count) else { return }
        let merge = Running(segments.filter { ids.contains($0.id) }, MergeControl(cancellation))
        try state.withLock { (state) throws(GranaryError) in
            try checkSpace(merge, beside: state)
            state.running.append(merge)
            if state.isShutDown { merge.control.cancel() }
        }
        if let failure = merge.control.run({ attempt(merge) }) { throw failure }
    }

    /// Waits until no other merge runs, and keeps others from starting.
    private func enterManual(_ cancellation: Cancellation?) throws(GranaryError) {
        while true {
            try cancellation?.check()
            let hasEntered = try state.withLock { (state) throws(GranaryError) -> Bool in
                if state.isShutDown {
                    throw state.poison ?? GranaryError(.cancelled, "the merge was cancelled")
                }
                // Paused ones would never end: they give way.
                if state.isPaused, !state.isManual {
                    for merge in state.running { merge.control.cancel() }
                }
                if state.isIdle {
                    state.isManual = true
                    return true
                }
                return false
            }
            if hasEntered { return }
            wait(milliseconds: 100)
        }
    }
}
