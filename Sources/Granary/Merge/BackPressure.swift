internal import Dispatch
import GranaryStorage
import Synchronization

/// What a writer has to do about merges that are behind.
enum BackPressure: Equatable {
    case none
    case delay(milliseconds: Int)
    /// Wait until there are fewer segments.
    case block

    /// - Parameters:
    ///   - segments: segments that merges can lessen.
    ///   - budget: how many there are to be, at least 1.
    init(segments: Int, budget: Int) {
        let excess = segments - 2 * budget
        if segments > 3 * budget {
            self = .block
        } else if excess > 0 {
            self = .delay(milliseconds: min(100, 1 << min(7, excess - 1)))
        } else {
            self = .none
        }
    }
}

extension MergeScheduler {
    /// Waits for merges that are far behind: longer the more segments there are, and beyond three times what
    /// there may be until there are fewer. Never waits when no merge goes on.
    ///
    /// - Returns: how long it has waited.
    /// - Throws: `stalled` after `longest`.
    func admit(longest: Duration) throws(GranaryError) -> Duration {
        let clock = ContinuousClock()
        let start = clock.now
        while true {
            let (segments, budget) = behind()
            let pressure = BackPressure(segments: segments, budget: budget)
            if pressure == .none || !startDue() || isWithin() { return clock.now - start }
            if case .delay(let milliseconds) = pressure {
                wait(milliseconds: milliseconds)
                return clock.now - start
            }
            if clock.now - start >= longest {
                throw GranaryError(
                    .stalled,
                    "waited \(longest) for merges: \(segments) segments, expected \(3 * budget) or fewer")
            }
            wait(milliseconds: 50)
        }
    }

    /// Segments that merges can lessen, and how many there are to be.
    private func behind() -> (segments: Int, budget: Int) {
        let segments = host.mergeCandidates()
        let blocked = state.withLock { $0.failures.blocked(now: host.now()) }
        return (
            segments.count { !blocked.contains($0.id) },
            policy.options.segmentBudget ?? policy.allowed(segments)
        )
    }
}
