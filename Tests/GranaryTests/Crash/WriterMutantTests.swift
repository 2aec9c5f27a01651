import Foundation
@testable import Granary
import GranaryStorage
import TestSupport
import Testing

extension WriterMutant: CustomTestStringConvertible {
    /// How it is found out.
    private enum Detection {
        /// By what the script sees, or a crash leaves.
        case script(String)
        /// By what is left when such calls fail.
        case faults(String, Set<FaultyFileSystem.Kind>, FaultyFileSystem.Effect)
    }

    var testDescription: String { "\(self)" }

    private var detection: Detection {
        switch self {
        case .batchLostAtFailedFlush: .faults("updates and replacements", [.create, .write], .fail(ENOSPC))
        case .sealedDeletesLost: .script("changes during a commit")
        case .memoryListedUnwritten: .script("refreshed, then committed")
        case .laterDeletesPublished: .script("changes during a commit")
        case .tombstonesTrustedUnpublished: .script("prepared and aborted")
        case .durableBeforePublication: .script("prepared and aborted")
        case .deletesKeptAtRollback: .script("rollback")
        case .committedDeletesDropped: .script("a commit during a merge")
        case .pendingDeletesDropped: .script("deletes and updates during a merge")
        case .segmentsListedStale: .script("a commit during a merge")
        case .inputsRemovedEarly: .script("merge")
        case .outputRemovedInDoubt:
            .faults("a merge in two steps", [.rename, .syncDirectory], .failAfterwards(EIO))
        case .attachedBeforeCopied: .faults("an attachment", [.link], .fail(ENOSPC))
        case .detachedBeforeCopied: .script("detach")
        }
    }

    /// What gives it away; nil when nothing does.
    ///
    /// - Parameter isMade: whether the mistake is made at all.
    func evidence(isMade: Bool = true) throws -> String? {
        switch detection {
        case .script(let name):
            let script = try #require(CrashScript.all.first { $0.name == name })
            return script.evidence(of: isMade ? self : nil, most: isMade ? 4000 : 50)
        case .faults(let name, let kinds, let effect):
            let script = try #require(FaultScript.all.first { $0.script.name == name })
            let trials = try FaultBeginning(script, mutant: isMade ? self : nil).trials()
            for trial in trials where kinds.contains(trial.kind) && trial.effect == effect {
                if let violation = try trial.run().violations.first { return "\(trial): \(violation)" }
            }
            return nil
        }
    }
}

extension CrashScript {
    /// The same with a writer that makes a mistake, and notes what it says to be durable.
    func making(_ mutant: WriterMutant?) -> CrashScript {
        let noteDurable: Step = { life in
            guard let writer = try? life.writer() else { return }
            life.recording?.note("durable", writer.durableSequence)
        }
        return CrashScript(
            name, least: least, after: [Steps.options { $0.mutant = mutant }] + before,
            steps.flatMap { [$0, noteDurable] })
    }

    /// What gives a mistake of the writer away.
    ///
    /// - Parameter most: about so many states after a crash are looked at.
    func evidence(of mutant: WriterMutant?, most: Int) -> String? {
        do {
            let life = try making(mutant).run()
            if let mistake = life.mistakes.first { return mistake }
            if let failure = life.changes.failure { return "\(failure)" }
            if let violation = life.durabilityViolation() { return violation }
            return life.examine(most: most, limit: 1).violations.first
        } catch {
            return "\(error)"
        }
    }
}

extension IndexLife {
    /// A crash after which an operation is gone that was said to be durable.
    func durabilityViolation() -> String? {
        var found: String?
        var options = CrashImageOptions.few
        options.firstOperation = firstImage
        _ = recording?.forEachCrashImage(options) { image in
            guard found == nil, let durable = image.notes["durable"] else { return }
            let manifest = try? IndexDirectory.latestManifest(
                fileSystem: image.fileSystem(), path: Self.path)
            if let next = manifest?.nextSequence, next >= durable { return }
            found = "\(durable) was durable, after operation \(image.operation) \(manifest as Any) is"
        }
        return found
    }
}

/// Mistakes in the order of what is asked of the disk, under a whole index.
enum DiskMutant: String, CaseIterable, CustomTestStringConvertible {
    case nothingSynced, acknowledgedBeforeDurable, tombstonesUnsynced

    var testDescription: String { rawValue }

    var script: String {
        switch self {
        case .nothingSynced, .acknowledgedBeforeDurable: "updates and replacements"
        case .tombstonesUnsynced: "deletes only"
        }
    }

    var rule: FaultyFileSystem.Rule {
        { [self] call in
            let isSync = call.kind == .sync || call.kind == .syncDirectory
            let isPublication =
                call.kind == .syncDirectory && call.previousChange == .rename && call.previous != .lock
            switch self {
            case .nothingSynced: return isSync ? .skip : nil
            case .acknowledgedBeforeDurable: return isPublication ? .postpone(until: .create) : nil
            case .tombstonesUnsynced: return isSync && call.path.hasSuffix(".dead") ? .skip : nil
            }
        }
    }
}

@Suite("A writer that gets the order wrong")
struct WriterMutantTests {
    @Test("is found out", arguments: WriterMutant.allCases)
    func isCaught(_ mutant: WriterMutant) throws {
        #expect(try mutant.evidence() != nil)
    }

    @Test("is told from one that gets it right", arguments: WriterMutant.allCases)
    func isToldApart(_ mutant: WriterMutant) throws {
        #expect(try mutant.evidence(isMade: false) == nil)
    }

    @Test("is found out by what a crash leaves", arguments: DiskMutant.allCases)
    func isCaughtOnDisk(_ mutant: DiskMutant) throws {
        let script = try #require(CrashScript.all.first { $0.name == mutant.script })
        let life = try script.run(rule: mutant.rule)
        #expect(life.examine(most: 4000, limit: 1).violations.count == 1)
    }
}

@Suite("What a writer says to be durable")
struct DurabilityTests {
    @Test("is there after a crash at any moment", arguments: CrashScript.all)
    func isThere(_ script: CrashScript) throws {
        let life = try script.making(nil).run()
        #expect(life.durabilityViolation() == nil)
    }
}
