import Granary
import GranaryStorage
import TestSupport
import Testing

/// Promises 2 and 6 for a whole index: whatever call fails, an operation succeeds or says why it did not,
/// and what was acknowledged stays.
@Suite("When a call fails under an index")
struct IndexFaultTests {
    /// So many faults of each script in an ordinary run; all in a long one.
    private static let most = 40

    @Test(
        "it throws or succeeds, one allowed generation is there, whole, and work goes on",
        arguments: FaultScript.all)
    func faults(_ script: FaultScript) throws {
        let all = try FaultBeginning(script).trials()
        var random = TestRandom(seed: UInt64(all.count))
        let count = Effort.isLong ? all.count : min(Self.most, all.count)
        var failed = 0
        for number in 0..<count {
            // One of each stretch, not always at the same place of it.
            let place = Effort.isLong ? number : (number * all.count + random.int(0...all.count - 1)) / count
            let trial = all[place]
            let (violations, failures) = try trial.run()
            #expect(violations == [], "\(trial): \(failures)")
            if !failures.isEmpty { failed += 1 }
        }
        #expect(all.count > 300)
        // Calls that remove names are not waited for.
        #expect(failed > count / 3, "\(failed) of \(count)")
    }
}
