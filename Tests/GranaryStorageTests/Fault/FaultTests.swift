import Foundation
import GranaryStorage
import TestSupport
import Testing

/// What a test does to the i-th call.
struct Fault: CustomTestStringConvertible, Sendable {
    let effect: FaultyFileSystem.Effect
    let isSticky: Bool

    var testDescription: String { "\(effect), \(isSticky ? "from then on" : "once")" }

    static let all: [Fault] = [EIO, ENOSPC, EDQUOT, EMFILE, EACCES, EEXIST].flatMap { number in
        [.fail(number), .failHalfway(number), .failAfterwards(number)].map {
            Fault(effect: $0, isSticky: false)
        }
            + [Fault(effect: .fail(number), isSticky: true)]
    }
}

@Suite("When a call fails")
struct FaultTests {
    private static let path = "/d"

    /// How often an error code came, so that a test can tell that its faults did something.
    private struct Tally {
        var failures = 0
        var successes = 0
        var codes = Set<GranaryError.Code>()
    }

    private func makeIndex(commits: Int) throws -> (memory: MemoryFileSystem, manifest: Manifest) {
        let memory = MemoryFileSystem(seed: 3)
        let writer = try DirectoryWriter.create(fileSystem: memory, path: Self.path, schema: [1])
        for _ in 0..<commits { try SampleIndex.commit(writer) }
        writer.close()
        return (memory, writer.manifest)
    }

    /// Opens, commits and verifies, which must work once there are no more faults.
    private func goOn(_ fileSystem: any FileSystem, after generation: UInt64) throws {
        let writer = try DirectoryWriter.open(fileSystem: fileSystem, path: Self.path)
        let next = try SampleIndex.commit(writer)
        #expect(next.generation > generation)
        writer.close()
        #expect(try SampleIndex.verified(fileSystem, Self.path) == next)
        // Two generations of two commits have three pairs of files at most.
        let reopened = try DirectoryWriter.open(fileSystem: fileSystem, path: Self.path)
        let names = try fileSystem.list(Self.path)
        let data = names.filter { $0.hasSuffix(".blocks") || $0.hasSuffix(".summary") }
        #expect(!names.contains { $0.hasSuffix(".tmp") })
        #expect(data.count <= 6, "\(names)")
        #expect(names.count { $0.hasPrefix("MANIFEST-") } == 2)
        reopened.close()
    }

    @Test("making an index fails with a code and leaves nothing, or succeeds", arguments: Fault.all)
    func creation(_ fault: Fault) throws {
        var tally = Tally()
        let clean = FaultyFileSystem(MemoryFileSystem(seed: 3))
        _ = try DirectoryWriter.create(fileSystem: clean, path: Self.path, schema: [1])
        try #require(clean.callCount > 8)
        for number in 1...clean.callCount {
            let memory = MemoryFileSystem(seed: 3)
            let fileSystem = FaultyFileSystem(
                memory, rule: FaultyFileSystem.at(number, fault.effect, isSticky: fault.isSticky))
            do throws(GranaryError) {
                let writer = try DirectoryWriter.create(fileSystem: fileSystem, path: Self.path, schema: [1])
                writer.close()
                try SampleIndex.verified(memory, Self.path)
                tally.successes += 1
            } catch {
                tally.failures += 1
                #expect(error.systemError != nil || error.code == .alreadyExists, "call \(number): \(error)")
                tally.codes.insert(error.code)
                // A call whose answer was lost, and what cannot be removed, may leave an empty shell, never
                // an index.
                if !fault.isSticky, case .fail = fault.effect {
                    #expect(try memory.status(Self.path) == nil, "call \(number): \(error)")
                }
            }
            fileSystem.follow(nil)
            if codeThrown({ _ = try IndexDirectory.latestManifest(fileSystem: memory, path: Self.path) })
                != nil
            {
                let writer = try DirectoryWriter.create(fileSystem: fileSystem, path: Self.path, schema: [1])
                writer.close()
            }
            try goOn(fileSystem, after: 1)
        }
        #expect(tally.failures > 5)
    }

    @Test("a commit fails with a code or succeeds, and the generation before is whole", arguments: Fault.all)
    func commit(_ fault: Fault) throws {
        var tally = Tally()
        var (number, last) = (1, Int.max)
        while number <= last {
            let (memory, before) = try makeIndex(commits: 2)
            let fileSystem = FaultyFileSystem(memory)
            let writer = try DirectoryWriter.open(fileSystem: fileSystem, path: Self.path)
            if number == 1 {
                fileSystem.follow(nil)
                let other = try makeIndex(commits: 2).memory
                let counting = FaultyFileSystem(other)
                let clean = try DirectoryWriter.open(fileSystem: counting, path: Self.path)
                counting.follow(nil)
                try SampleIndex.commit(clean)
                last = counting.callCount
            }
            fileSystem.follow(FaultyFileSystem.at(number, fault.effect, isSticky: fault.isSticky))
            var isPoisoned = false
            do throws(GranaryError) {
                let next = try SampleIndex.commit(writer)
                #expect(try SampleIndex.verified(memory, Self.path) == next)
                tally.successes += 1
            } catch {
                tally.failures += 1
                tally.codes.insert(error.code)
                isPoisoned = writer.poison != nil
                let after = try SampleIndex.verified(memory, Self.path)
                if error.code == .commitUncertain {
                    #expect([before.generation, before.generation + 1].contains(after.generation))
                } else {
                    #expect(after == before, "call \(number): \(error)")
                }
            }
            fileSystem.follow(nil)
            if isPoisoned {
                #expect(codeThrown { try SampleIndex.commit(writer) } == .writerPoisoned)
            } else {
                let next = try SampleIndex.commit(writer)
                #expect(try SampleIndex.verified(memory, Self.path) == next, "call \(number)")
            }
            writer.close()
            try goOn(fileSystem, after: before.generation)
            number += 1
        }
        #expect(last > 15)
        #expect(tally.failures > 8)
    }

    @Test("opening for writing fails with a code or succeeds, and loses nothing", arguments: Fault.all)
    func opening(_ fault: Fault) throws {
        var (number, last) = (1, Int.max)
        var failures = 0
        while number <= last {
            let (memory, before) = try makeIndex(commits: 3)
            // What a crash leaves, to be removed.
            _ = try SampleIndex.file(memory, Self.path, index: before.index)
            _ = try memory.create("\(Self.path)/\(memory.randomIdentifier()).tmp")
            let fileSystem = FaultyFileSystem(memory)
            if number == 1 {
                let clean = FaultyFileSystem(try makeIndex(commits: 3).memory)
                _ = try DirectoryWriter.open(fileSystem: clean, path: Self.path)
                last = clean.callCount + 2
            }
            fileSystem.follow(FaultyFileSystem.at(number, fault.effect, isSticky: fault.isSticky))
            do throws(GranaryError) {
                try DirectoryWriter.open(fileSystem: fileSystem, path: Self.path).close()
            } catch {
                failures += 1
            }
            fileSystem.follow(nil)
            #expect(try SampleIndex.verified(memory, Self.path) == before, "call \(number)")
            let previous = try IndexDirectory.manifest(
                before.generation - 1, fileSystem: memory, path: Self.path)
            for file in previous.files { #expect(try memory.status("\(Self.path)/\(file.name)") != nil) }
            try goOn(fileSystem, after: before.generation)
            number += 1
        }
        #expect(failures > 8)
    }

    @Test("a full disk does not poison the writer, whichever call meets it", arguments: [ENOSPC, EDQUOT])
    func fullDisk(_ systemError: Int32) throws {
        for kind in [FaultyFileSystem.Kind.create, .write, .sync, .rename] {
            let (memory, before) = try makeIndex(commits: 1)
            let fileSystem = FaultyFileSystem(memory)
            let writer = try DirectoryWriter.open(fileSystem: fileSystem, path: Self.path)
            fileSystem.follow { $0.kind == kind ? .failHalfway(systemError) : nil }
            for _ in 0..<3 {
                #expect(codeThrown { try SampleIndex.commit(writer) } == .diskFull, "\(kind)")
                #expect(codeThrown { _ = try writer.commit { _ in } } == .diskFull, "\(kind)")
            }
            #expect(writer.poison == nil)
            #expect(try SampleIndex.verified(memory, Self.path) == before)
            let names = try memory.list(Self.path)
            #expect(names.count == 2 + 1 + 2, "nothing is left over: \(names)")
            fileSystem.follow(nil)
            #expect(try SampleIndex.commit(writer).generation == before.generation + 1)
        }
    }

    @Test(
        "a rename that was done though it failed is taken for what it did", arguments: [EIO, ENOSPC, EEXIST])
    func renameWithoutAnswer(_ systemError: Int32) throws {
        let (memory, before) = try makeIndex(commits: 1)
        let fileSystem = FaultyFileSystem(memory)
        let writer = try DirectoryWriter.open(fileSystem: fileSystem, path: Self.path)
        fileSystem.follow { $0.kind == .rename ? .failAfterwards(systemError) : nil }
        #expect(codeThrown { try SampleIndex.commit(writer) } == .commitUncertain)
        #expect(codeThrown { try SampleIndex.commit(writer) } == .writerPoisoned)
        #expect(try SampleIndex.verified(memory, Self.path).generation == before.generation + 1)
    }

    @Test("a manifest that is linked though its renaming failed is not another writer's")
    func linkedWithoutAnswer() throws {
        let (memory, before) = try makeIndex(commits: 1)
        let fileSystem = FaultyFileSystem(memory)
        let writer = try DirectoryWriter.open(fileSystem: fileSystem, path: Self.path)
        let target = "\(Self.path)/\(Manifest.fileName(before.generation + 1))"
        fileSystem.follow { call in
            guard call.kind == .rename else { return nil }
            try? memory.link(call.path, to: target)
            return .fail(EEXIST)
        }
        #expect(codeThrown { try SampleIndex.commit(writer) } == .commitUncertain)
        #expect(try SampleIndex.verified(memory, Self.path).generation == before.generation + 1)
    }

    @Test("a sync that fails is never tried again on the same file")
    func syncIsNotRetried() throws {
        for systemError in [EIO, ENOSPC] {
            let (memory, _) = try makeIndex(commits: 1)
            let fileSystem = FaultyFileSystem(memory)
            let writer = try DirectoryWriter.open(fileSystem: fileSystem, path: Self.path)
            let container = try ContainerWriter(
                fileSystem: fileSystem, directory: Self.path, kind: .blocks, index: writer.index,
                id: fileSystem.randomIdentifier())
            fileSystem.follow { $0.kind == .sync ? .fail(systemError) : nil }
            #expect(codeThrown { _ = try container.finish() } == (systemError == EIO ? .io : .diskFull))
            fileSystem.follow(nil)
            #expect(codeThrown { _ = try container.finish() } == .invalidArgument)
            #expect(try memory.status(container.path) == nil)
        }
    }

    @Test("a write that fails ends its file")
    func writeFailureEndsTheFile() throws {
        let memory = MemoryFileSystem(seed: 1)
        try memory.createDirectory("/d")
        let fileSystem = FaultyFileSystem(memory)
        let container = try ContainerWriter(
            fileSystem: fileSystem, directory: "/d", kind: .blocks, index: memory.randomIdentifier(),
            id: memory.randomIdentifier())
        try container.beginSection(SampleIndex.letters)
        try container.append([1, 2, 3])
        fileSystem.follow { $0.kind == .write ? .failHalfway(ENOSPC) : nil }
        #expect(codeThrown { try container.endSection(elements: 3) } == .diskFull)
        fileSystem.follow(nil)
        #expect(codeThrown { try container.endSection(elements: 3) } == .invalidArgument)
        #expect(codeThrown { try container.append([4]) } == .invalidArgument)
        #expect(codeThrown { _ = try container.finish() } == .invalidArgument)
        #expect(try memory.list("/d") == [])
    }

    @Test(
        "the code says what kind of failure it was",
        arguments: [
            (EIO, GranaryError.Code.io), (EMFILE, .io), (ENOSPC, .diskFull), (EDQUOT, .diskFull),
            (EFBIG, .diskFull),
            (ENOENT, .notFound), (ENOTDIR, .notFound), (EEXIST, .alreadyExists), (ENOTEMPTY, .alreadyExists),
            (EACCES, .permissionDenied), (EPERM, .permissionDenied), (EROFS, .permissionDenied),
            (ELOOP, .wrongFile),
            (EISDIR, .wrongFile),
        ])
    func codes(_ systemError: Int32, _ code: GranaryError.Code) throws {
        for kind in FaultyFileSystem.Kind.allCases {
            let memory = MemoryFileSystem(seed: 1)
            try memory.createDirectory("/d")
            let fileSystem = FaultyFileSystem(memory)
            let file = try fileSystem.create("/d/a")
            fileSystem.follow { $0.kind == kind ? .fail(systemError) : nil }
            let error = #expect(throws: GranaryError.self, "\(kind)") {
                _ = try fileSystem.openForReading("/d/a")
                try fileSystem.link("/d/a", to: "/d/b")
                try fileSystem.rename("/d/b", to: "/d/c")
                try fileSystem.unlink("/d/c")
                try fileSystem.createDirectory("/d/sub")
                try fileSystem.removeDirectory("/d/sub")
                _ = try fileSystem.list("/d")
                _ = try fileSystem.status("/d")
                try fileSystem.syncDirectory("/d")
                _ = try fileSystem.lock("/d/LOCK", stamp: "x")
                _ = try fileSystem.freeBytes("/d")
                try file.write([1 as UInt8].rawBytes, at: 0)
                try file.sync()
                _ = try file.length()
                _ = try file.read(at: 0, count: 1)
                _ = try file.map()
                _ = try fileSystem.create("/d/x")
            }
            #expect(error?.code == code && error?.systemError == systemError, "\(kind)")
            #expect(error?.path?.hasPrefix("/d") == true)
        }
    }
}
