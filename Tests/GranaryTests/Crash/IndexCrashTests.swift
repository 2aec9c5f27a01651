import Granary
import GranaryStorage
import TestSupport
import Testing

/// Promises 1 and 2 for a whole index: whatever is being done when the system dies.
@Suite("An index after a crash")
struct IndexCrashTests {
    /// About so many images of each script in an ordinary run.
    private static let images = 400

    @Test(
        "has the documents of one allowed generation, whole, and takes more", arguments: CrashScript.all)
    func images(_ script: CrashScript) throws {
        let life = try script.run()
        #expect(life.mistakes == [])
        #expect(life.changes.failure == nil)
        let clock = ContinuousClock()
        let start = clock.now
        let report = life.examine(most: Self.images)
        print("IMAGES", script.name, report.images, report.checked, clock.now - start)
        #expect(report.violations == [])
        #expect(report.checked >= 100)
    }
}
