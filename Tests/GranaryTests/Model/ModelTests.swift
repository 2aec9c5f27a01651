import Granary
import TestSupport
import Testing

/// Random programs of all operations against a dictionary and brute force.
@Suite struct ModelTests {
    /// Steps of a program: so many that a failure is found again in moments.
    static let steps = 2000
    /// Programs of a group; groups run side by side.
    static let programs = Effort.isLong ? 500 : 5

    // Not yet bounded in time: only in long runs.
    @Test(.enabled(if: Effort.isLong), arguments: 0..<20)
    func aLiveIndexIsWhatItsModelSays(group: Int) {
        for number in 0..<Self.programs {
            let seed = UInt64(group * Self.programs + number)
            if let failure = Self.failure(seed: seed) {
                Issue.record("\(failure)")
                return
            }
        }
    }

    /// What is wrong with the program of a seed, made short; nil when nothing is.
    static func failure(seed: UInt64) -> ShortFailure? {
        let program = ModelGenerator.program(seed: seed, count: steps)
        return ShortFailure(seed: seed, program, ModelSetup(seed: seed))
    }

    /// A mistake, and a bound for the program that shows it.
    @Test(
        .enabled(if: Effort.isLong),
        arguments: [
            (ModelMistake.replacingKeepsThePlace, 4), (.rollbackForgetsDeletes, 5),
            (.publishesWhatCameLater, 4),
        ])
    func aMistakeIsFoundAndItsProgramMadeShort(mistake: ModelMistake, longest: Int) throws {
        for seed in UInt64(1)...20 {
            var setup = ModelSetup()
            setup.mistake = mistake
            let program = ModelGenerator.program(seed: seed, count: 300)
            guard let failure = ShortFailure(seed: seed, program, setup) else { continue }
            #expect(failure.program.count <= longest, "\(failure)")
            #expect(throws: ModelFailure.self) { try ModelRun.run(failure.program, setup) }
            setup.mistake = nil
            try ModelRun.run(failure.program, setup)
            return
        }
        Issue.record("no program shows \(mistake)")
    }
}

/// A program that fails, made as short as possible.
struct ShortFailure: CustomStringConvertible {
    let seed: UInt64
    let program: [ModelOperation]
    let setup: ModelSetup
    /// What the program shows.
    let failure: String

    /// Nil when the program does not fail.
    init?(seed: UInt64, _ program: [ModelOperation], _ setup: ModelSetup) {
        guard let first = Self.failure(program, setup) else { return nil }
        var setup = setup
        let shrinker = Shrinker<ModelOperation>(attempts: 1500, simpler: \.simpler)
        let short = shrinker.minimal(program) { Self.failure($0, setup) != nil }
        while let simpler = setup.simpler.first(where: { Self.failure(short, $0) != nil }) { setup = simpler }
        (self.seed, self.program, self.setup) = (seed, short, setup)
        // One that comes and goes, as with merges in the background, may be gone now.
        failure = Self.failure(short, setup) ?? "only sometimes, at first: \(first)"
    }

    private static func failure(_ program: [ModelOperation], _ setup: ModelSetup) -> String? {
        do {
            try ModelRun.run(program, setup)
            return nil
        } catch {
            return "\(error)"
        }
    }

    var description: String {
        let steps = program.map { "    .\($0)," }.joined(separator: "\n")
        return "seed \(seed): \(failure)\n\(setup)\n[\n\(steps)\n]"
    }
}
