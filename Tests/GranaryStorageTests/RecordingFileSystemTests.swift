import Foundation
import GranaryStorage
import Testing

@Suite("Recorded operations")
struct RecordingFileSystemTests {
    private let fileSystem = RecordingFileSystem()

    /// What `/a` and `/b` hold in each image after the last operation, in words.
    private func outcomes(
        _ fileSystem: RecordingFileSystem, names: [String] = ["/a"], options: CrashImageOptions? = nil
    ) -> Set<String> {
        var options = options ?? CrashImageOptions()
        options.firstOperation = max(options.firstOperation, fileSystem.operations.count)
        var found = Set<String>()
        _ = fileSystem.forEachCrashImage(options) { image in
            found.insert(
                names.map { name in
                    switch image.entries[name] {
                    case .file(let bytes, _):
                        String(decoding: bytes.map { $0 == 0 ? 48 : $0 == 0xa5 ? 63 : $0 }, as: UTF8.self)
                    case .directory: "/"
                    case nil: "-"
                    }
                }.joined(separator: " "))
        }
        return found
    }

    private func write(_ text: String, to file: any WritableFile, at offset: UInt64 = 0) throws {
        try file.write(Array(text.utf8).rawBytes, at: offset)
    }

    @Test("are kept in order, with what they did it to")
    func operations() throws {
        let file = try fileSystem.create("/a")
        try write("ab", to: file)
        try file.sync()
        try fileSystem.rename("/a", to: "/b")
        try fileSystem.link("/b", to: "/c")
        try fileSystem.syncDirectory("/")
        try fileSystem.unlink("/c")
        try fileSystem.createDirectory("/d")
        try fileSystem.removeDirectory("/d")
        fileSystem.note("done", 3)
        #expect(codeThrown { try fileSystem.rename("/none", to: "/x") } == .notFound)
        guard case .create(_, let number)? = fileSystem.operations.first else {
            Issue.record("expected a creation first")
            return
        }
        #expect(
            fileSystem.operations == [
                .create(path: "/a", file: number), .write(file: number, offset: 0, bytes: Array("ab".utf8)),
                .syncFile(number), .rename(path: "/a", target: "/b"), .link(path: "/c", file: number),
                .syncDirectory(path: "/"), .unlink(path: "/c"), .createDirectory(path: "/d"),
                .removeDirectory(path: "/d"), .note(name: "done", value: 3),
            ])
    }

    @Test("an unsynced write is lost, half done, a hole or whole")
    func unsyncedWrite() throws {
        try write("abcd", to: try fileSystem.create("/a"))
        #expect(
            outcomes(fileSystem) == ["-", "", "0000", "????", "ab", "ab00", "ab??", "00cd", "??cd", "abcd"])
    }

    @Test("a synced file whose name is not synced is whole or absent")
    func syncedFile() throws {
        let file = try fileSystem.create("/a")
        try write("abcd", to: file)
        try file.sync()
        #expect(outcomes(fileSystem) == ["-", "abcd"])
        try fileSystem.syncDirectory("/")
        #expect(outcomes(fileSystem) == ["abcd"])
    }

    @Test("a synced name whose file is not synced is there with anything in it")
    func syncedName() throws {
        try write("ab", to: try fileSystem.create("/a"))
        try fileSystem.syncDirectory("/")
        #expect(outcomes(fileSystem) == ["", "00", "??", "a", "a0", "a?", "0b", "?b", "ab"])
    }

    @Test("overwriting keeps each old half or has each new one")
    func overwriting() throws {
        let file = try fileSystem.create("/a")
        try write("abcd", to: file)
        try file.sync()
        try fileSystem.syncDirectory("/")
        try write("WXYZ", to: file)
        #expect(outcomes(fileSystem) == ["abcd", "WXcd", "abYZ", "WXYZ"])
    }

    @Test("an unsynced rename may lose the old name, miss the new one, or have both")
    func rename() throws {
        let file = try fileSystem.create("/a")
        try write("x", to: file)
        try file.sync()
        try fileSystem.syncDirectory("/")
        try fileSystem.rename("/a", to: "/b")
        #expect(outcomes(fileSystem, names: ["/a", "/b"]) == ["x -", "- x", "x x", "- -"])
        try fileSystem.syncDirectory("/")
        #expect(outcomes(fileSystem, names: ["/a", "/b"]) == ["- x"])
    }

    @Test("an unsynced removal may come back, and a new directory may be missing with all in it")
    func removalAndDirectories() throws {
        let file = try fileSystem.create("/a")
        try file.sync()
        try fileSystem.syncDirectory("/")
        try fileSystem.unlink("/a")
        #expect(outcomes(fileSystem) == ["", "-"])
        try fileSystem.syncDirectory("/")
        try fileSystem.createDirectory("/d")
        let inner = try fileSystem.create("/d/x")
        try write("x", to: inner)
        try inner.sync()
        try fileSystem.syncDirectory("/d")
        #expect(outcomes(fileSystem, names: ["/d", "/d/x"]) == ["- -", "/ x"])
    }

    @Test("are tried after each of them, with what had been said until then")
    func prefixesAndNotes() throws {
        fileSystem.note("step", 1)
        let file = try fileSystem.create("/a")
        fileSystem.note("step", 2)
        try file.sync()
        try fileSystem.syncDirectory("/")
        var seen = Set<String>()
        let count = fileSystem.forEachCrashImage { image in
            seen.insert(
                "\(image.notes["step"] ?? 0) \(image.entries["/a"] == nil ? "-" : "+") at \(image.operation)")
        }
        #expect(seen == ["0 - at 0", "1 - at 1", "1 + at 2", "2 - at 3", "2 + at 3"])
        #expect(count == 5)
    }

    @Test("beyond the exhaustive number are sampled, always the same way, with the telling ones among them")
    func sampling() throws {
        func record() throws -> RecordingFileSystem {
            let fileSystem = RecordingFileSystem()
            for number in 0..<12 { _ = try fileSystem.create("/\(number)") }
            return fileSystem
        }
        let names = (0..<12).map { "/\($0)" }
        let all = outcomes(try record(), names: names)
        #expect(all == outcomes(try record(), names: names))
        #expect(all.count > 60 && all.count < 1 << 12)
        func word(_ isThere: (Int) -> Bool) -> String {
            (0..<12).map { isThere($0) ? "" : "-" }.joined(separator: " ")
        }
        for position in 0...12 {
            #expect(all.contains(word { $0 < position }), "the first \(position)")
            #expect(all.contains(word { $0 == position }), "only \(position)")
            #expect(all.contains(word { $0 != position }), "all but \(position)")
        }
        var options = CrashImageOptions()
        options.exhaustiveEffects = 12
        #expect(outcomes(try record(), names: names, options: options).count == 1 << 12)
    }

    @Test("can go on from an image")
    func continues() throws {
        let first = try fileSystem.create("/a")
        try write("x", to: first)
        try fileSystem.link("/a", to: "/b")
        let second = RecordingFileSystem(from: fileSystem.entries)
        #expect(second.operations.isEmpty)
        #expect(outcomes(second, names: ["/a", "/b"]) == ["x x"])
        try second.unlink("/a")
        #expect(outcomes(second, names: ["/a", "/b"]) == ["x x", "- x"])
        #expect(try second.status("/b")?.length == 1)
    }
}

@Suite("Injected faults")
struct FaultyFileSystemTests {
    @Test("hit the call that a rule picks, once or for ever")
    func rules() throws {
        let fileSystem = FaultyFileSystem(MemoryFileSystem())
        fileSystem.follow(FaultyFileSystem.at(2, .fail(EIO)))
        #expect((1...4).map { _ in codeThrown { _ = try fileSystem.list("/") } } == [nil, .io, nil, nil])
        #expect(fileSystem.callCount == 4)
        fileSystem.follow(FaultyFileSystem.at(2, .fail(ENOSPC), isSticky: true))
        #expect(
            (1...4).map { _ in codeThrown { _ = try fileSystem.list("/") } } == [
                nil, .diskFull, .diskFull, .diskFull,
            ])
        fileSystem.follow(nil)
        #expect(codeThrown { _ = try fileSystem.list("/") } == nil)
    }

    @Test("do nothing, half or all of the call, as they are told")
    func effects() throws {
        func outcome(_ effect: FaultyFileSystem.Effect) throws -> (code: GranaryError.Code?, length: UInt64?)
        {
            let memory = MemoryFileSystem()
            let fileSystem = FaultyFileSystem(memory)
            let file = try fileSystem.create("/a")
            fileSystem.follow { $0.kind == .write && $0.path == "/a" ? effect : nil }
            let code = codeThrown { try file.write([1, 2, 3, 4].rawBytes, at: 0) }
            return (code, try memory.status("/a")?.length)
        }
        #expect(try outcome(.fail(EIO)) == (.io, 0))
        #expect(try outcome(.failHalfway(ENOSPC)) == (.diskFull, 16))
        #expect(try outcome(.failAfterwards(EIO)) == (.io, 32))
        #expect(try outcome(.skip) == (nil, 0))
    }

    @Test("make a call later, after the next one of a kind")
    func postpones() throws {
        let recording = RecordingFileSystem()
        let fileSystem = FaultyFileSystem(recording)
        fileSystem.follow { $0.kind == .sync || $0.number == 5 ? .postpone(until: .rename) : nil }
        let file = try fileSystem.create("/a")
        try file.write([1 as UInt8].rawBytes, at: 0)
        try file.sync()
        file.close()
        try fileSystem.syncDirectory("/")
        try fileSystem.syncDirectory("/")
        #expect(recording.operations.count == 3)
        try fileSystem.rename("/a", to: "/b")
        try fileSystem.rename("/b", to: "/c")
        guard case .create(_, let number) = recording.operations[0] else { return }
        #expect(
            Array(recording.operations[2...]) == [
                .syncDirectory(path: "/"), .rename(path: "/a", target: "/b"), .syncFile(number),
                .syncDirectory(path: "/"), .rename(path: "/b", target: "/c"),
            ])
    }

    @Test("let reads and mappings end early, and nothing else")
    func cuts() throws {
        let fileSystem = FaultyFileSystem(MemoryFileSystem()) { _ in .cut }
        let file = try fileSystem.create("/a")
        try file.write([1 as UInt8, 2].rawBytes, at: 0)
        #expect(try file.length() == 2)
        #expect(codeThrown { _ = try file.read(at: 0, count: 1) } == .truncated)
        #expect(codeThrown { _ = try file.map() } == .truncated)
    }

    @Test("know the change before, through the files too")
    func previousChange() throws {
        let fileSystem = FaultyFileSystem(MemoryFileSystem())
        let file = try fileSystem.create("/a")
        try file.write([1 as UInt8].rawBytes, at: 0)
        fileSystem.follow { call in
            call.kind == .syncDirectory && call.previousChange == .sync ? .fail(EIO) : nil
        }
        #expect(codeThrown { try fileSystem.syncDirectory("/") } == nil)
        try file.sync()
        _ = try file.length()
        #expect(codeThrown { try fileSystem.syncDirectory("/") } == .io)
        #expect(codeThrown { try fileSystem.syncDirectory("/") } == nil)
    }
}
