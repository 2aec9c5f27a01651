import Foundation

/// How long random tests run: `Tools/test --long` sets `GRANARY_LONG=1`.
public enum Effort {
    /// Whether the longer runs are asked for.
    public static let isLong = ProcessInfo.processInfo.environment["GRANARY_LONG"] == "1"

    /// So many rounds of a random test; fifty times as many in a long run.
    public static func rounds(_ count: Int) -> Int { isLong ? 50 * count : count }

    /// The groups of a long run that this process takes: `GRANARY_PART=2/4` takes the third of four parts.
    public static func groups(_ count: Int) -> [Int] {
        let part = ProcessInfo.processInfo.environment["GRANARY_PART"]?.split(separator: "/").compactMap {
            Int($0)
        }
        guard let part, part.count == 2, part[1] > 0 else { return Array(0..<count) }
        return (0..<count).filter { $0 % part[1] == part[0] % part[1] }
    }
}
