import Foundation
import GranaryStorage
import TestSupport
import Testing

@Suite("A data file of another index")
struct AdoptionTests {
    private let memory = MemoryFileSystem(seed: 1)
    private let fileSystem: FaultyFileSystem
    private let source: Manifest
    private let writer: DirectoryWriter

    init() throws {
        fileSystem = FaultyFileSystem(memory)
        let other = try DirectoryWriter.create(fileSystem: memory, path: "/s", schema: [1])
        source = try SampleIndex.commit(other)
        other.close()
        writer = try DirectoryWriter.create(fileSystem: fileSystem, path: "/d", schema: [1])
    }

    private func open(_ place: Int = 0) throws(GranaryError) -> Container {
        try Container.open(fileSystem: fileSystem, directory: "/s", record: source.files[place])
    }

    private func identities() throws -> [FileStatus.Identity?] {
        try ["/s", "/d"].map { try memory.status("\($0)/\(source.files[0].name)")?.identity }
    }

    @Test("is linked, synchronised and committed under its own name")
    func links() throws {
        let syncs = Tally()
        let name = source.files[0].name
        fileSystem.follow { call in
            if call.kind == .sync, call.path.hasSuffix(name) { syncs.count() }
            return nil
        }
        let record = try writer.adopt(try open())
        #expect(record == source.files[0])
        #expect(try identities()[0] == identities()[1])
        // Whoever put the other index there may not have made it durable.
        #expect(syncs.value == 1)
        let next = try writer.commit { $0.files.append(record) }
        #expect(try SampleIndex.verified(memory, "/d") == next)
        #expect(codeThrown { _ = try writer.adopt(try open()) } == .alreadyExists)
    }

    @Test("is copied where links fail, or do not lead to it", arguments: [EXDEV, EPERM, EMLINK, ENOENT, EIO])
    func copies(_ systemError: Int32) throws {
        let file = try open()
        fileSystem.follow { $0.kind == .link ? .fail(systemError) : nil }
        let record = try writer.adopt(file)
        #expect(try identities()[0] != identities()[1])
        let next = try writer.commit { $0.files.append(record) }
        #expect(try SampleIndex.verified(memory, "/d") == next)
    }

    @Test("is copied when its name has gone or is another file's since it was opened", arguments: [0, 1])
    func copiesWhatIsMapped(_ others: Int) throws {
        let file = try open()
        try memory.unlink(file.path)
        if others == 1 { try memory.create(file.path).write([1 as UInt8].rawBytes, at: 0) }
        let record = try writer.adopt(file)
        let next = try writer.commit { $0.files.append(record) }
        #expect(try SampleIndex.verified(memory, "/d") == next)
    }

    @Test("that is damaged is not copied, and nothing is left")
    func damaged() throws {
        var entries = memory.entries
        let name = "/s/\(source.files[0].name)"
        guard case .file(var bytes, let number)? = entries[name] else {
            Issue.record("expected a file")
            return
        }
        bytes[4100] ^= 1
        entries[name] = .file(bytes: bytes, number: number)
        let damaged = MemoryFileSystem(entries, seed: 2)
        let faulty = FaultyFileSystem(damaged) { $0.kind == .link ? .fail(EXDEV) : nil }
        let writer = try DirectoryWriter.open(fileSystem: faulty, path: "/d")
        let file = try Container.open(fileSystem: faulty, directory: "/s", record: source.files[0])
        #expect(codeThrown { _ = try writer.adopt(file) } == .checksumMismatch)
        #expect(try damaged.list("/d").count == 2)
        #expect(writer.poison == nil)
    }

    @Test("leaves nothing when it can be neither linked nor copied")
    func failure() throws {
        let file = try open()
        for kind in [FaultyFileSystem.Kind.create, .write, .sync, .length] {
            fileSystem.follow { call in
                call.kind == .link || (call.kind == kind && call.path.hasPrefix("/d"))
                    ? .failHalfway(ENOSPC) : nil
            }
            #expect(codeThrown { _ = try writer.adopt(file) } == .diskFull, "\(kind)")
            #expect(try memory.list("/d").count == 2, "\(kind)")
        }
        fileSystem.follow(nil)
        #expect(writer.poison == nil)
        #expect(codeThrown { _ = try writer.adopt(file) } == nil)
    }

    @Test("is gone when it is discarded, and can come back")
    func discards() throws {
        for _ in 0..<2 {
            let record = try writer.adopt(try open())
            #expect(codeThrown { _ = try writer.adopt(try open()) } == .alreadyExists)
            writer.discard([record])
            #expect(try memory.list("/d").count == 2)
        }
        #expect(try SampleIndex.verified(memory, "/s") == source)
    }

    @Test("that the generation before still has is kept for the next one")
    func comesBack() throws {
        let record = try writer.adopt(try open())
        _ = try writer.commit { $0.files.append(record) }
        _ = try writer.commit { $0.files = [] }
        _ = try writer.adopt(try open())
        // This one drops the last generation that had the file.
        _ = try writer.commit { _ in }
        let next = try writer.commit { $0.files.append(record) }
        #expect(try SampleIndex.verified(memory, "/d") == next)
        _ = try writer.commit { $0.files = [] }
        _ = try writer.commit { _ in }
        #expect(try memory.list("/d").count == 3)
    }

    @Test("is not taken for another that has its name")
    func foreignName() throws {
        let file = try open()
        try memory.create("/d/\(file.record.name)").write([1 as UInt8].rawBytes, at: 0)
        #expect(codeThrown { _ = try writer.adopt(file) } == .truncated)
        writer.discard([file.record])
        #expect(codeThrown { _ = try writer.adopt(file) } == nil)
    }
}
