import GranaryStorage
import TestSupport
import Testing

/// What is done while a call fails, and to what kind of index.
struct FaultStory: Sendable, CustomTestStringConvertible {
    let name: String
    /// Whether it opens the index itself.
    let isOpening: Bool
    /// A directory of which nothing is to be left when one call fails.
    let target: String?
    let prepare: @Sendable (CrashWorkload) throws -> Void
    let run: @Sendable (CrashWorkload) throws -> Void

    init(
        _ name: String, isOpening: Bool = false, target: String? = nil,
        prepare: @escaping @Sendable (CrashWorkload) throws -> Void = { _ in },
        _ run: @escaping @Sendable (CrashWorkload) throws -> Void
    ) {
        self.name = name
        self.isOpening = isOpening
        self.target = target
        self.prepare = prepare
        self.run = run
    }

    var testDescription: String { name }

    static let all = [
        FaultStory("a commit") { try $0.add(2) },
        FaultStory("a commit in two steps") { work in
            let files = try work.newFiles()
            try work.finish(try work.prepare { $0.parts.append($0.newPart(files)) })
        },
        FaultStory("a prepared commit that is taken back") { work in
            let files = try work.newFiles()
            defer { work.writer?.discard(files) }
            try work.open_.abort(try work.prepare { $0.parts.append($0.newPart(files)) })
        },
        FaultStory("deletes") { try $0.delete(from: [0, 1]) },
        FaultStory("a merge with deletes that are carried over") { work in
            try work.merge(0..<2, carryingDeletes: true)
            try work.publish { $0.userData = [3] }
        },
        FaultStory("a rollback") { work in
            let files = try work.newFiles([.blocks, .summary, .dead])
            try work.open_.discard(files)
        },
        FaultStory("an attachment by links", prepare: { _ = try $0.makeSource() }) { work in
            try work.attach(try work.source(), at: "/s")
        },
        FaultStory("an attachment by copies", prepare: { _ = try $0.makeSource() }) { work in
            // What a link would need is not there.
            let source = try SampleIndex.containers(work.fileSystem, "/s", work.source())
            for file in source { try? work.recording.unlink(file.path) }
            defer { work.forgetSiblings() }
            var adopted: [FileRecord] = []
            do {
                for file in source { adopted.append(try work.open_.adopt(file)) }
                try work.publish { $0.parts.append($0.newPart(adopted)) }
            } catch {
                try? work.open_.discard(adopted)
                throw error
            }
        },
        FaultStory("a backup", target: "/b") { try $0.backUp(to: "/b") },
        FaultStory("a verified backup", target: "/b", prepare: { try $0.recording.createDirectory("/b") }) {
            work in
            try work.backUp(to: "/b", isVerified: true)
        },
        FaultStory("a segment that leaves") { work in
            try work.backUp(to: "/b", segments: [1])
            try work.publish { $0.parts.remove(at: 1) }
        },
        FaultStory(
            "an opening with leftovers and without a reserve", isOpening: true,
            prepare: { work in
                _ = try work.newFiles()
                _ = try work.recording.create("\(work.path)/\(work.recording.randomIdentifier()).tmp")
            }
        ) { work in
            try work.open(reserveBytes: 50)
            try work.add()
        },
        FaultStory("a removal") { try $0.destroy() },
    ]
}
