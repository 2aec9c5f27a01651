/// Reports how far a build has come, and stops it when it is cancelled.
struct BuildProgress: Sendable {
    var handler: (@Sendable (WorkProgress) -> Void)?
    var cancellation: Cancellation?

    /// - Throws: `cancelled`.
    func report(_ phase: WorkProgress.Phase, _ done: UInt64, _ total: UInt64?) throws(GranaryError) {
        try cancellation?.check()
        handler?(WorkProgress(phase: phase, done: done, total: total))
    }
}
