import Foundation
package import Granary
import Synchronization

/// One line on standard error that shows phase, share, rate and remaining time; nothing when that is no
/// terminal.
package final class ProgressBar: Sendable {
    private struct State {
        var phase: WorkProgress.Phase?
        var phaseStart = ContinuousClock.now
        var drawn = ContinuousClock.now - .seconds(1)
        var isVisible = false
    }

    private let state = Mutex(State())
    private let isEnabled: Bool

    /// - Parameter isEnabled: nil asks whether standard error is a terminal.
    package init(isEnabled: Bool? = nil) {
        self.isEnabled = isEnabled ?? (isatty(FileHandle.standardError.fileDescriptor) == 1)
    }

    deinit { finish() }

    /// Shows how far the work is; at most ten times a second.
    ///
    /// - Parameter fraction: the share done, where it is known better than from `progress`.
    package func report(_ progress: WorkProgress, fraction: Double? = nil) {
        guard isEnabled else { return }
        let now = ContinuousClock.now
        let line: String? = state.withLock { state in
            if state.phase != progress.phase {
                state.phase = progress.phase
                state.phaseStart = now
            } else if now - state.drawn < .milliseconds(100) {
                return nil
            }
            state.drawn = now
            state.isVisible = true
            return Self.line(progress, fraction: fraction, elapsed: Self.seconds(now - state.phaseStart))
        }
        if let line { Messages.write("\r\u{1B}[K" + line) }
    }

    /// Clears the line.
    package func finish() {
        let wasVisible = state.withLock { state in
            defer { state.isVisible = false }
            return state.isVisible
        }
        if wasVisible { Messages.write("\r\u{1B}[K") }
    }

    /// The text of the line.
    package static func line(_ progress: WorkProgress, fraction: Double?, elapsed: Double) -> String {
        var share = fraction
        if share == nil, let total = progress.total, total > 0 {
            share = Double(progress.done) / Double(total)
        }
        var line = progress.phase.rawValue.padding(toLength: 12, withPad: " ", startingAt: 0)
        if let share {
            let filled = Int((min(1, max(0, share)) * 24).rounded(.down))
            let bar = String(repeating: "#", count: filled).padding(toLength: 24, withPad: ".", startingAt: 0)
            line += "[\(bar)]"
            line += String(format: " %3.0f%%", min(1, max(0, share)) * 100)
        }
        line += "  \(progress.done)"
        if let total = progress.total { line += " of \(total)" }
        line += " \(unit(progress.phase))"
        if elapsed > 0.5 {
            line += "  \(short(Double(progress.done) / elapsed))/s"
            if let share, share > 0, share < 1 { line += "  \(clock(elapsed * (1 - share) / share)) left" }
        }
        return line
    }

    private static func unit(_ phase: WorkProgress.Phase) -> String {
        switch phase {
        case .reading, .numbering, .inverting, .writing: "documents"
        case .clustering: "postings"
        case .calibrating: "queries"
        case .committing: "files"
        case .transposing, .verifying, .copying: "bytes"
        }
    }

    private static func short(_ rate: Double) -> String {
        switch rate {
        case 1e9...: String(format: "%.1fG", rate / 1e9)
        case 1e6...: String(format: "%.1fM", rate / 1e6)
        case 1e3...: String(format: "%.1fk", rate / 1e3)
        default: String(format: "%.0f", rate)
        }
    }

    private static func clock(_ seconds: Double) -> String {
        let whole = Int(min(seconds, 359_999).rounded(.up))
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        return hours > 0
            ? String(format: "%d:%02d:%02d", hours, minutes, whole % 60)
            : String(format: "%d:%02d", minutes, whole % 60)
    }

    private static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }
}
