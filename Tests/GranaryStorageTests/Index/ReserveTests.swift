import Foundation
import GranaryStorage
import TestSupport
import Testing

@Suite("The reserve")
struct ReserveTests {
    private let memory = MemoryFileSystem(seed: 1)
    private let path = "/d/RESERVE"

    private func create(_ bytes: Int, _ fileSystem: any FileSystem) throws -> DirectoryWriter {
        try DirectoryWriter.create(fileSystem: fileSystem, path: "/d", schema: [1], reserveBytes: bytes)
    }

    private func length() throws -> UInt64? { try memory.status(path)?.length }

    /// A disk on which nothing can be written while its reserve is there.
    private func fullDisk() -> FaultyFileSystem {
        let (memory, path) = (memory, path)
        return FaultyFileSystem(memory) { call in
            let isWrite = call.kind == .write || call.kind == .create || call.kind == .sync
            return isWrite && (try? memory.status(path)) != .some(nil) ? .fail(ENOSPC) : nil
        }
    }

    @Test("is made as large as it is wanted, of bytes that do not compress, and stays")
    func made() throws {
        let writer = try create(3_000_001, memory)
        #expect(try length() == 3_000_001)
        let file = try memory.openForReading(path)
        let bytes = try file.read(at: 0, count: 3_000_001)
        var counts = [Int](repeating: 0, count: 256)
        for byte in bytes { counts[Int(byte)] += 1 }
        #expect(counts.allSatisfy { (10_000..<14_000).contains($0) })
        #expect(bytes[..<1000] != bytes[(1 << 20)..<(1 << 20) + 1000])
        let identity = try memory.status(path)?.identity
        for _ in 0..<3 { try SampleIndex.commit(writer) }
        writer.close()
        for wanted in [0, 10, 3_000_001] {
            try DirectoryWriter.open(fileSystem: memory, path: "/d", reserveBytes: wanted).close()
            #expect(try memory.status(path)?.identity == identity, "\(wanted)")
        }
        try DirectoryWriter.open(fileSystem: memory, path: "/d", reserveBytes: 3_000_002).close()
        #expect(try length() == 3_000_002)
    }

    @Test("is not made when none is wanted, there is no room to spare or it cannot be written")
    func notMade() throws {
        try create(0, memory).close()
        #expect(try length() == nil)
        for kind in [FaultyFileSystem.Kind.create, .write, .sync, .rename, .freeBytes, .status] {
            let faulty = FaultyFileSystem(memory) { call in
                call.kind == kind && (call.path.hasSuffix("tmp") || call.path == "/d" || call.path == path)
                    ? .fail(EIO) : nil
            }
            let writer = try DirectoryWriter.open(fileSystem: faulty, path: "/d", reserveBytes: 100)
            #expect(try length() == nil, "\(kind)")
            #expect(try memory.list("/d").count == 2, "\(kind)")
            faulty.follow(nil)
            #expect(writer.poison == nil)
            // Made later, after a commit.
            try SampleIndex.commit(writer)
            #expect(try length() == 100, "\(kind)")
            writer.destroy()
            #expect(try memory.list("/d") == [])
            try create(0, memory).close()
        }
        try DirectoryWriter.open(fileSystem: memory, path: "/d", reserveBytes: 1 << 40).close()
        #expect(try length() == nil)
    }

    @Test("is given up when the disk is full, so that a commit succeeds, and made again after it")
    func givenUpForManifest() throws {
        try create(100, memory).close()
        let faulty = FaultyFileSystem(memory)
        let writer = try DirectoryWriter.open(fileSystem: faulty, path: "/d", reserveBytes: 100)
        let identity = try memory.status(path)?.identity
        let (memory, path) = (memory, path)
        for kind in [FaultyFileSystem.Kind.create, .write, .sync, .rename] {
            let before = try memory.status(path)?.identity
            faulty.follow { call in
                let isThere = (try? memory.status(path))??.identity == before
                return call.kind == kind && isThere ? .failHalfway(ENOSPC) : nil
            }
            let next = try writer.commit { $0.userData.append(1) }
            #expect(try SampleIndex.verified(memory, "/d") == next)
            #expect(try length() == 100)
            #expect(try memory.status(path)?.identity != before, "\(kind)")
            #expect(try memory.list("/d").count == 4)
        }
        #expect(writer.manifest.userData == [1, 1, 1, 1] && identity != nil)
    }

    @Test("is given up once for whatever asks for it, and by whoever comes first for all")
    func givenUpForWork() throws {
        let faulty = fullDisk()
        faulty.follow(nil)
        let writer = try create(100, faulty)
        let full = GranaryError(.diskFull, "no room")
        var calls = 0
        let done = try writer.givingUpReserve { () throws(GranaryError) -> Int in
            calls += 1
            if calls == 1 { throw full }
            return calls
        }
        #expect(done == 2)
        #expect(try length() == nil)
        calls = 0
        func fail() throws(GranaryError) {
            calls += 1
            throw full
        }
        #expect(codeThrown { try writer.givingUpReserve(fail) } == .diskFull)
        #expect(calls == 1)
        try SampleIndex.commit(writer)
        #expect(try length() == 100)
        calls = 0
        #expect(codeThrown { try writer.givingUpReserve(fail) } == .diskFull)
        #expect(calls == 2)
        // Another thread gives it up while this one runs into the full disk.
        try SampleIndex.commit(writer)
        calls = 0
        try writer.givingUpReserve { () throws(GranaryError) in
            calls += 1
            guard calls == 1 else { return }
            _ = codeThrown { try writer.givingUpReserve { () throws(GranaryError) in throw full } }
            throw full
        }
        #expect(calls == 2)
    }

    @Test("is not given up for any other failure, nor by a writer that is poisoned")
    func keptOtherwise() throws {
        let writer = try create(100, memory)
        for code in [GranaryError.Code.io, .cancelled, .permissionDenied] {
            #expect(
                codeThrown {
                    try writer.givingUpReserve { () throws(GranaryError) in throw GranaryError(code, "no") }
                } == code)
        }
        writer.poison(GranaryError(.io, "odd"))
        #expect(
            codeThrown {
                try writer.givingUpReserve { () throws(GranaryError) in throw GranaryError(.diskFull, "no") }
            } == .diskFull)
        #expect(try length() == 100)
    }

    @Test("that an interrupted removal has left does not stand in the way of a new index")
    func survivesInterruptedRemoval() throws {
        try memory.createDirectory("/d")
        let file = try memory.create(path)
        try file.write([1 as UInt8].rawBytes, at: 0)
        let writer = try create(50, memory)
        #expect(try length() == 50)
        writer.destroy()
        #expect(try memory.list("/d") == [])
    }
}
