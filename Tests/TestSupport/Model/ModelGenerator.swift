/// Random programs: each seed has its own, with habits of its own (no deletes, many merges, …).
package enum ModelGenerator {
    /// How often each step is taken, in about 10,000. The dear ones are the rare ones.
    private static let weights: [(Int, @Sendable (inout TestRandom) -> ModelOperation)] = [
        (5200, { .upsert(id: id(&$0), version: $0.int(0...ModelDocuments.versionCount - 1)) }),
        (1500, { .delete(id: id(&$0)) }),
        (90, { random in .deleteAll(ids: (0..<random.int(0...6)).map { _ in id(&random) }) }),
        (100, { .refresh(slot: slot(&$0)) }),
        (200, { .commit(userData: userData(&$0)) }),
        (40, { .prepare(userData: userData(&$0)) }),
        (60, { _ in .publishPrepared }),
        (50, { .abortPrepared(isLetGo: $0.int(0...2) == 0) }),
        (30, { _ in .rollback }),
        (20, { _ in .reopen }),
        (20, { _ in .kill }),
        (60, { .open(slot: slot(&$0)) }),
        (900, { .search(slot: slot(&$0), query: query(&$0), k: k(&$0)) }),
        (300, { .approximate(slot: slot(&$0), query: query(&$0), k: k(&$0), tenths: $0.int(1...10)) }),
        (1100, { .lookUp(slot: slot(&$0), id: id(&$0), query: query(&$0)) }),
        (6, { .verify(slot: slot(&$0)) }),
        (60, { .release(slot: slot(&$0)) }),
        (25, { .merge(to: $0.int(1...4)) }),
        (12, { _ in .pauseMerges }),
        (20, { _ in .resumeMerges }),
        (20, { _ in .waitForMerges }),
        (8, { .backup(slot: slot(&$0), isVerified: $0.int(0...2) == 0) }),
        (10, { _ in .attachCopy }),
        (
            8,
            {
                .attach(
                    first: id(&$0), count: $0.int(1...12),
                    version: $0.int(0...ModelDocuments.versionCount - 1),
                    commits: $0.int(1...3))
            }
        ),
        (8, { .detach(segment: $0.int(0...3)) }),
        (6, { _ in .openSecondWriter }),
        // Now and then in the middle of a file.
        (12, { .fillDisk(bytes: $0.int(0...3) * $0.int(0...3000)) }),
        (20, { _ in .emptyDisk }),
    ]

    /// The program of a seed.
    package static func program(seed: UInt64, count: Int) -> [ModelOperation] {
        var random = TestRandom(seed: seed)
        // A swarm: some seeds do without some steps, and do others far more often. A full disk becomes empty.
        var parts = weights.map(\.0)
        for place in parts.indices.dropFirst().dropLast() {
            switch random.int(0...9) {
            case 0, 1: parts[place] = 0
            case 2 where parts[place] < 100: parts[place] *= 3
            default: break
            }
        }
        let total = parts.reduce(0, +)
        return (0..<count).map { _ in
            var left = random.int(0...total - 1)
            for (place, part) in parts.enumerated() {
                if left < part { return weights[place].1(&random) }
                left -= part
            }
            return .commit(userData: nil)
        }
    }

    /// Some ids far more often than others.
    private static func id(_ random: inout TestRandom) -> Int {
        let share = random.float(0...1)
        return min(ModelDocuments.idCount - 1, Int(share * share * Float(ModelDocuments.idCount)))
    }

    private static func query(_ random: inout TestRandom) -> Int { random.int(0...ModelDocuments.lastQuery) }
    private static func slot(_ random: inout TestRandom) -> Int { random.int(0...2) }
    private static func k(_ random: inout TestRandom) -> Int { random.int(1...ModelDocuments.idCount + 5) }

    private static func userData(_ random: inout TestRandom) -> UInt8? {
        random.int(0...1) == 0 ? nil : UInt8(random.int(0...255))
    }
}
