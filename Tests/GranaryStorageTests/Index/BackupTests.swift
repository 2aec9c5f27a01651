import Foundation
import GranaryStorage
import TestSupport
import Testing

@Suite("A backup")
struct BackupTests {
    private let memory = MemoryFileSystem(seed: 1)
    private let fileSystem: FaultyFileSystem
    private let writer: DirectoryWriter
    private let files: [Container]

    init() throws {
        fileSystem = FaultyFileSystem(memory)
        writer = try DirectoryWriter.create(fileSystem: memory, path: "/d", schema: [1], reserveBytes: 10)
        for _ in 0..<2 { try SampleIndex.commit(writer) }
        files = try SampleIndex.containers(fileSystem, "/d", writer.manifest)
    }

    private func backup(
        to path: String = "/b", isVerified: Bool = false, _ progress: IndexBackup.Progress = { _, _ in }
    ) throws(GranaryError) {
        try IndexBackup(
            of: writer.manifest, files: files, to: path, fileSystem: fileSystem, isVerified: isVerified
        ).run(progress)
    }

    private func identities(_ path: String) throws -> [FileStatus.Identity?] {
        try writer.manifest.files.map { try memory.status("\(path)/\($0.name)")?.identity }
    }

    @Test("is the same generation, of the same files by links and of others when verified")
    func linksOrCopies() throws {
        try backup()
        #expect(try SampleIndex.verified(memory, "/b") == writer.manifest)
        #expect(try identities("/b") == identities("/d"))
        try backup(to: "/c", isVerified: true)
        #expect(try SampleIndex.verified(memory, "/c") == writer.manifest)
        #expect(Set(try identities("/c")).isDisjoint(with: Set(try identities("/d"))))
        for path in ["/b", "/c"] {
            #expect(try memory.list(path).count == 1 + writer.manifest.files.count)
            let other = try DirectoryWriter.open(fileSystem: memory, path: path)
            #expect(try SampleIndex.commit(other).generation == writer.manifest.generation + 1)
        }
        #expect(try SampleIndex.verified(memory, "/d") == writer.manifest)
    }

    @Test("has the generation that it was asked for, though its files have lost their names since")
    func filesDropped() throws {
        let manifest = writer.manifest
        for _ in 0..<3 { _ = try writer.commit { $0.files = [] } }
        #expect(try memory.list("/d").count == 4)
        try IndexBackup(of: manifest, files: files, to: "/b", fileSystem: fileSystem).run()
        #expect(try SampleIndex.verified(memory, "/b") == manifest)
    }

    @Test("copies where links are refused")
    func refusedLinks() throws {
        fileSystem.follow { $0.kind == .link ? .fail(EPERM) : nil }
        try backup()
        #expect(try SampleIndex.verified(memory, "/b") == writer.manifest)
        #expect(Set(try identities("/b")).isDisjoint(with: Set(try identities("/d"))))
    }

    @Test("goes into an empty directory, and into no other")
    func targets() throws {
        try memory.createDirectory("/b")
        try backup()
        let before = memory.entries
        #expect(codeThrown { try backup() } == .alreadyExists)
        #expect(codeThrown { try backup(to: "/d") } == .alreadyExists)
        #expect(codeThrown { try backup(to: "/none/b") } == .notFound)
        #expect(memory.entries == before)
        try memory.createDirectory("/c")
        try memory.create("/c/notes.txt").close()
        #expect(
            #expect(throws: GranaryError.self) { try backup(to: "/c") }?.message.contains("notes") == true)
        #expect(try memory.list("/c") == ["notes.txt"])
    }

    @Test("keeps out of a directory that another is making an index in")
    func lockedTarget() throws {
        try memory.createDirectory("/b")
        let lock = try memory.lock("/b/LOCK", stamp: "somebody")
        #expect(codeThrown { try backup() } == .locked)
        #expect(try memory.list("/b") == ["LOCK"])
        lock.release()
        try backup()
        #expect(try SampleIndex.verified(memory, "/b") == writer.manifest)
    }

    @Test("passes no damage on when it copies", arguments: [true, false])
    func damage(_ isVerified: Bool) throws {
        let name = "/d/\(writer.manifest.files[1].name)"
        var entries = memory.entries
        guard case .file(var bytes, let number)? = entries[name] else {
            Issue.record("expected a file")
            return
        }
        bytes[4100] ^= 1
        entries[name] = .file(bytes: bytes, number: number)
        let damaged = MemoryFileSystem(entries, seed: 2)
        let files = try SampleIndex.containers(damaged, "/d", writer.manifest)
        let faulty = FaultyFileSystem(damaged) { $0.kind == .link ? .fail(EXDEV) : nil }
        let backup = IndexBackup(
            of: writer.manifest, files: files, to: "/b", fileSystem: faulty, isVerified: isVerified)
        #expect(codeThrown { try backup.run() } == .checksumMismatch)
        #expect(try damaged.status("/b") == nil)
    }

    @Test("that is verified finds out a copy that is not what was written")
    func verifiesTheCopy() throws {
        let memory = memory
        fileSystem.follow { call in
            // A disk that loses what it has taken.
            if call.kind == .openForReading, call.path.hasPrefix("/b"), call.path.hasSuffix(".summary") {
                let file = try? memory.create(call.path + "x")
                try? file?.write([UInt8](repeating: 7, count: 9000).rawBytes, at: 0)
                try? memory.unlink(call.path)
                try? memory.rename(call.path + "x", to: call.path)
            }
            return nil
        }
        #expect(codeThrown { try backup(isVerified: true) } == .wrongFile)
        #expect(try memory.status("/b") == nil)
    }

    @Test("says how far it is, and ends when it is told to", arguments: [true, false])
    func progress(_ isVerified: Bool) throws {
        var seen: [UInt64] = []
        try backup(isVerified: isVerified) { (done, total) throws(GranaryError) in
            seen.append(done)
            #expect(total == writer.manifest.files.reduce(0) { $0 + $1.length })
        }
        #expect(seen == seen.sorted() && seen.first == 0)
        #expect(seen.last == writer.manifest.files.reduce(0) { $0 + $1.length })
        for step in seen.indices {
            var calls = 0
            let code = codeThrown {
                try backup(to: "/c", isVerified: isVerified) { (_, _) throws(GranaryError) in
                    calls += 1
                    if calls > step { throw GranaryError(.cancelled, "enough") }
                }
            }
            #expect(code == .cancelled)
            #expect(try memory.status("/c") == nil, "step \(step)")
        }
    }

    @Test("whose manifest has files that are not open is refused")
    func missingFiles() throws {
        let part = IndexBackup(
            of: writer.manifest, files: [files[0]], to: "/b", fileSystem: fileSystem)
        #expect(codeThrown { try part.run() } == .invalidArgument)
        #expect(try memory.status("/b") == nil)
    }

    @Test("of some segments is an index of its own, whose numbers begin anew")
    func part() throws {
        func segment(_ ordinal: UInt64, _ files: [UInt32], _ sequence: ClosedRange<UInt64>) -> SegmentRecord {
            SegmentRecord(
                files: files, deadFile: nil, documents: 10, dead: 0, firstSequence: sequence.lowerBound,
                lastSequence: sequence.upperBound, ordinal: ordinal)
        }
        _ = try writer.commit { manifest in
            manifest.segments = [
                segment(3, [0, 1], 100...120), segment(5, [2, 3], 200...209), segment(6, [2, 3], 300...301),
            ]
            (manifest.nextSegmentOrdinal, manifest.nextSequence) = (9, 1000)
        }
        let id = memory.randomIdentifier()
        let part = writer.manifest.extracting([5, 6, 77], as: id)
        #expect(part.index == id && part.generation == 1 && part.schema == [1])
        #expect(part.files == Array(writer.manifest.files[2...3]))
        #expect(part.segments == [segment(0, [0, 1], 0...9), segment(1, [0, 1], 100...101)])
        #expect(part.nextSequence == 110 && part.nextSegmentOrdinal == 2 && part.userData.isEmpty)
        try IndexBackup(of: part, files: files, to: "/b", fileSystem: fileSystem).run()
        #expect(try SampleIndex.verified(memory, "/b") == part)
        #expect(try SampleIndex.commit(DirectoryWriter.open(fileSystem: memory, path: "/b")).generation == 2)
    }
}
