import Foundation
import GranaryStorage
import Testing

/// A story to be recorded, and how many distinct images it makes at least.
struct CrashScript: Sendable, CustomTestStringConvertible {
    let name: String
    let minimum: Int
    let run: @Sendable (CrashWorkload) throws -> Void

    init(_ name: String, _ minimum: Int, _ run: @escaping @Sendable (CrashWorkload) throws -> Void) {
        self.name = name
        self.minimum = minimum
        self.run = run
    }

    var testDescription: String { name }

    static let all = commits + recoveries + failures + transfers

    /// Commits that go well.
    static let commits = [
        CrashScript("the first commit", 350) { work in
            try work.create()
            try work.add()
        },
        CrashScript("several commits", 1050) { work in
            try work.create()
            for count in [1, 2, 1] { try work.add(count) }
        },
        CrashScript("commits of user data alone", 300) { work in
            try work.create()
            for number in 1...4 as ClosedRange<UInt8> { try work.publish { $0.userData = [number] } }
        },
        CrashScript("a directory that its owner made and did not sync", 400) { work in
            try work.recording.createDirectory(work.path)
            try work.create()
            try work.add()
        },
        CrashScript("a commit that is prepared, taken back and made anew", 850) { work in
            try work.create()
            try work.add()
            let files = try work.newFiles()
            let prepared = try work.prepare { $0.parts.append($0.newPart(files)) }
            try work.open_.abort(prepared)
            try work.open_.discard(files)
            try work.add()
        },
        CrashScript("a commit in two steps with other work between them", 700) { work in
            try work.create()
            let files = try work.newFiles()
            let prepared = try work.prepare { $0.parts.append($0.newPart(files)) }
            let pending = try work.newFiles()
            try work.finish(prepared)
            try work.open_.discard(pending)
            try work.delete(from: [0])
        },
        CrashScript("deletes only", 950) { work in
            try work.create()
            try work.add(2)
            try work.delete(from: [0])
            try work.delete(from: [0, 1])
        },
        CrashScript("a merge that takes the place of its inputs", 1850) { work in
            try work.create()
            try work.add(3)
            try work.delete(from: [1])
            try work.merge(0..<3)
            try work.publish { $0.userData = [1] }
        },
        CrashScript("a segment that follows a merge", 850) { work in
            try work.create()
            try work.add()
            try work.merge(0..<1)
            try work.add()
        },
        CrashScript("deletes that are carried over a merge", 1300) { work in
            try work.create()
            try work.add(2)
            try work.delete(from: [0])
            try work.merge(0..<2, carryingDeletes: true)
            try work.delete(from: [0])
        },
        CrashScript("a segment that loses its last document", 700) { work in
            try work.create()
            try work.add(2)
            try work.publish { $0.parts.remove(at: 0) }
            try work.publish { $0.parts.removeAll() }
        },
        CrashScript("a rollback", 1300) { work in
            try work.create()
            try work.add()
            for _ in 0..<2 { try work.open_.discard(try work.newFiles([.blocks, .summary, .dead])) }
            try work.add()
        },
    ]

    /// Writers that end and others that take over.
    static let recoveries = [
        CrashScript("two writers, one after the other", 800) { work in
            try work.create()
            try work.add()
            work.close()
            try work.open()
            try work.add()
            work.close()
            try work.open()
            try work.merge(0..<2)
        },
        CrashScript("a writer that is killed, with nothing left over", 800) { work in
            try work.create()
            try work.add(2)
            work.kill()
            try work.open()
            try work.delete(from: [1])
        },
        CrashScript("a writer that is killed with files in the making", 1050) { work in
            try work.create()
            try work.add()
            _ = try work.newFiles([.blocks, .summary, .dead])
            work.kill()
            try work.open()
            try work.add()
        },
        CrashScript("a writer that is killed between the two steps of a commit", 1050) { work in
            try work.create()
            try work.add()
            let files = try work.newFiles()
            _ = try work.prepare { $0.parts.append($0.newPart(files)) }
            work.kill()
            try work.open()
            try work.add()
        },
        CrashScript("a writer that dies after its rename and before its sync", 850) { work in
            try work.create()
            try work.add()
            work.failing({ $0.kind == .syncDirectory && $0.previousChange == .rename ? .fail(EIO) : nil }) {
                expect(.commitUncertain) { try work.add() }
            }
            work.kill()
            try work.open()
            try work.add()
        },
        CrashScript("files that are not the engine's", 950) { work in
            try work.create()
            for name in ["notes.txt", "0123.blocks", "MANIFEST-1", "x.tmp"] { try work.addForeignFile(name) }
            try work.add()
            work.close()
            try work.open()
            try work.merge(0..<1)
        },
        CrashScript("an opening that cannot read the generation before", 950) { work in
            try work.create()
            for _ in 0..<2 { try work.add() }
            _ = try work.newFiles()
            work.kill()
            let before = Manifest.fileName(2)
            try work.failing({ $0.kind == .openForReading && $0.path.hasSuffix(before) ? .fail(EMFILE) : nil }
            ) {
                try work.open()
            }
            try work.add()
            work.close()
            try work.open()
        },
        CrashScript("an index that is removed", 850) { work in
            try work.create()
            try work.add(2)
            try work.delete(from: [0])
            try work.destroy()
        },
        CrashScript("an index that is made where making one failed", 300) { work in
            work.failing({ $0.kind == .rename ? .fail(EIO) : nil }) {
                expect(.commitUncertain) { try work.create() }
            }
            work.kill()
            try work.create()
            try work.add()
        },
    ]
}

/// That a story fails where it is meant to.
func expect(_ code: GranaryError.Code, _ body: () throws -> Void) {
    let found = codeThrown(body)
    if found != code { Issue.record("expected \(code), found \(found.map { "\($0)" } ?? "nothing")") }
}
