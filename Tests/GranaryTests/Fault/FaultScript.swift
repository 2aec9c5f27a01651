import Granary
import GranaryStorage
import TestSupport
import Testing

/// What is done with an index while a call of the file system fails.
struct FaultScript: Sendable, CustomTestStringConvertible {
    let script: CrashScript
    /// Indexes that are there once a step has succeeded, by the step's position.
    let targets: [Int: String]

    /// Whether it opens the index again: without knowing the generation before, an opening removes nothing.
    let isOpening: Bool

    var testDescription: String { script.name }

    init(_ script: CrashScript, targets: [Int: String] = [:], isOpening: Bool = false) {
        (self.script, self.targets, self.isOpening) = (script, targets, isOpening)
    }

    init(
        _ name: String, after before: [CrashScript.Step] = CrashScript.threeSegments,
        targets: [Int: String] = [:], isOpening: Bool = false, _ steps: [CrashScript.Step]
    ) {
        self.init(CrashScript(name, after: before, steps), targets: targets, isOpening: isOpening)
    }

    /// Lives that crashes are looked at in, too. Automatic merges have threads of their own, and no two runs
    /// with the same calls.
    private static let alsoCrashed = [
        "first commit", "updates and replacements", "deletes of many at once", "rollback",
        "rollback of what is on disk", "prepared and aborted", "prepared and committed",
        "refreshed, then committed", "flushed without a commit, then committed", "changes during a commit",
        "merge with pending changes", "deletes and updates during a merge", "a commit during a merge",
        "a merge of what all dies meanwhile",
    ]

    /// As a process leaves them that dies while it writes.
    private static let leaveFiles: CrashScript.Step = { (life) throws(GranaryError) in
        for kind in ["tmp", "blocks"] {
            let name = "\(life.fileSystem.randomIdentifier()).\(kind)"
            try life.fileSystem.create("\(IndexLife.path)/\(name)").close()
        }
    }

    private static let others = [
        FaultScript("a merge in two steps", [Steps.keep, Steps.merge(to: 2), Steps.merge()]),
        FaultScript(
            "a backup", targets: [1: "/b", 4: "/c"],
            [
                Steps.delete(4), Steps.backUp(to: "/b"), Steps.upsert(7, version: 4), Steps.commit,
                Steps.backUp(to: "/c", isVerified: true),
            ]),
        FaultScript(
            "an attachment",
            after: CrashScript.threeSegments + [
                Steps.makeOther("/e", 4, 7, version: 5), Steps.makeOther("/g", 7, 8, version: 6),
                Steps.delete(5), Steps.commit,
            ],
            [Steps.upsert(8, version: 4), Steps.attach("/e", "/g"), Steps.delete(7), Steps.commit]),
        FaultScript(
            "an attachment that is rolled back",
            after: CrashScript.threeSegments + [Steps.makeOther("/e", 4, 7, version: 5)],
            [Steps.attach("/e"), Steps.rollback, Steps.attach("/e"), Steps.upsert(3, version: 6)]),
        FaultScript(
            "a segment that leaves and comes back", targets: [1: "/f"],
            [
                Steps.upsert(9, version: 4), Steps.detach(4, 5, to: "/f"), Steps.commit, Steps.attach("/f"),
                Steps.commit,
            ]),
        FaultScript(
            "a disk with a reserve",
            after: [Steps.options { $0.reserveBytes = 3000 }] + CrashScript.threeSegments,
            [Steps.delete(1, 4), Steps.commit, Steps.upsert(7, version: 4), Steps.commit]),
        FaultScript(
            "an opening with leftovers",
            after: CrashScript.threeSegments + [leaveFiles], isOpening: true,
            [Steps.upsert(1, version: 7), Steps.open, Steps.upsert(7, version: 4), Steps.commit]),
    ]

    static let all =
        CrashScript.all.filter { alsoCrashed.contains($0.name) }.map { FaultScript($0) } + others
}
