import GranaryStorage
import TestSupport
import Testing

@testable import Granary

/// Which segments are merged.
@Suite struct MergePolicyTests {
    private let policy = MergePolicy(options: MergeOptions())

    /// Segments of so many live megabytes and so many dead documents of 1000, numbered from 1.
    private func segments(_ sizes: [Double], dead: [Int: Int] = [:]) -> [MergeCandidate] {
        sizes.enumerated().map { position, size in
            let dead = dead[position] ?? 0
            let bytes = size * 1_048_576 * 1000 / Double(max(1, 1000 - dead))
            return MergeCandidate(id: UInt64(position + 1), bytes: UInt64(bytes), documents: 1000, dead: dead)
        }
    }

    private func merges(_ segments: [MergeCandidate], busy: Set<UInt64> = []) -> [[UInt64]] {
        policy.merges(segments, busy: busy).map { $0.sorted() }
    }

    // MARK: Tiers

    @Test func leavesATierOfSegmentsAlone() {
        #expect(merges([]) == [])
        #expect(merges(segments([20])) == [])
        #expect(merges(segments(.init(repeating: 20, count: 8))) == [])
        #expect(merges(segments(.init(repeating: 20, count: 12))).map(\.count) == [8])
    }

    @Test func allowsATierOfEachSize() {
        #expect(policy.allowed([]) == 8)
        #expect(policy.allowed(segments([1000])) == 15)
        // 8 of 16 MB, 8 of 128 MB, 7 of 1 GB, 1 too large for another merge.
        #expect(policy.allowed(segments([128, 1024, 2048, 2048, 2000, 1000, 3000])) == 8 + 8 + 7 + 1)
    }

    @Test func mergesAnyNumberOfSegmentsBelowTheFloor() {
        #expect(merges(segments(.init(repeating: 0.1, count: 100))) == [Array(1...100)])
        let two = merges(segments(.init(repeating: 1, count: 100)))
        #expect(two.first?.count == 17)
    }

    @Test func writesNoLargeSegmentForTheSakeOfSmallOnes() {
        let sizes = [2000] + [Double](repeating: 0.01, count: 60)
        let due = merges(segments(sizes))
        #expect(!due.isEmpty && !due.contains { $0.contains(1) })
    }

    @Test func prefersTheSmallerAndTheDeaderOfTwoMerges() {
        let sizes = [Double](repeating: 700, count: 40) + [Double](repeating: 20, count: 20)
        #expect(merges(segments(sizes)).first.map { Set($0).isSubset(of: 41...60) } == true)
        let equal = [Double](repeating: 20, count: 16)
        let dead = Dictionary(uniqueKeysWithValues: (8..<16).map { ($0, 150) })
        // Those with dead documents have the larger files, and are as large as the others otherwise.
        #expect(merges(segments(equal, dead: dead)).first == Array(9...16))
    }

    @Test func keepsBelowTheCeiling() {
        let sizes = [Double](repeating: 2000, count: 60)
        let all = segments(sizes)
        let due = merges(all)
        #expect(!due.isEmpty)
        for merge in due {
            let bytes = all.filter { merge.contains($0.id) }.reduce(0) { $0 + $1.liveBytes }
            #expect(bytes <= policy.options.ceilingBytes)
        }
        // Segments over half the ceiling are finished, and make no others be merged in their stead.
        let finished = [Double](repeating: 3000, count: 60) + [20, 20, 20]
        #expect(merges(segments(finished)) == [])
    }

    @Test func leavesBusySegmentsAloneAndStillCountsThem() {
        let all = segments(.init(repeating: 20, count: 24))
        let due = merges(all)
        #expect(due.count == 2 && Set(due[0]).isDisjoint(with: due[1]))
        let rest = merges(all, busy: Set(due[0]))
        #expect(rest == [due[1]])
        #expect(merges(all, busy: Set(due.joined())) == [])
    }

    // MARK: Dead documents

    @Test func rewritesAloneWhatIsMostlyDead() {
        #expect(merges(segments([300, 300, 300], dead: [1: 500])) == [[2]])
        #expect(merges(segments([300, 300, 300], dead: [1: 300])) == [])
        #expect(merges(segments([300, 300, 300], dead: [0: 220, 1: 220, 2: 220])).first == [1])
        // However large it is.
        #expect(merges(segments([4900, 100], dead: [0: 300])) == [[1]])
        #expect(merges(segments([4900, 100], dead: [0: 200])) == [])
    }

    @Test func leavesWhatIsWhollyDeadToTheNextCommit() {
        #expect(merges(segments([0, 20], dead: [0: 1000])) == [])
    }

    // MARK: By hand and at rest

    @Test func aForcedMergeTakesTheSmallest() {
        let all = segments([5000, 1, 300, 2])
        #expect(policy.forced(all, to: 4) == nil)
        #expect(policy.forced(all, to: 3) == [2, 4])
        #expect(policy.forced(all, to: 2) == [2, 4, 3])
        #expect(policy.forced(all, to: 1) == [2, 4, 3, 1])
        #expect(policy.forced([], to: 1) == nil)
        #expect(policy.forced(segments([5]), to: 1) == nil)
        #expect(policy.forced(segments([5], dead: [0: 1]), to: 1) == [1])
        #expect(policy.forced(segments([5, 5], dead: [0: 1]), to: 2) == nil)
    }

    @Test func anIndexAtRestBecomesOneSegmentAndASmallOne() {
        #expect(policy.atRest([], busy: []) == nil)
        #expect(policy.atRest(segments([10]), busy: []) == nil)
        #expect(policy.atRest(segments([1000, 50]), busy: []) == nil)
        #expect(policy.atRest(segments([1000, 50, 40]), busy: []) == [2, 3])
        #expect(policy.atRest(segments([1000, 100, 20]), busy: []) == [1, 2, 3])
        #expect(policy.atRest(segments([1000, 100, 20]), busy: [1, 2]) == nil)
        // Beyond the ceiling the rest only.
        #expect(policy.atRest(segments([4000, 1000, 500]), busy: []) == [2, 3])
        #expect(policy.atRest(segments([4000, 4000, 2000]), busy: []) == nil)
    }

    // MARK: Options

    @Test func optionsHaveRanges() {
        func code(_ change: (inout MergeOptions) -> Void) -> GranaryError.Code? {
            var options = MergeOptions()
            change(&options)
            return errorCode { try options.validate() }
        }
        #expect(code { _ in } == nil)
        let bad: [(inout MergeOptions) -> Void] = [
            { $0.threads = 0 }, { $0.threads = 1025 }, { $0.segmentsPerTier = 1 },
            { $0.segmentsPerTier = 65 }, { $0.floorBytes = 0 }, { $0.ceilingBytes = $0.floorBytes - 1 },
            { $0.largestDeletedShare = 0 }, { $0.largestDeletedShare = 1.01 },
            { $0.largestDeletedShare = .nan }, { $0.segmentBudget = 0 },
        ]
        for change in bad { #expect(code(change) == .invalidArgument) }
        let good: [(inout MergeOptions) -> Void] = [
            { $0.threads = 1 }, { $0.segmentsPerTier = 2 }, { $0.ceilingBytes = $0.floorBytes },
            { $0.largestDeletedShare = 1 }, { $0.segmentBudget = 1 },
        ]
        for change in good { #expect(code(change) == nil) }
        #expect(MergeOptions().threads == max(1, min(4, Parallel.coreCount / 2)))
    }
}
