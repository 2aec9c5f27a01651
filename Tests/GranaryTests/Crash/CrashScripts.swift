import Foundation
import Granary
import GranaryStorage
import Synchronization
import TestSupport

extension CrashScript {
    /// An index of three segments, one of them with dead documents.
    static let threeSegments: [Step] = [
        Steps.create, Steps.upsert(1, 2, 3, version: 1), Steps.commit, Steps.upsert(4, 5, version: 2),
        Steps.commit, Steps.upsert(6, version: 3), Steps.delete(2), Steps.commit,
    ]

    /// Scripts of commits and what comes between them.
    static let commits: [CrashScript] = [
        CrashScript(
            "first commit", least: 200, after: [],
            [Steps.create, Steps.upsert(1, 2, version: 1), Steps.commit]),
        CrashScript(
            "updates and replacements",
            [
                Steps.upsert(1, 2, 3, version: 1), Steps.commit, Steps.keep, Steps.upsert(2, 4, version: 2),
                Steps.upsert(4, version: 3), Steps.commit, Steps.upsert(1, 2, version: 4), Steps.commit,
            ]),
        CrashScript(
            "deletes only", least: 100, after: threeSegments,
            [
                Steps.keep, Steps.delete(1), Steps.commit, Steps.delete(6, 7), Steps.delete(4), Steps.commit,
                Steps.delete(8), Steps.commit, Steps.delete(3), Steps.delete(5), Steps.commit,
            ]),
        CrashScript(
            "deletes of many at once", least: 250, after: threeSegments,
            [
                Steps.keep, Steps.delete(where: 1, 3, 5, 9), Steps.commit, Steps.upsert(3, version: 8),
                Steps.delete(where: 4, 6), Steps.commit,
            ]),
        CrashScript(
            "rollback", least: 200, after: threeSegments,
            [
                Steps.upsert(1, 8, version: 4), Steps.delete(4), Steps.refresh, Steps.rollback, Steps.refresh,
                Steps.upsert(9, version: 5), Steps.commit,
            ]),
        CrashScript(
            "rollback of what is on disk",
            after: threeSegments + [Steps.options { $0.segmentDocuments = 1 }, Steps.open],
            [
                Steps.upsert(1, 8, 9, version: 4), Steps.delete(6), Steps.rollback,
                Steps.upsert(9, 4, version: 5), Steps.commit,
            ]),
        CrashScript(
            "prepared and aborted", after: threeSegments,
            [
                Steps.upsert(1, 8, version: 4), Steps.delete(5), Steps.prepare, Steps.delete(8),
                Steps.abortPrepared, Steps.upsert(9, version: 5), Steps.commit,
            ]),
        CrashScript(
            "prepared and committed", after: threeSegments,
            [
                Steps.upsert(1, 8, version: 4), Steps.delete(5), Steps.prepare, Steps.delete(8),
                Steps.upsert(3, version: 5), Steps.commitPrepared, Steps.commit,
            ]),
        CrashScript(
            "refreshed, then committed", after: threeSegments,
            [
                Steps.upsert(1, 8, version: 4), Steps.refresh, Steps.upsert(8, version: 5), Steps.delete(4),
                Steps.refresh, Steps.upsert(9, version: 6), Steps.refresh, Steps.commit, Steps.refresh,
                Steps.delete(9), Steps.commit,
            ]),
        CrashScript(
            "flushed without a commit, then committed",
            after: [Steps.options { $0.segmentDocuments = 2 }, Steps.create],
            [
                Steps.upsert(1, 2, 3, version: 1), Steps.upsert(1, 4, version: 2), Steps.delete(3),
                Steps.upsert(5, 6, version: 3), Steps.commit, Steps.upsert(7, 8, 9, version: 4),
                Steps.commit,
            ]),
        CrashScript(
            "changes during a commit", after: threeSegments,
            [
                Steps.upsert(1, 8, version: 4),
                Steps.meanwhile(Steps.delete(8, 3), Steps.upsert(9, 1, version: 5)), Steps.commit,
                Steps.upsert(2, version: 6), Steps.commit,
            ]),
    ]

    /// Scripts of merges.
    static let merges: [CrashScript] = [
        CrashScript("merge", after: threeSegments, [Steps.keep, Steps.merge(to: 2), Steps.merge()]),
        CrashScript(
            "merge with pending changes", after: threeSegments,
            [
                Steps.delete(1), Steps.upsert(4, 7, version: 4), Steps.merge(), Steps.commit,
                Steps.merge(),
            ]),
        CrashScript(
            "deletes and updates during a merge", after: threeSegments,
            [
                Steps.keep, Steps.meanwhile(Steps.delete(1, 6), Steps.upsert(4, version: 4)), Steps.merge(),
                Steps.refresh, Steps.commit,
            ]),
        CrashScript(
            "a commit during a merge", after: threeSegments,
            [
                Steps.keep,
                Steps.meanwhile(
                    Steps.delete(1), Steps.upsert(4, version: 4), Steps.commit, Steps.delete(6)),
                Steps.merge(), Steps.refresh, Steps.commit,
            ]),
        CrashScript(
            "a merge of what all dies meanwhile", after: threeSegments,
            [
                Steps.meanwhile(Steps.delete(where: 1, 3, 4, 5, 6), Steps.commit), Steps.merge(),
                Steps.upsert(1, version: 5), Steps.commit,
            ]),
        CrashScript(
            "automatic merges",
            after: [
                { life in life.expectAutomaticMerges() },
                Steps.options { $0.merging = MergeOptions(threads: 1, segmentsPerTier: 2) }, Steps.create,
            ],
            [
                Steps.upsert(1, 2, version: 1), Steps.commit, Steps.upsert(3, version: 1), Steps.commit,
                Steps.waitForMerges, Steps.upsert(4, version: 2), Steps.delete(1), Steps.commit,
                Steps.waitForMerges, Steps.keep, Steps.upsert(5, 2, version: 3), Steps.commit,
                Steps.waitForMerges,
            ]),
    ]

    /// Scripts of dense vectors that come after their documents.
    static let dense: [CrashScript] = [
        CrashScript(
            "dense vectors replaced", after: [{ life in life.allowDense() }] + threeSegments,
            [
                Steps.keep, Steps.replaceDense(1, 4, 6, version: 4), Steps.commit, Steps.keep,
                Steps.upsert(1, 7, version: 5), Steps.replaceDense(1, 3, 7, 9, version: 6), Steps.refresh,
                Steps.rollback, Steps.replaceDense(1, 4, version: 7), Steps.replaceDense(4, 5, version: 8),
                Steps.commit,
            ]),
        CrashScript(
            "dense vectors replaced during a merge", after: [{ life in life.allowDense() }] + threeSegments,
            [
                Steps.replaceDense(1, 3, 4, version: 4), Steps.commit, Steps.keep,
                Steps.meanwhile(
                    Steps.replaceDense(1, 4, 6, version: 5), Steps.commit,
                    Steps.replaceDense(4, 5, version: 6), Steps.delete(3)),
                Steps.merge(), Steps.refresh, Steps.commit,
            ]),
    ]

    /// Scripts in which segments come and go, and the disk is short of room.
    static let others: [CrashScript] = [
        CrashScript(
            "backup", after: threeSegments,
            [
                Steps.backUp(to: "/b"), Steps.delete(4), Steps.commit,
                Steps.backUp(to: "/c", isVerified: true),
                Steps.merge(),
            ]),
        CrashScript(
            "attach", after: threeSegments,
            [
                Steps.makeOther("/e", 4, 7, version: 5), Steps.makeOther("/g", 7, 8, version: 6),
                Steps.upsert(8, version: 4), Steps.attach("/e", "/g"), Steps.delete(7), Steps.commit,
                Steps.merge(),
            ]),
        CrashScript(
            "attach and rollback", after: threeSegments + [Steps.makeOther("/e", 4, 7, version: 5)],
            [
                Steps.attach("/e"), Steps.rollback, Steps.attach("/e"), Steps.upsert(3, version: 6),
                Steps.prepare, Steps.abortPrepared, Steps.delete(7), Steps.commit, Steps.merge(),
            ]),
        CrashScript(
            "detach", after: threeSegments,
            [
                Steps.upsert(9, version: 4), Steps.detach(4, 5, to: "/f"), Steps.commit,
                Steps.attach("/f"), Steps.commit,
            ]),
        CrashScript(
            "a reserve given up",
            after: [Steps.options { $0.reserveBytes = 3000 }] + threeSegments,
            [
                { life in life.fileSystem.follow(Self.fullUntilReserveGoes()) }, Steps.delete(1, 4),
                Steps.commit, { life in life.fileSystem.follow(nil) }, Steps.upsert(7, version: 4),
                Steps.commit,
            ]),
    ]

    static let all = commits + merges + dense + others
}

extension CrashScript {
    /// A disk that has room for nothing until the reserve is unlinked.
    static func fullUntilReserveGoes() -> FaultyFileSystem.Rule {
        let isFull = Mutex(true)
        return { call in
            isFull.withLock { isFull in
                if call.kind == .unlink, call.path.hasSuffix("/RESERVE") { isFull = false }
                return isFull && call.kind == .write ? .failHalfway(ENOSPC) : nil
            }
        }
    }
}
