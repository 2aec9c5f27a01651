import Granary
import GranaryStorage
import TestSupport

extension CrashScript {
    /// A script made up from a seed.
    static func random(_ seed: UInt64) -> CrashScript {
        var maker = RandomSteps(seed: seed)
        var steps = [Steps.upsert(1, 2, 3, version: 1), Steps.commit]
        for _ in 0..<24 { steps += maker.next() }
        steps.append(Steps.commit)
        return CrashScript("random \(seed)", least: 200, after: [maker.options, Steps.create], steps)
    }
}

/// Makes steps that go together.
private struct RandomSteps {
    private var random: TestRandom
    private var version: UInt64 = 1
    /// Indexes made beside this one.
    private var others = 0
    private let hasTinySegments: Bool

    init(seed: UInt64) {
        random = TestRandom(seed: seed)
        hasTinySegments = random.int(0...2) == 0
    }

    var options: CrashScript.Step {
        let (documents, reserve) = (hasTinySegments ? 2 : 1 << 30, hasTinySegments ? 2000 : 0)
        return Steps.options { options in
            (options.segmentDocuments, options.reserveBytes) = (documents, reserve)
        }
    }

    private mutating func number() -> UInt64 { UInt64(random.int(1...9)) }

    private mutating func change() -> CrashScript.Step {
        version += 1
        switch random.int(0...5) {
        case 0...2: return Steps.upsert(number(), number(), version: version)
        case 3...4: return Steps.delete(number())
        default: return Steps.delete(where: number(), number(), number())
        }
    }

    /// What may be done from inside a flush, which may not wait for another one.
    private mutating func changeInside() -> CrashScript.Step {
        hasTinySegments ? Steps.delete(number()) : change()
    }

    /// One step, or some that belong together.
    mutating func next() -> [CrashScript.Step] {
        switch random.int(0...20) {
        case 0...7: return [change(), change()]
        case 8...11: return [Steps.commit]
        case 12: return [Steps.refresh]
        case 13: return [Steps.merge(to: random.int(1...2))]
        case 14: return [Steps.meanwhile(changeInside(), changeInside()), Steps.merge()]
        case 15: return [Steps.meanwhile(changeInside()), change(), Steps.commit]
        case 16: return [Steps.rollback]
        case 17:
            let end = random.int(0...1) == 0 ? Steps.abortPrepared : Steps.commitPrepared
            return [change(), Steps.prepare, changeInside(), end]
        case 18: return [Steps.open, Steps.keep]
        case 19:
            others += 1
            let path = "/other\(others)"
            guard random.int(0...1) == 0 else { return [Steps.backUp(to: path)] }
            return [Steps.makeOther(path, number(), 20, version: version), Steps.attach(path)]
        default:
            others += 1
            return [Steps.detachOldest(to: "/other\(others)")]
        }
    }
}
