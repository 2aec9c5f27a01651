/// Reports how far a build has come, and stops it when it is cancelled.
struct BuildProgress: Sendable {
    var handler: (@Sendable (Progress) -> Void)?
    var cancellation: Cancellation?

    /// - Throws: `cancelled`.
    func report(_ phase: Progress.Phase, _ done: UInt64, _ total: UInt64?) throws(GranaryError) {
        try cancellation?.check()
        handler?(Progress(phase: phase, done: done, total: total))
    }
}
