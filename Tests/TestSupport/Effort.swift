import Foundation

/// How long random tests run: `Tools/test --long` sets `GRANARY_LONG=1`.
public enum Effort {
    /// Whether the longer runs are asked for.
    public static let isLong = ProcessInfo.processInfo.environment["GRANARY_LONG"] == "1"

    /// So many rounds of a random test; fifty times as many in a long run.
    public static func rounds(_ count: Int) -> Int { isLong ? 50 * count : count }
}
