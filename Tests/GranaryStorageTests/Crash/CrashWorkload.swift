import Foundation
import GranaryStorage
import TestSupport
import Testing

/// Work on an index directory that is recorded, and what must be true after a crash in it.
final class CrashWorkload {
    let recording: RecordingFileSystem
    /// The recording through rules.
    let fileSystem: FaultyFileSystem
    let path = "/d"
    private let mutant: FaultyFileSystem.Rule?
    private(set) var writer: DirectoryWriter?
    private(set) var generations: [UInt64: [Manifest]] = [:]
    private(set) var foreign: Set<String> = []
    private(set) var siblings: [CrashCheck.Sibling] = []
    private var salt: UInt8 = 0

    /// - Parameters:
    ///   - mutant: skips or delays calls of the protocol, as an engine without them would.
    ///   - reuse: which names come twice.
    init(
        seed: UInt64, from entries: [String: MemoryFileSystem.Entry] = [:],
        mutant: FaultyFileSystem.Rule? = nil, reuse: ReusingFileSystem.Reuse? = nil
    ) {
        recording = RecordingFileSystem(from: entries, seed: seed)
        let recording = recording
        fileSystem = FaultyFileSystem(
            reuse.map { ReusingFileSystem(recording, $0) } ?? recording, rule: mutant)
        self.mutant = mutant
    }

    /// Goes on from an image of another workload's, as recovery does.
    convenience init(seed: UInt64, from image: CrashImage, of first: CrashWorkload) {
        self.init(seed: seed, from: image.entries)
        (generations, foreign, siblings) = (first.generations, first.foreign, first.siblings)
        for (name, value) in image.notes.sorted(by: { $0.key < $1.key }) { recording.note(name, value) }
    }

    var manifest: Manifest { get throws { try open_.manifest } }

    /// The writer, which must be there.
    var open_: DirectoryWriter { get throws { try #require(writer) } }

    // MARK: Life

    func create(reserveBytes: Int = 0) throws {
        recording.note(CrashCheck.started, 1)
        let made = try DirectoryWriter.create(
            fileSystem: fileSystem, path: path, schema: [1], reserveBytes: reserveBytes)
        writer = made
        acknowledge(made.manifest)
    }

    func open(reserveBytes: Int = 0) throws {
        writer = nil
        let opened = try DirectoryWriter.open(
            fileSystem: fileSystem, path: path, reserveBytes: reserveBytes)
        writer = opened
        acknowledge(opened.manifest)
    }

    func close() {
        writer?.close()
        writer = nil
    }

    /// The process ends without a word.
    func kill() { writer = nil }

    func destroy() throws {
        recording.note(CrashCheck.removal, 1)
        try open_.destroy()
        writer = nil
        if isThere { throw GranaryError(.io, "the index is still there", path: path) }
        recording.note(CrashCheck.removal, 2)
    }

    private func acknowledge(_ manifest: Manifest) {
        begin(manifest)
        recording.note(CrashCheck.acknowledged, manifest.generation)
    }

    /// From now on the generation may be seen.
    private func begin(_ manifest: Manifest) {
        if generations[manifest.generation]?.contains(manifest) != true {
            generations[manifest.generation, default: []].append(manifest)
        }
        recording.note(CrashCheck.started, manifest.generation)
    }

    // MARK: Commits

    @discardableResult
    func publish(_ change: (inout Manifest) throws -> Void) throws -> Manifest {
        try finish(try prepare(change))
    }

    func prepare(_ change: (inout Manifest) throws -> Void) throws -> PreparedManifest {
        var next = try manifest
        try change(&next)
        return try open_.prepare { $0 = next }
    }

    @discardableResult
    func finish(_ prepared: PreparedManifest) throws -> Manifest {
        begin(prepared.manifest)
        let done = try open_.finish(prepared)
        acknowledge(done)
        return done
    }

    /// Files of a segment, on disk and in no generation.
    func newFiles(_ kinds: [FileKind] = [.blocks, .summary]) throws -> [FileRecord] {
        var made: [FileRecord] = []
        do {
            for kind in kinds {
                salt &+= 1
                made.append(
                    try SampleIndex.tinyFile(
                        fileSystem, path, index: open_.index, kind: kind, salt: salt & 31))
            }
            return made
        } catch {
            try? open_.discard(made)
            throw error
        }
    }

    /// Commits new segments.
    func add(_ count: Int = 1) throws {
        var parts: [[FileRecord]] = []
        do {
            for _ in 0..<count { parts.append(try newFiles()) }
            try publish { manifest in
                for files in parts { manifest.parts.append(manifest.newPart(files)) }
            }
        } catch {
            try? open_.discard(parts.flatMap { $0 })
            throw error
        }
    }

    /// Commits the deletes of some segments.
    func delete(from positions: [Int]) throws {
        var made: [FileRecord] = []
        do {
            for _ in positions { made += try newFiles([.dead]) }
            try publish { manifest in
                for (file, position) in zip(made, positions) {
                    manifest.parts[position].deadFile = file
                    manifest.parts[position].record.dead = min(10, manifest.parts[position].record.dead + 1)
                }
            }
        } catch {
            try? open_.discard(made)
            throw error
        }
    }

    /// Publishes one segment in the place of some, with deletes that came meanwhile.
    func merge(_ positions: Range<Int>, carryingDeletes: Bool = false) throws {
        let files = try newFiles(carryingDeletes ? [.blocks, .summary, .dead] : [.blocks, .summary])
        do {
            try publish { manifest in
                var part = manifest.newPart(Array(files.prefix(2)))
                let inputs = manifest.parts[positions]
                part.record.firstSequence = inputs.map(\.record.firstSequence).min() ?? 0
                part.record.lastSequence = inputs.map(\.record.lastSequence).max() ?? 0
                if carryingDeletes { (part.deadFile, part.record.dead) = (files[2], 1) }
                manifest.parts.replaceSubrange(positions, with: [part])
            }
        } catch {
            try? open_.discard(files)
            throw error
        }
    }

    // MARK: Around it

    /// Does something while calls fail.
    func failing<Result>(
        _ rule: @escaping FaultyFileSystem.Rule, _ body: () throws -> Result
    ) rethrows -> Result {
        let mutant = mutant
        fileSystem.follow { mutant?($0) ?? rule($0) }
        defer { fileSystem.follow(mutant) }
        return try body()
    }

    /// Does something while the first call that a rule picks fails.
    func failingOnce<Result>(
        _ effect: FaultyFileSystem.Effect,
        where isPicked: @escaping @Sendable (FaultyFileSystem.Call) -> Bool,
        _ body: () throws -> Result
    ) rethrows -> Result {
        let tally = Tally()
        return try failing(
            { call in
                guard isPicked(call), tally.value == 0 else { return nil }
                tally.count()
                return effect
            }, body)
    }

    func addForeignFile(_ name: String) throws {
        let file = try recording.create("\(path)/\(name)")
        try file.write(Array("mine".utf8).rawBytes, at: 0)
        try file.sync()
        foreign.insert(name)
    }

    /// Another index, there before everything else.
    ///
    /// - Parameter isSynced: whether whoever made it has seen to it that it is durable.
    func makeSource(_ path: String = "/s", isSynced: Bool = true) throws -> Manifest {
        let fileSystem: any FileSystem =
            isSynced
            ? recording
            : FaultyFileSystem(recording) { call in
                call.kind == .sync && !call.path.hasSuffix(".tmp") ? .skip : nil
            }
        let other = try DirectoryWriter.create(fileSystem: fileSystem, path: path, schema: [1])
        defer { other.close() }
        var files: [FileRecord] = []
        for kind in [FileKind.blocks, .summary] {
            files.append(try SampleIndex.tinyFile(fileSystem, path, index: other.index, kind: kind, salt: 9))
        }
        let manifest = try other.commit { $0.parts = [$0.newPart(files)] }
        if isSynced {
            recording.note(path, 1)
            siblings.append(CrashCheck.Sibling(path: path, manifest: manifest, note: path))
        }
        return manifest
    }

    /// Adopts the segment of another index; it is in no generation yet.
    func adopt(_ source: Manifest, at path: String = "/s") throws -> [FileRecord] {
        var adopted: [FileRecord] = []
        do {
            for file in try SampleIndex.containers(fileSystem, path, source) {
                adopted.append(try open_.adopt(file))
            }
            return adopted
        } catch {
            try? open_.discard(adopted)
            throw error
        }
    }

    /// Attaches another index.
    func attach(_ source: Manifest, at path: String = "/s") throws {
        let files = try adopt(source, at: path)
        try publish { $0.parts.append($0.newPart(files)) }
    }

    /// Backs the newest generation, or some of its segments, up.
    func backUp(
        to target: String, isVerified: Bool = false, segments: [Int]? = nil,
        during work: (Int) throws -> Void = { _ in }
    ) throws {
        var manifest = try manifest
        if let segments {
            manifest = manifest.extracting(
                Set(segments.map { manifest.segments[$0].ordinal }), as: recording.randomIdentifier())
        }
        let files = try SampleIndex.containers(fileSystem, path, open_.manifest)
        siblings.append(CrashCheck.Sibling(path: target, manifest: manifest, note: target))
        recording.note(target, 0)
        let backup = IndexBackup(
            of: manifest, files: files, to: target, fileSystem: fileSystem, isVerified: isVerified)
        var step = 0
        try backup.run { (_, _) throws(GranaryError) in
            step += 1
            do {
                try work(step)
            } catch {
                throw (error as? GranaryError) ?? GranaryError(.cancelled, "\(error)")
            }
        }
        recording.note(target, 1)
    }

    /// What the index that `makeSource` has made holds.
    func source() throws -> Manifest {
        try #require(siblings.first { $0.path == "/s" }).manifest
    }

    /// Nothing is expected of other indexes any more.
    func forgetSiblings() { siblings = [] }

    // MARK: Images

    private var check: CrashCheck {
        CrashCheck(path: path, generations: generations, foreign: foreign, siblings: siblings)
    }

    /// What is wrong with what processes see now.
    func violation() -> String? { check.violation(of: recording.present) }

    /// Whether there is an index.
    var isThere: Bool {
        (try? IndexDirectory.latestManifest(fileSystem: recording, path: path)) != nil
    }

    /// What is wrong with the images of this workload, and how many there were.
    func violations(
        _ options: CrashImageOptions = CrashImageOptions(), limit: Int = 3, nested: Int = 0
    ) -> (found: [String], images: Int) {
        let check = check
        struct Enough: Error {}
        var (found, images, sample) = ([String](), 0, [CrashImage]())
        var generator = SeededGenerator(seed: options.seed)
        do {
            _ = try recording.forEachCrashImage(options) { (image: CrashImage) throws(Enough) in
                images += 1
                if nested > 0, Int.random(in: 0..<100, using: &generator) == 0, isRecoverable(image) {
                    sample.append(image)
                }
                guard let violation = check.violation(of: image) else { return }
                found.append("after operation \(image.operation), without \(image.lost): \(violation)")
                if found.count == limit { throw Enough() }
            }
        } catch {
            return (found, images)
        }
        for (number, image) in sample.shuffled(using: &generator).prefix(nested).enumerated() {
            let (more, count) = recovery(from: image, seed: options.seed &+ 1000 &+ UInt64(number))
            found += more.map { "recovering from a crash after operation \(image.operation): \($0)" }
            images += count
        }
        return (found, images)
    }

    private func isRecoverable(_ image: CrashImage) -> Bool {
        (image.notes[CrashCheck.acknowledged] ?? 0) > 0 && image.notes[CrashCheck.removal] == nil
    }

    /// The images of opening an image and committing.
    private func recovery(from image: CrashImage, seed: UInt64) -> (found: [String], images: Int) {
        let second = CrashWorkload(seed: seed, from: image, of: self)
        let start = second.recording.operations.count
        do {
            try second.open()
            try second.add()
        } catch {
            return (["\(error)"], 0)
        }
        var options = CrashImageOptions()
        (options.seed, options.exhaustiveEffects, options.samples) = (seed, 5, 8)
        options.firstOperation = start
        return second.violations(options)
    }
}
