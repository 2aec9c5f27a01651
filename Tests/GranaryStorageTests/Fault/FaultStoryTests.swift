import GranaryStorage
import Synchronization
import TestSupport
import Testing

@Suite("When a call of a story fails")
struct FaultStoryTests {
    /// An index with two segments and a few generations, as a process has left it.
    private static func prepared(_ story: FaultStory) throws -> CrashWorkload {
        let work = CrashWorkload(seed: 3)
        try work.create()
        try work.add(2)
        try work.delete(from: [0])
        try story.prepare(work)
        work.kill()
        return work
    }

    private static func start(_ story: FaultStory, _ prepared: CrashWorkload) throws -> CrashWorkload {
        let work = CrashWorkload(seed: 4, from: prepared.recording.present, of: prepared)
        if !story.isOpening { try work.open() }
        return work
    }

    /// The calls of a story in which nothing fails.
    private static func calls(_ story: FaultStory, _ prepared: CrashWorkload) throws -> [FaultyFileSystem
        .Kind]
    {
        let work = try start(story, prepared)
        let kinds = Mutex<[FaultyFileSystem.Kind]>([])
        try work.failing({ call in
            kinds.withLock { $0.append(call.kind) }
            return nil
        }) { try story.run(work) }
        return kinds.withLock { $0 }
    }

    /// A fault at one call of a story.
    private struct Trial: CustomStringConvertible {
        let story: FaultStory
        let number: Int
        let fault: CallFault
        let isSticky: Bool

        var rule: FaultyFileSystem.Rule {
            FaultyFileSystem.at(number, fault.effect, isSticky: isSticky)
        }

        var description: String {
            "\(story.name): \(fault.effect) at call \(number)\(isSticky ? " and from then on" : "")"
        }
    }

    @Test(
        "it ends with a typed error or succeeds, everything is whole, and work goes on",
        arguments: FaultStory.all.indices)
    func faults(_ number: Int) throws {
        let story = FaultStory.all[number]
        let prepared = try Self.prepared(story)
        let kinds = try Self.calls(story, prepared)
        #expect(kinds.count >= 8)
        var (trials, failures) = (0, 0)
        for (position, kind) in kinds.enumerated() {
            for fault in CallFault.all where fault.kinds.contains(kind) {
                for isSticky in [false, true] {
                    trials += 1
                    let trial = Trial(
                        story: story, number: position + 1, fault: fault, isSticky: isSticky)
                    if try run(trial, prepared) { failures += 1 }
                }
            }
        }
        #expect(trials > 10 * kinds.count)
        // Calls that remove names, and those of a removal, are not waited for.
        #expect(failures > trials / 4)
    }

    /// - Returns: whether the story failed.
    private func run(_ trial: Trial, _ prepared: CrashWorkload) throws -> Bool {
        let work = try Self.start(trial.story, prepared)
        var isFailed = false
        do {
            try work.failing(trial.rule) { try trial.story.run(work) }
        } catch is GranaryError {
            isFailed = true
            if let target = trial.story.target, !trial.isSticky, case .fail = trial.fault.effect {
                let left = try? work.recording.list(target)
                #expect(left ?? [] == [], "\(trial)")
            }
        }
        // Whoever opens it now, in another process.
        #expect(work.violation() == nil, "\(trial)")
        guard work.isThere else { return isFailed }
        if let writer = work.writer, writer.poison != nil {
            #expect(codeThrown { try work.add() } == .writerPoisoned, "\(trial)")
            work.kill()
        }
        if work.writer == nil { try work.open() }
        try work.add()
        #expect(work.violation() == nil, "\(trial)")
        work.close()
        return isFailed
    }
}
