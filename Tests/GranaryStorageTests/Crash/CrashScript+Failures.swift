import Foundation
import GranaryStorage
import Testing

extension CrashScript {
    /// Calls that fail, and what is done after them.
    static let failures = [
        CrashScript("a commit after a data file that could not be synchronised", 550) { work in
            try work.create()
            work.failingOnce(.fail(EIO), where: { $0.kind == .sync }) {
                expect(.io) { try work.add() }
            }
            try work.add()
        },
        CrashScript("a commit after a data file that was lost though its sync had failed late", 650) { work in
            try work.create()
            try work.add()
            work.failingOnce(
                .failAfterwards(ENOSPC), where: { $0.kind == .sync && !$0.path.hasSuffix("tmp") }
            ) {
                expect(.diskFull) { try work.add() }
            }
            try work.add()
        },
        CrashScript("another writer after a manifest that could not be synchronised", 1100) { work in
            try work.create()
            try work.add()
            work.failingOnce(.fail(EIO), where: { $0.kind == .sync && $0.path.hasSuffix(".tmp") }) {
                expect(.io) { try work.add() }
            }
            expect(.writerPoisoned) { try work.add() }
            work.kill()
            try work.open()
            try work.add()
        },
        CrashScript("a full disk in the middle of every file of a commit", 1200) { work in
            try work.create()
            try work.add()
            for suffix in [".blocks", ".summary", ".tmp"] {
                work.failingOnce(
                    .failHalfway(ENOSPC), where: { $0.kind == .write && $0.path.hasSuffix(suffix) }
                ) {
                    expect(.diskFull) { try work.add() }
                }
            }
            try work.add()
        },
        CrashScript("a reserve that is given up and made again", 900) { work in
            try work.create(reserveBytes: 100)
            try work.add()
            let (recording, reserve) = (work.recording, "\(work.path)/RESERVE")
            let first = try recording.status(reserve)?.identity
            try work.failing({ call in
                let isFull = (try? recording.status(reserve))??.identity == first
                return isFull && call.kind == .create && call.path.hasSuffix(".tmp") ? .fail(ENOSPC) : nil
            }) {
                try work.delete(from: [0])
            }
            try work.add()
        },
        CrashScript("a reserve that is given up, and a full disk all the same", 950) { work in
            try work.create(reserveBytes: 50)
            try work.add()
            work.failing({ $0.kind == .write && $0.path.hasSuffix(".tmp") ? .failHalfway(EDQUOT) : nil }) {
                expect(.diskFull) { try work.add() }
            }
            work.close()
            try work.open(reserveBytes: 60)
            try work.add()
        },
        CrashScript("a rename that was done though it failed", 750) { work in
            try work.create()
            try work.add()
            work.failingOnce(.failAfterwards(EIO), where: { $0.kind == .rename }) {
                expect(.commitUncertain) { try work.add() }
            }
            work.kill()
            try work.open()
            try work.add()
        },
        CrashScript("a rename that was not done, of a writer that is followed by another", 900) { work in
            try work.create()
            try work.add()
            work.failingOnce(.fail(EIO), where: { $0.kind == .rename }) {
                expect(.commitUncertain) { try work.add() }
            }
            work.kill()
            try work.open()
            try work.add()
        },
        CrashScript("files that could not be removed", 1800) { work in
            try work.create()
            try work.add()
            try work.failing({ $0.kind == .unlink ? .fail(EIO) : nil }) {
                try work.merge(0..<1)
                try work.open_.discard(try work.newFiles())
                try work.add()
            }
            work.close()
            try work.open()
            try work.add()
        },
    ]

    /// Files that come from elsewhere and go elsewhere.
    static let transfers = [
        CrashScript("a backup by links while commits go on", 1550) { work in
            try work.create()
            try work.add(2)
            try work.backUp(to: "/b") { step in if step == 2 { try work.merge(0..<2) } }
            try work.add()
        },
        CrashScript("a backup whose files lose their names meanwhile", 1000) { work in
            try work.create()
            try work.add()
            try work.backUp(to: "/b") { step in
                guard step == 1 else { return }
                try work.merge(0..<1)
                try work.publish { $0.userData = [1] }
            }
        },
        CrashScript("a verified backup", 450) { work in
            try work.create()
            try work.add()
            try work.recording.createDirectory("/b")
            try work.backUp(to: "/b", isVerified: true)
        },
        CrashScript("a backup that fails, and another in its place", 500) { work in
            try work.create()
            try work.add()
            let rules: [@Sendable (FaultyFileSystem.Call) -> Bool] = [
                { $0.kind == .rename && $0.path.hasPrefix("/b") },
                { $0.kind == .write && $0.path.hasPrefix("/b") },
                { $0.kind == .syncDirectory && $0.previousChange == .rename },
            ]
            for rule in rules {
                work.failingOnce(.fail(EIO), where: rule) {
                    expect(.io) { try work.backUp(to: "/b", isVerified: true) }
                }
            }
            try work.backUp(to: "/b")
        },
        CrashScript("segments of another index by links", 700) { work in
            let source = try work.makeSource()
            try work.create()
            try work.add()
            try work.attach(source)
            try work.delete(from: [1])
        },
        CrashScript("segments of another index by copies", 500) { work in
            let source = try work.makeSource()
            try work.create()
            try work.failing({ $0.kind == .link ? .fail(EXDEV) : nil }) { try work.attach(source) }
            try work.add()
        },
        CrashScript("segments of an index that nobody has made durable", 2500) { work in
            let source = try work.makeSource(isSynced: false)
            try work.create()
            try work.attach(source)
        },
        CrashScript("segments of another index that are taken back, and come again", 250) { work in
            let source = try work.makeSource()
            try work.create()
            try work.open_.discard(try work.adopt(source))
            try work.attach(source)
            try work.publish { $0.parts.removeAll() }
            try work.attach(source)
        },
        CrashScript("a segment that leaves for an index of its own", 1200) { work in
            try work.create()
            try work.add(2)
            try work.delete(from: [0])
            try work.backUp(to: "/b", segments: [0])
            try work.publish { $0.parts.remove(at: 0) }
            try work.add()
        },
    ]
}
