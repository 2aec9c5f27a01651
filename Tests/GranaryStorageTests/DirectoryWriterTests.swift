import Foundation
import GranaryStorage
import TestSupport
import Testing

@Suite("An index directory")
struct DirectoryWriterTests {
    /// Where each test runs: in memory and on the machine.
    private func place(_ kind: FileSystemKind) throws -> (any FileSystem, String, TemporaryDirectory?) {
        let (fileSystem, directory, owner) = try kind.make()
        return (fileSystem, "\(directory)/index", owner)
    }

    private func create(_ fileSystem: any FileSystem, _ path: String) throws(GranaryError) -> DirectoryWriter
    {
        try DirectoryWriter.create(fileSystem: fileSystem, path: path, schema: [1, 2])
    }

    private func put(_ bytes: [UInt8], _ fileSystem: any FileSystem, _ path: String) throws {
        let file = try fileSystem.create(path)
        try file.write(bytes.rawBytes, at: 0)
        file.close()
    }

    private func bytes(_ fileSystem: any FileSystem, _ path: String) throws -> [UInt8] {
        let file = try fileSystem.openForReading(path)
        defer { file.close() }
        return try file.read(at: 0, count: Int(file.length()))
    }

    @Test(
        "begins empty and keeps what is committed, two generations of it", arguments: FileSystemKind.allCases)
    func commits(_ kind: FileSystemKind) throws {
        let (fileSystem, path, owner) = try place(kind)
        defer { withExtendedLifetime(owner) {} }
        let writer = try create(fileSystem, path)
        #expect(writer.manifest.generation == 1 && writer.manifest.files.isEmpty)
        #expect(writer.manifest.schema == [1, 2])
        var history = [writer.manifest]
        for generation: UInt64 in 2...5 {
            let manifest = try SampleIndex.commit(writer)
            #expect(manifest.generation == generation && manifest.index == history[0].index)
            #expect(try SampleIndex.verified(fileSystem, path) == manifest)
            history.append(manifest)
            let kept = Set(
                history.suffix(2).flatMap(\.files).map(\.name)
                    + history.suffix(2).map {
                        Manifest.fileName($0.generation)
                    })
            #expect(Set(try fileSystem.list(path)) == kept.union(["LOCK"]))
            #expect(
                try IndexDirectory.manifest(generation - 1, fileSystem: fileSystem, path: path)
                    == history[history.count - 2])
        }
        writer.close()
        #expect(codeThrown { try SampleIndex.commit(writer) } == .writerPoisoned)
        let again = try DirectoryWriter.open(fileSystem: fileSystem, path: path)
        #expect(again.manifest == history.last)
        #expect(try SampleIndex.commit(again).generation == 6)
    }

    @Test("chains its generations by their hashes")
    func hashChain() throws {
        let fileSystem = MemoryFileSystem(seed: 1)
        let writer = try create(fileSystem, "/d")
        var hash = Identifier128(high: 0, low: 0)
        for _ in 0..<3 {
            #expect(writer.manifest.previousHash == hash)
            let bytes = try bytes(fileSystem, "/d/\(Manifest.fileName(writer.manifest.generation))")
            hash = Checksum.blake2s128(Array(bytes.dropLast(24)))
            try SampleIndex.commit(writer)
        }
    }

    @Test("has one writer, and tells a second who it is", arguments: FileSystemKind.allCases)
    func oneWriter(_ kind: FileSystemKind) throws {
        let (fileSystem, path, owner) = try place(kind)
        defer { withExtendedLifetime(owner) {} }
        do {
            let writer = try create(fileSystem, path)
            let error = #expect(throws: GranaryError.self) {
                _ = try DirectoryWriter.open(fileSystem: fileSystem, path: path)
            }
            #expect(error?.code == .locked)
            #expect(error?.message.contains("process \(getpid())") == true)
            // Readers do not care.
            try SampleIndex.verified(fileSystem, path)
            try SampleIndex.commit(writer)
        }
        #expect(try DirectoryWriter.open(fileSystem: fileSystem, path: path).manifest.generation == 2)
    }

    @Test("whose lock file was removed takes no further commit", arguments: FileSystemKind.allCases)
    func lockRemoved(_ kind: FileSystemKind) throws {
        let (fileSystem, path, owner) = try place(kind)
        defer { withExtendedLifetime(owner) {} }
        let writer = try create(fileSystem, path)
        try fileSystem.unlink("\(path)/LOCK")
        let other = try DirectoryWriter.open(fileSystem: fileSystem, path: path)
        #expect(codeThrown { _ = try writer.commit { _ in } } == .locked)
        #expect(codeThrown { _ = try writer.commit { _ in } } == .writerPoisoned)
        writer.destroy()
        #expect(try SampleIndex.commit(other).generation == 2)
    }

    @Test("that another has begun meanwhile is neither replaced nor removed")
    func twoCreators() throws {
        // The second finds an empty directory, and the first makes its index before the second gets the lock.
        let memory = MemoryFileSystem(seed: 1)
        try memory.createDirectory("/d")
        let fileSystem = FaultyFileSystem(memory) { call in
            if call.kind == .lock {
                try? DirectoryWriter.create(fileSystem: memory, path: "/d", schema: []).close()
            }
            return nil
        }
        #expect(codeThrown { _ = try create(fileSystem, "/d") } == .alreadyExists)
        #expect(try SampleIndex.verified(memory, "/d").generation == 1)
        try DirectoryWriter.open(fileSystem: memory, path: "/d").close()
    }

    @Test("of a generation that another has made is left alone")
    func anotherGeneration() throws {
        let fileSystem = MemoryFileSystem(seed: 1)
        let writer = try create(fileSystem, "/d")
        try put([1], fileSystem, "/d/\(Manifest.fileName(2))")
        #expect(codeThrown { _ = try writer.commit { _ in } } == .alreadyExists)
        #expect(writer.poison?.code == .alreadyExists)
        #expect(try bytes(fileSystem, "/d/\(Manifest.fileName(2))") == [1])
    }

    @Test("is made only where nothing is", arguments: FileSystemKind.allCases)
    func createsInEmptyDirectories(_ kind: FileSystemKind) throws {
        let (fileSystem, path, owner) = try place(kind)
        defer { withExtendedLifetime(owner) {} }
        #expect(codeThrown { _ = try create(fileSystem, path + "/none/index") } == .notFound)
        try fileSystem.createDirectory(path)
        try put([1], fileSystem, "\(path)/notes.txt")
        let error = #expect(throws: GranaryError.self) { _ = try create(fileSystem, path) }
        #expect(error?.code == .alreadyExists)
        #expect(error?.message.contains("notes.txt") == true)
        #expect(try fileSystem.list(path) == ["notes.txt"])
        try fileSystem.unlink("\(path)/notes.txt")
        try create(fileSystem, path).close()
        #expect(codeThrown { _ = try create(fileSystem, path) } == .alreadyExists)
        try DirectoryWriter.open(fileSystem: fileSystem, path: path).close()
        #expect(codeThrown { _ = try create(fileSystem, "\(path)/LOCK") } == .notFound)
    }

    @Test("is made over what an interrupted creation left, and nothing else")
    func createsOverAnInterruptedCreation() throws {
        let fileSystem = MemoryFileSystem(seed: 1)
        try fileSystem.createDirectory("/d")
        try put([], fileSystem, "/d/LOCK")
        try put([1], fileSystem, "/d/\(fileSystem.randomIdentifier()).tmp")
        try create(fileSystem, "/d").close()
        #expect(try fileSystem.list("/d") == ["LOCK", Manifest.fileName(1)])
        try fileSystem.createDirectory("/e")
        let data = "\(fileSystem.randomIdentifier()).blocks"
        try put([1], fileSystem, "/e/\(data)")
        #expect(codeThrown { _ = try create(fileSystem, "/e") } == .alreadyExists)
        #expect(try fileSystem.list("/e") == [data])
    }

    @Test("is not opened where none is", arguments: FileSystemKind.allCases)
    func notAnIndex(_ kind: FileSystemKind) throws {
        let (fileSystem, path, owner) = try place(kind)
        defer { withExtendedLifetime(owner) {} }
        func codes() -> [GranaryError.Code?] {
            [
                codeThrown { _ = try DirectoryWriter.open(fileSystem: fileSystem, path: path) },
                codeThrown { _ = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: path) },
            ]
        }
        #expect(codes() == [.notFound, .notFound])
        try fileSystem.createDirectory(path)
        #expect(codes() == [.notAnIndex, .notAnIndex])
        try put([1], fileSystem, "\(path)/MANIFEST")
        #expect(codes() == [.notAnIndex, .notAnIndex])
        // Not even a lock file is made in a directory that is none of ours.
        #expect(try fileSystem.list(path) == ["MANIFEST"])
    }

    @Test(
        "keeps files that are not the engine's, and sheds what a crash left",
        arguments: FileSystemKind.allCases)
    func leftovers(_ kind: FileSystemKind) throws {
        let (fileSystem, path, owner) = try place(kind)
        defer { withExtendedLifetime(owner) {} }
        let writer = try create(fileSystem, path)
        for _ in 0..<3 { try SampleIndex.commit(writer) }
        let expected = Set(try fileSystem.list(path))
        writer.close()
        let id = fileSystem.randomIdentifier()
        let foreign = [
            "README", "\(id)", "\(id).json", "\(id).blocks.old", "x\(id).blocks", "\(id).TMP", "notes.tmp",
            "MANIFEST-1",
            ".hidden", "é.tmp",
        ]
        for name in foreign { try put([7], fileSystem, "\(path)/\(name)") }
        try fileSystem.createDirectory("\(path)/\(fileSystem.randomIdentifier()).tmp")
        let folder = try fileSystem.list(path).first { $0.hasSuffix(".tmp") && $0.count == 36 }
        for kind in FileKind.allCases {
            try put([8], fileSystem, "\(path)/\(fileSystem.randomIdentifier()).\(kind)")
        }
        try put([9], fileSystem, "\(path)/\(fileSystem.randomIdentifier()).tmp")
        try put([9], fileSystem, "\(path)/\(Manifest.fileName(1))")
        let again = try DirectoryWriter.open(fileSystem: fileSystem, path: path)
        #expect(Set(try fileSystem.list(path)) == expected.union(foreign).union([folder].compactMap { $0 }))
        for name in foreign { #expect(try bytes(fileSystem, "\(path)/\(name)") == [7]) }
        again.destroy()
        #expect(Set(try fileSystem.list(path)) == Set(foreign).union([folder].compactMap { $0 }))
    }

    @Test("sheds nothing while the generation before cannot be read")
    func unreadablePrevious() throws {
        let fileSystem = MemoryFileSystem(seed: 1)
        let writer = try create(fileSystem, "/d")
        for _ in 0..<2 { try SampleIndex.commit(writer) }
        writer.close()
        let before = try fileSystem.list("/d")
        let faulty = FaultyFileSystem(fileSystem) { call in
            call.kind == .openForReading && call.path.hasSuffix(Manifest.fileName(2)) ? .fail(EMFILE) : nil
        }
        try DirectoryWriter.open(fileSystem: faulty, path: "/d").close()
        #expect(try fileSystem.list("/d") == before)
    }

    @Test("is removed with destroy, and a closed writer removes nothing", arguments: FileSystemKind.allCases)
    func destroys(_ kind: FileSystemKind) throws {
        let (fileSystem, path, owner) = try place(kind)
        defer { withExtendedLifetime(owner) {} }
        var writer = try create(fileSystem, path)
        try SampleIndex.commit(writer)
        writer.close()
        writer.destroy()
        try SampleIndex.verified(fileSystem, path)
        writer = try DirectoryWriter.open(fileSystem: fileSystem, path: path)
        writer.destroy()
        #expect(try fileSystem.list(path) == [])
    }

    @Test("whose newest manifest is damaged is not opened at an older one")
    func damagedManifest() throws {
        let memory = MemoryFileSystem(seed: 1)
        let writer = try create(memory, "/d")
        for _ in 0..<2 { try SampleIndex.commit(writer) }
        writer.close()
        let name = "/d/\(Manifest.fileName(3))"
        let sound = try bytes(memory, name)
        let cases: [([UInt8], GranaryError.Code)] = [
            ([], .truncated), (Array(sound.prefix(100)), .truncated), (sound + [0], .truncated),
            ([sound[0] ^ 1] + sound.dropFirst(), .wrongFile), (Array(repeating: 0, count: 300), .wrongFile),
            (try bytes(memory, "/d/\(Manifest.fileName(2))"), .wrongFile),
            (sound.dropLast(30) + [sound[sound.count - 30] ^ 4] + sound.suffix(29), .checksumMismatch),
        ]
        for (bytes, code) in cases {
            var entries = memory.entries
            entries[name] = .file(bytes: bytes, number: 1)
            let damaged = MemoryFileSystem(entries, seed: 2)
            let names = try damaged.list("/d")
            #expect(
                codeThrown { _ = try IndexDirectory.latestManifest(fileSystem: damaged, path: "/d") } == code)
            #expect(codeThrown { _ = try DirectoryWriter.open(fileSystem: damaged, path: "/d") } == code)
            #expect(try damaged.list("/d") == names)
        }
    }

    @Test("whose file is missing, cut, swapped or of another index is not opened for writing")
    func damagedFiles() throws {
        let memory = MemoryFileSystem(seed: 1)
        let writer = try create(memory, "/d")
        let manifest = try SampleIndex.commit(writer)
        writer.close()
        let paths = manifest.files.map { "/d/\($0.name)" }
        let (first, second) = (try bytes(memory, paths[0]), try bytes(memory, paths[1]))
        let cases: [(MemoryFileSystem.Entry?, GranaryError.Code)] = [
            (nil, .notFound), (.directory, .wrongFile), (.file(bytes: [], number: 1), .truncated),
            (.file(bytes: second, number: 1), .wrongFile), (.file(bytes: first + [0], number: 1), .wrongFile),
            (.file(bytes: first.dropLast(), number: 1), .truncated),
            (.file(bytes: first.dropLast(9) + [0] + first.suffix(8), number: 1), .checksumMismatch),
        ]
        for (entry, code) in cases {
            var entries = memory.entries
            entries[paths[0]] = entry
            let damaged = MemoryFileSystem(entries, seed: 2)
            #expect(codeThrown { _ = try DirectoryWriter.open(fileSystem: damaged, path: "/d") } == code)
            // The lock is free again.
            #expect(codeThrown { _ = try DirectoryWriter.open(fileSystem: damaged, path: "/d") } == code)
        }
    }

    @Test("with features that this version cannot write is read, and not written")
    func readOnlyFeatures() throws {
        let memory = MemoryFileSystem(seed: 1)
        let writer = try create(memory, "/d")
        _ = try writer.commit { $0.readOnlyCompatibleFlags = 2 }
        writer.close()
        #expect(try IndexDirectory.latestManifest(fileSystem: memory, path: "/d").generation == 2)
        #expect(codeThrown { _ = try DirectoryWriter.open(fileSystem: memory, path: "/d") } == .unsupported)
    }

    @Test("refuses a commit that could not be read back, and goes on")
    func unreadableCommit() throws {
        let memory = MemoryFileSystem(seed: 1)
        let writer = try create(memory, "/d")
        #expect(
            codeThrown {
                _ = try writer.commit {
                    $0.userData = [UInt8](repeating: 0, count: Manifest.largestUserData + 1)
                }
            } == .tooLarge)
        let segment = SegmentRecord(
            files: [9], deadFile: nil, documents: 1, dead: 0, firstSequence: 0, lastSequence: 0, ordinal: 0)
        #expect(codeThrown { _ = try writer.commit { $0.segments = [segment] } } == .invalidArgument)
        #expect(writer.poison == nil)
        #expect(try SampleIndex.commit(writer).generation == 2)
        #expect(try memory.list("/d").count == 5)
    }

    @Test("is found though a listing misses the names that commits change meanwhile")
    func listingRacesWriter() throws {
        let memory = MemoryFileSystem(seed: 1)
        try create(memory, "/d").close()
        let (name, hidden) = ("/d/\(Manifest.fileName(1))", "/d/hidden")
        let fileSystem = FaultyFileSystem(memory) { call in
            if call.kind == .list {
                try? call.number == 1 ? memory.rename(name, to: hidden) : memory.rename(hidden, to: name)
            }
            return nil
        }
        #expect(try IndexDirectory.latestManifest(fileSystem: fileSystem, path: "/d").generation == 1)
        #expect(fileSystem.callCount > 2)
    }

    @Test("is opened though commits go on between listing and reading")
    func readerRacesWriter() throws {
        let memory = MemoryFileSystem(seed: 1)
        let writer = try create(memory, "/d")
        let racing = Racing(writer)
        let fileSystem = FaultyFileSystem(memory) { call in
            // The generation that was listed is dropped before it is opened.
            if call.kind == .openForReading { racing.commitTwice() }
            return nil
        }
        #expect(
            codeThrown { _ = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: "/d") } == nil)
        #expect(racing.generation >= 5)
    }
}

/// Commits between the calls of a reader, a few times.
private final class Racing: @unchecked Sendable {
    // SAFETY: used by one thread, that of the test.
    private let writer: DirectoryWriter
    private var rounds = 0

    init(_ writer: DirectoryWriter) { self.writer = writer }

    var generation: UInt64 { writer.manifest.generation }

    func commitTwice() {
        guard rounds < 3 else { return }
        rounds += 1
        for _ in 0..<2 { _ = try? writer.commit { _ in } }
    }
}
