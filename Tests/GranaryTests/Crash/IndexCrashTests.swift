import Granary
import GranaryStorage
import TestSupport
import Testing

/// Promises 1 and 2 for a whole index: whatever is being done when the system dies.
@Suite("An index after a crash")
struct IndexCrashTests {
    /// About so many images of each script in an ordinary run.
    private static let images = 320
    private static let seeds = 1...UInt64(Effort.isLong ? 400 : 8)

    private func expectSound(_ life: IndexLife, _ most: Int, least: Int) {
        #expect(life.mistakes == [])
        #expect(life.changes.failure == nil)
        let report = life.examine(most: most)
        #expect(report.violations == [])
        #expect(report.checked >= least)
    }

    @Test(
        "has the documents of one allowed generation, whole, and takes more", arguments: CrashScript.all)
    func images(_ script: CrashScript) throws {
        expectSound(try script.run(), Self.images, least: script.least)
    }

    @Test("is as sound whatever has been done to it", arguments: seeds)
    func random(_ seed: UInt64) throws {
        let script = CrashScript.random(seed)
        expectSound(try script.run(), 250, least: script.least)
    }

    /// So many recoveries of each script, with so many images of each at least.
    private static let (recoveries, recoveryLeast) = (Effort.isLong ? 200 : 5, 50)

    /// Scripts with a bit of everything to be recovered.
    private static let recovered = CrashScript.all.filter {
        [
            "flushed without a commit, then committed", "a commit during a merge", "attach", "detach",
            "a reserve given up",
        ].contains($0.name)
    }

    @Test("is as sound when its recovery is interrupted, too", arguments: recovered)
    func interruptedRecovery(_ script: CrashScript) throws {
        let life = try script.run()
        let model = life.model
        var options = CrashImageOptions.few
        options.firstOperation = life.firstImage
        var images: [CrashImage] = []
        _ = life.recording?.forEachCrashImage(options) { images.append($0) }
        // Evenly spread, and not always at the same place of a commit.
        var random = TestRandom(seed: UInt64(images.count))
        for number in 0..<Self.recoveries {
            let place = (number * images.count + random.int(0...images.count)) / Self.recoveries
            let image = images[min(place, images.count - 1)]
            let second = IndexLife(model, after: image, seed: 100 + UInt64(number))
            try second.open()
            try second.upsert([1, 30], 30)
            try second.commit()
            second.close()
            expectSound(second, 60, least: Self.recoveryLeast)
        }
    }

    @Test("has been looked at often enough")
    func count() {
        let scripts = CrashScript.all.reduce(0) { $0 + $1.least }
        let random = Self.seeds.reduce(0) { $0 + CrashScript.random($1).least }
        let recoveries = Self.recovered.count * Self.recoveries * Self.recoveryLeast
        #expect(CrashScript.all.count >= 20)
        #expect(Self.recovered.count == 5)
        #expect(scripts + random + recoveries >= 8000)
    }
}
