@testable import Granary
import GranaryStorage
import Synchronization
import TestSupport

/// An index before a script: what is on the disk, and what is known of it.
struct FaultBeginning: Sendable {
    let script: FaultScript
    private let model: IndexModel
    private let entries: [String: MemoryFileSystem.Entry]
    private let options: WriterOptions

    /// - Parameter mutant: a mistake that the writer makes from now on.
    init(_ script: FaultScript, mutant: WriterMutant? = nil) throws {
        self.script = script
        let life = try script.script.beginning()
        life.setOptions { $0.mutant = mutant }
        life.close()
        (model, options) = life.state.withLock { ($0.model, $0.options) }
        entries = life.recording?.present.entries ?? [:]
    }

    /// A life that begins here, with the index in hand.
    func life() throws(GranaryError) -> IndexLife {
        let life = IndexLife(model, from: entries, isRecorded: false, seed: 9)
        life.setOptions { $0 = options }
        if !script.script.before.isEmpty { try life.open() }
        return life
    }

    /// The calls of the script when nothing fails.
    func calls() throws -> [FaultyFileSystem.Kind] {
        let life = try life()
        let kinds = Mutex<[FaultyFileSystem.Kind]>([])
        life.fileSystem.follow { call in
            kinds.withLock { $0.append(call.kind) }
            return nil
        }
        for step in script.script.steps { try step(life) }
        return kinds.withLock { $0 }
    }

    /// Every fault at every call.
    func trials() throws -> [FaultTrial] {
        var trials: [FaultTrial] = []
        for (position, kind) in try calls().enumerated() {
            for fault in CallFault.all where fault.kinds.contains(kind) {
                for isSticky in [false, true] {
                    trials.append(
                        FaultTrial(
                            beginning: self, number: position + 1, kind: kind, effect: fault.effect,
                            isSticky: isSticky))
                }
            }
        }
        return trials
    }
}

/// A fault at one call of a script.
struct FaultTrial: Sendable, CustomStringConvertible {
    let beginning: FaultBeginning
    /// The call, from 1.
    let number: Int
    let kind: FaultyFileSystem.Kind
    let effect: FaultyFileSystem.Effect
    /// Whether all further calls fail too.
    let isSticky: Bool

    var description: String {
        "\(beginning.script.script.name): \(effect) at call \(number) (\(kind))\(isSticky ? " and from then on" : "")"
    }

    /// Lives through the script, then looks at what is left.
    ///
    /// - Returns: what is wrong, and how many steps failed.
    func run() throws(GranaryError) -> (violations: [String], failures: [GranaryError]) {
        let life = try beginning.life()
        let mayLeaveFiles = isSticky || kind == .unlink || beginning.script.isOpening
        let aftermath = FaultAftermath(life, mayLeaveFiles: mayLeaveFiles)
        life.fileSystem.follow(FaultyFileSystem.at(number, effect, isSticky: isSticky))
        var failures: [GranaryError] = []
        var made: [String] = []
        for (position, step) in beginning.script.script.steps.enumerated() {
            do throws(GranaryError) {
                try step(life)
                if let path = beginning.script.targets[position] { made.append(path) }
            } catch {
                failures.append(error)
                // What was to be done in the middle of it is not done at all.
                life.changes.arm {}
            }
            // Readers may see what the model does not know of.
            let all = failures + [life.changes.failure].compactMap { $0 }
            if all.contains(where: { $0.code == .commitUncertain }) { break }
        }
        life.fileSystem.follow(nil)
        life.changes.arm {}
        life.abortPrepared()
        if let failure = life.changes.failure { failures.append(failure) }
        do throws(GranaryError) {
            try aftermath.look(after: failures, made: made)
        } catch {
            life.mistaken("no work goes on: \(error)")
        }
        return (life.mistakes, failures)
    }
}
