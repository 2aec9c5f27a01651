import GranaryStorage

/// Which segments no merge is to touch for now because merges of them have failed: for longer after each
/// failure, and for good once their bytes are known to be damaged.
///
/// Kept by segment rather than by merge: each commit makes the policy ask for another set.
struct MergeFailures: Sendable {
    private struct Record: Sendable {
        var count = 0
        var damageCount = 0
        /// In the host's time.
        var notBefore: UInt64 = 0
    }
    private var records: [UInt64: Record] = [:]
    /// Failures with damage after which no merge touches a segment again.
    private static let damageTries = 3
    /// The longest wait.
    private static let longest: UInt64 = 600 * 1_000_000_000

    /// Notes that a merge of some segments has failed.
    mutating func note(_ error: GranaryError, of ids: Set<UInt64>, now: UInt64) {
        let isDamage = [.corrupt, .truncated, .checksumMismatch, .wrongFile].contains(error.code)
        for id in ids {
            var record = records[id] ?? Record()
            record.count += 1
            if isDamage { record.damageCount += 1 }
            // 1 s, 2 s, 4 s, … 10 minutes.
            record.notBefore =
                now + min(Self.longest, (1 << UInt64(min(10, record.count - 1))) * 1_000_000_000)
            records[id] = record
        }
    }

    /// Forgets all but some segments: those that are still there.
    mutating func keep(_ ids: Set<UInt64>) { records = records.filter { ids.contains($0.key) } }

    /// Segments that wait for another try, or for none.
    func blocked(now: UInt64) -> Set<UInt64> {
        // A clock that was set back makes nobody wait longer.
        ids { record in
            record.damageCount >= Self.damageTries
                || (now < record.notBefore && record.notBefore - now <= Self.longest)
        }
    }

    /// Segments with damage.
    var quarantined: Set<UInt64> { ids { $0.damageCount >= Self.damageTries } }

    /// Whether no merge of a segment that is still there has failed.
    var isEmpty: Bool { records.isEmpty }

    private func ids(where condition: (Record) -> Bool) -> Set<UInt64> {
        Set(records.filter { condition($0.value) }.keys)
    }
}
