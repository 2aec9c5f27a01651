import Foundation
import GranaryStorage

/// Work that a seed decides: commits, deletes, merges, rollbacks, backups, attachments, writers that end, and
/// calls that fail.
struct RandomWorkload {
    private let work: CrashWorkload
    private var random: SeededGenerator
    private var source: Manifest?
    private var backups = 0

    /// Records a number of steps.
    static func record(seed: UInt64, steps: Int) throws -> CrashWorkload {
        let work = CrashWorkload(seed: seed)
        var story = RandomWorkload(work: work, random: SeededGenerator(seed: seed &* 7 &+ 1))
        try story.run(steps)
        return work
    }

    private init(work: CrashWorkload, random: SeededGenerator) {
        self.work = work
        self.random = random
    }

    private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<max(1, bound), using: &random) }

    private mutating func run(_ steps: Int) throws {
        try work.create(reserveBytes: below(3) == 0 ? 40 : 0)
        try work.add(1 + below(2))
        for _ in 0..<steps {
            if below(4) == 0 { try failingStep() } else { try step() }
        }
    }

    /// A step during which a call fails. The work goes on, with another writer if this one cannot.
    private mutating func failingStep() throws {
        let numbers = [EIO, ENOSPC, EDQUOT, EMFILE, EACCES]
        let number = numbers[below(numbers.count)]
        let effect: FaultyFileSystem.Effect =
            switch below(3) {
            case 0: .fail(number)
            case 1: .failHalfway(number)
            default: .failAfterwards(number)
            }
        let rule = FaultyFileSystem.at(1 + below(16), effect, isSticky: below(4) == 0)
        var copy = self
        do {
            try work.failing(rule) { try copy.step() }
        } catch is GranaryError {
            // What is left is what a crash must be able to meet.
        }
        self = copy
        if work.writer == nil || work.writer?.poison != nil { try work.open() }
    }

    private mutating func step() throws {
        let count = try work.manifest.parts.count
        switch below(14) {
        case 0, 1: try work.add(1 + below(2))
        case 2 where count > 0: try work.delete(from: [below(count)])
        case 3 where count > 1: try work.delete(from: [0, count - 1])
        case 4, 5:
            guard count > 0 else { return }
            let first = below(count)
            try work.merge(
                first..<min(count, first + 1 + below(3)), carryingDeletes: below(2) == 0)
        case 6: try work.open_.discard(try work.newFiles([.blocks, .summary, .dead]))
        case 7: try twoSteps()
        case 8:
            let byte = UInt8(below(256))
            try work.publish { $0.userData = [byte] }
        case 9:
            if below(2) == 0 { _ = try work.newFiles() }
            if below(2) == 0 { work.close() } else { work.kill() }
            try work.open(reserveBytes: below(3) == 0 ? 60 : 0)
        case 10: try backUp(count)
        case 11: try attach()
        case 12 where count > 0:
            let position = below(count)
            try work.publish { $0.parts.remove(at: position) }
        default: try work.addForeignFile("notes-\(work.recording.operations.count)")
        }
    }

    private mutating func twoSteps() throws {
        let files = try work.newFiles()
        do {
            let prepared = try work.prepare { $0.parts.append($0.newPart(files)) }
            switch below(3) {
            case 0: try work.finish(prepared)
            case 1:
                try work.open_.abort(prepared)
                try work.open_.discard(files)
            default:
                work.kill()
                try work.open()
            }
        } catch {
            work.writer?.discard(files)
            throw error
        }
    }

    private mutating func backUp(_ count: Int) throws {
        backups += 1
        let target = "/b\(backups)"
        if below(2) == 0 { try work.recording.createDirectory(target) }
        let segments = count > 0 && below(3) == 0 ? [below(count)] : nil
        let doesCommit = below(2) == 0
        let work = work
        try work.backUp(to: target, isVerified: below(3) == 0, segments: segments) { step in
            if doesCommit, step == 1 { try work.publish { $0.userData.append(7) } }
        }
    }

    private mutating func attach() throws {
        guard let source else {
            // What nobody has made durable becomes so when it is attached.
            let made = try work.makeSource(isSynced: below(2) == 0)
            source = made
            return try work.attach(made)
        }
        let isThere = try work.manifest.files.contains(source.files[0])
        if isThere {
            try work.publish { manifest in
                manifest.parts.removeAll { $0.files.first == source.files[0] }
            }
        } else if below(3) == 0 {
            try work.open_.discard(try work.adopt(source))
        } else {
            try work.attach(source)
        }
    }
}
