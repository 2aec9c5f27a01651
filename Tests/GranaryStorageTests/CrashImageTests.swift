import Foundation
import GranaryStorage
import TestSupport
import Testing

/// A recorded workload and what must be true after a crash in it.
struct RecordedWorkload {
    let recording: RecordingFileSystem
    private(set) var generations: [UInt64: Manifest] = [:]
    /// The recording through rules that a test may change.
    let fileSystem: FaultyFileSystem
    let path = "/d"
    var foreign: Set<String> = []

    /// - Parameter mutant: skips calls of the protocol, as an engine without them would.
    init(
        mutant: FaultyFileSystem.Rule? = nil, from entries: [String: MemoryFileSystem.Entry] = [:],
        seed: UInt64 = 1
    ) {
        recording = RecordingFileSystem(from: entries, seed: seed)
        fileSystem = FaultyFileSystem(recording, rule: mutant)
    }

    mutating func create() throws -> DirectoryWriter {
        recording.note(CrashCheck.started, 1)
        let writer = try DirectoryWriter.create(fileSystem: fileSystem, path: path, schema: [1])
        acknowledge(writer.manifest)
        return writer
    }

    mutating func open() throws -> DirectoryWriter {
        let writer = try DirectoryWriter.open(fileSystem: fileSystem, path: path)
        acknowledge(writer.manifest)
        return writer
    }

    mutating func commit(_ writer: DirectoryWriter) throws {
        recording.note(CrashCheck.started, writer.manifest.generation + 1)
        acknowledge(try SampleIndex.commit(writer))
    }

    mutating func addForeignFile(_ name: String) throws {
        let file = try fileSystem.create("\(path)/\(name)")
        try file.write(Array("mine".utf8).rawBytes, at: 0)
        try file.sync()
        foreign.insert(name)
    }

    /// What an earlier recording knows of the generations that this one begins with.
    mutating func know(_ earlier: [UInt64: Manifest]) { generations.merge(earlier) { own, _ in own } }

    private mutating func acknowledge(_ manifest: Manifest) {
        generations[manifest.generation] = manifest
        recording.note(CrashCheck.started, manifest.generation)
        recording.note(CrashCheck.acknowledged, manifest.generation)
    }

    /// What is wrong with the images of this workload, and how many there were.
    func violations(_ options: CrashImageOptions = CrashImageOptions(), limit: Int = 3) -> (
        found: [String], images: Int
    ) {
        let check = CrashCheck(path: path, generations: generations, foreign: foreign)
        struct Enough: Error {}
        var found: [String] = []
        var images = 0
        try? {
            _ = try recording.forEachCrashImage(options) { (image: CrashImage) throws(Enough) in
                images += 1
                guard let violation = check.violation(of: image) else { return }
                found.append("after operation \(image.operation), without \(image.lost): \(violation)")
                if found.count == limit { throw Enough() }
            }
        }()
        return (found, images)
    }

    /// Making an index and committing three times.
    static func commits(mutant: FaultyFileSystem.Rule? = nil) throws -> RecordedWorkload {
        var workload = RecordedWorkload(mutant: mutant)
        let writer = try workload.create()
        for _ in 1...3 { try workload.commit(writer) }
        return workload
    }
}

@Suite("After a crash")
struct CrashImageTests {
    @Test("every image of making an index and committing opens at an allowed generation, and works on")
    func commits() throws {
        let (found, images) = try RecordedWorkload.commits().violations()
        #expect(found == [])
        #expect(images > 1000)
    }

    @Test("a writer that died without closing has lost nothing, and its leftovers go", arguments: [0, 1, 2])
    func killedAndReopened(_ files: Int) throws {
        var workload = RecordedWorkload()
        var writer: DirectoryWriter? = try workload.create()
        if let writer { try workload.commit(writer) }
        for number in 0..<files {
            if let writer {
                _ = try SampleIndex.file(
                    writer.fileSystem, workload.path, index: writer.index, kind: number == 0 ? .blocks : .dead
                )
            }
        }
        writer = nil
        let next = try workload.open()
        try workload.commit(next)
        let (found, images) = workload.violations()
        #expect(found == [])
        #expect(images > 500)
    }

    @Test("an index in a directory that its owner made, and did not sync, has what was acknowledged")
    func ownDirectory() throws {
        var workload = RecordedWorkload()
        try workload.recording.createDirectory("/d")
        let writer = try workload.create()
        try workload.commit(writer)
        #expect(workload.violations().found == [])
    }

    @Test("a file that is not the engine's stays")
    func foreignFiles() throws {
        var workload = RecordedWorkload()
        let writer = try workload.create()
        for name in ["notes.txt", "0123.blocks", "MANIFEST-1", "x.tmp"] { try workload.addForeignFile(name) }
        try workload.commit(writer)
        writer.close()
        let again = try workload.open()
        try workload.commit(again)
        #expect(workload.violations().found == [])
        #expect(Set(try again.fileSystem.list("/d")).isSuperset(of: workload.foreign))
    }

    @Test("a crash while recovering from a crash is as harmless", arguments: [1, 2, 3] as [UInt64])
    func crashDuringRecovery(_ seed: UInt64) throws {
        let first = try RecordedWorkload.commits()
        var generator = SeededGenerator(seed: seed)
        var options = CrashImageOptions()
        (options.seed, options.samples) = (seed, 8)
        var images: [CrashImage] = []
        _ = first.recording.forEachCrashImage(options) { image in
            if (image.notes[CrashCheck.acknowledged] ?? 0) > 0,
                Int.random(in: 0..<100, using: &generator) == 0
            {
                images.append(image)
            }
        }
        try #require(!images.isEmpty)
        for image in images.prefix(4) {
            var second = RecordedWorkload(from: image.entries, seed: seed + 100)
            second.know(first.generations)
            second.recording.note(CrashCheck.started, image.notes[CrashCheck.started] ?? 0)
            second.recording.note(CrashCheck.acknowledged, image.notes[CrashCheck.acknowledged] ?? 0)
            let writer = try second.open()
            try second.commit(writer)
            // After the notes.
            (options.exhaustiveEffects, options.firstOperation) = (6, 2)
            #expect(
                second.violations(options).found == [], "seed \(seed), image of operation \(image.operation)")
        }
    }

    @Test("an index that is removed is never half there")
    func destroys() throws {
        var workload = RecordedWorkload()
        let writer = try workload.create()
        try workload.commit(writer)
        workload.recording.note("removing", 1)
        writer.destroy()
        var complete = 0
        _ = workload.recording.forEachCrashImage { image in
            guard image.notes["removing"] == 1 else { return }
            do throws(GranaryError) {
                try SampleIndex.verified(image.fileSystem(), "/d")
                complete += 1
            } catch {
                #expect(
                    error.code == .notAnIndex,
                    "after operation \(image.operation), without \(image.lost): \(error)")
            }
        }
        #expect(complete > 0)
    }

    /// Changes of the order of a commit, each of which leaves a way to lose or damage an index.
    enum Mutant: String, CaseIterable, CustomTestStringConvertible {
        case dataFileUnsynced, directoryUnsyncedBeforeRename, manifestUnsynced, directoryUnsyncedAfterRename
        case parentUnsynced, openingUnsynced, allUnsynced, directoryNeverSynced

        var testDescription: String { rawValue }

        var rule: FaultyFileSystem.Rule {
            { [self] call in
                let isSkipped =
                    switch self {
                    case .dataFileUnsynced: call.kind == .sync && !call.path.hasSuffix(".tmp")
                    case .manifestUnsynced: call.kind == .sync && call.path.hasSuffix(".tmp")
                    case .allUnsynced: call.kind == .sync || call.kind == .syncDirectory
                    case .directoryUnsyncedBeforeRename:
                        call.kind == .syncDirectory && call.path == "/d" && call.previousChange == .sync
                    case .directoryUnsyncedAfterRename:
                        call.kind == .syncDirectory && call.previousChange == .rename
                    case .parentUnsynced: call.kind == .syncDirectory && call.path == "/d/.."
                    case .openingUnsynced: call.kind == .syncDirectory && call.previousChange == nil
                    case .directoryNeverSynced: call.kind == .syncDirectory
                    }
                return isSkipped ? .skip : nil
            }
        }
    }

    @Test("an engine that leaves a step of the order out is found out", arguments: Mutant.allCases)
    func mutants(_ mutant: Mutant) throws {
        let workload =
            mutant == .openingUnsynced
            ? try Self.diedBeforeSync(thenFollowing: mutant.rule)
            : try RecordedWorkload.commits(mutant: mutant.rule)
        #expect(workload.violations(limit: 1).found.count == 1)
    }

    @Test("what a dead writer had renamed and not synced is durable once it has been opened")
    func openingSyncs() throws {
        let (found, images) = try Self.diedBeforeSync(thenFollowing: nil).violations()
        #expect(found == [])
        #expect(images > 500)
    }

    /// A writer dies after its rename and before its sync; another opens what it sees and goes on.
    private static func diedBeforeSync(thenFollowing rule: FaultyFileSystem.Rule?) throws -> RecordedWorkload
    {
        var workload = RecordedWorkload()
        do {
            let writer = try workload.create()
            try workload.commit(writer)
            workload.fileSystem.follow { call in
                call.kind == .syncDirectory && call.previousChange == .rename ? .fail(EIO) : nil
            }
            #expect(codeThrown { try workload.commit(writer) } == .commitUncertain)
        }
        workload.fileSystem.follow(rule)
        let next = try workload.open()
        #expect(next.manifest.generation == 3)
        try workload.commit(next)
        return workload
    }
}
