import GranaryStorage
import TestSupport
import Testing

@Suite("After a crash")
struct CrashImageTests {
    @Test(
        "every image of a story opens at an allowed generation, whole, and works on",
        arguments: CrashScript.all.indices)
    func stories(_ number: Int) throws {
        let script = CrashScript.all[number]
        let work = CrashWorkload(seed: 1000 + UInt64(number))
        try script.run(work)
        var options = CrashImageOptions()
        options.seed = UInt64(number)
        let (found, images) = work.violations(options, nested: 2)
        #expect(found == [], "\(script.name)")
        #expect(images >= script.minimum, "\(script.name)")
    }

    /// Seeds of random work.
    private static let seeds: UInt64 = Effort.isLong ? 1200 : 12
    /// Images that they make at least.
    private static let minimum = Effort.isLong ? 2_000_000 : 12_000

    @Test("every image of random work opens at an allowed generation, whole, and works on")
    func random() async throws {
        let images = try await withThrowingTaskGroup(of: Int.self) { group in
            for seed in 0..<Self.seeds {
                group.addTask {
                    let work = try RandomWorkload.record(seed: seed, steps: 8)
                    var options = CrashImageOptions()
                    options.seed = seed
                    if !Effort.isLong { (options.exhaustiveEffects, options.samples) = (5, 8) }
                    let (found, images) = work.violations(options, nested: 1)
                    #expect(found == [], "seed \(seed)")
                    return images
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(images >= Self.minimum)
    }

    @Test("there are many images")
    func total() {
        #expect(CrashScript.all.count >= 30)
        #expect(Set(CrashScript.all.map(\.name)).count == CrashScript.all.count)
        #expect(CrashScript.all.reduce(0) { $0 + $1.minimum } + Self.minimum >= 45_000)
    }
}
