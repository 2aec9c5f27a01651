/// Reports how far a build has come, and stops it when it is cancelled.
struct BuildProgress: Sendable {
    var handler: (@Sendable (WorkProgress) -> Void)?
    var cancellation: Cancellation?
    /// Called with every report: may wait, as a paused merge does, or throw to end the work.
    var checkpoint: (@Sendable () throws(GranaryError) -> Void)?

    /// - Throws: `cancelled`.
    func report(_ phase: WorkProgress.Phase, _ done: UInt64, _ total: UInt64?) throws(GranaryError) {
        try cancellation?.check()
        try checkpoint?()
        handler?(WorkProgress(phase: phase, done: done, total: total))
    }
}
