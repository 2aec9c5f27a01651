import Foundation
import GranaryStorage
import TestSupport
import Testing

@Suite("A commit in two steps")
struct TwoStepCommitTests {
    private let memory = MemoryFileSystem(seed: 1)
    private let fileSystem: FaultyFileSystem
    private let writer: DirectoryWriter

    init() throws {
        fileSystem = FaultyFileSystem(memory)
        writer = try DirectoryWriter.create(fileSystem: fileSystem, path: "/d", schema: [1])
        try SampleIndex.commit(writer)
    }

    private func prepare() throws(GranaryError) -> (PreparedManifest, FileRecord) {
        let file = try SampleIndex.file(fileSystem, "/d", index: writer.index)
        return (try writer.prepare { $0.files.append(file) }, file)
    }

    @Test("is seen by nobody before the second step, and by everybody after it")
    func finishes() throws {
        let before = writer.manifest
        let (prepared, _) = try prepare()
        #expect(prepared.manifest.generation == before.generation + 1)
        #expect(writer.manifest == before)
        #expect(try SampleIndex.verified(memory, "/d") == before)
        let after = try writer.finish(prepared)
        #expect(after == prepared.manifest && writer.manifest == after)
        #expect(try SampleIndex.verified(memory, "/d") == after)
        #expect(codeThrown { _ = try writer.finish(prepared) } == .invalidArgument)
        writer.abort(prepared)
        #expect(try SampleIndex.verified(memory, "/d") == after)
        #expect(try SampleIndex.commit(writer).generation == after.generation + 1)
    }

    @Test("that is aborted leaves what was, and nothing else once its files are discarded")
    func aborts() throws {
        let names = try memory.list("/d")
        let (prepared, file) = try prepare()
        writer.abort(prepared)
        writer.discard([file])
        #expect(try memory.list("/d") == names)
        #expect(codeThrown { _ = try writer.finish(prepared) } == .invalidArgument)
        let next = try SampleIndex.commit(writer)
        #expect(next.generation == prepared.manifest.generation)
        #expect(try SampleIndex.verified(memory, "/d") == next)
    }

    @Test("keeps any other out until it is finished or aborted")
    func oneAtATime() throws {
        let (prepared, _) = try prepare()
        #expect(codeThrown { _ = try writer.prepare { _ in } } == .invalidArgument)
        #expect(codeThrown { _ = try writer.commit { _ in } } == .invalidArgument)
        #expect(writer.poison == nil)
        #expect(try writer.finish(prepared).generation == 3)
    }

    @Test("whose lock goes between the steps is not published")
    func lockRemoved() throws {
        let (prepared, _) = try prepare()
        try memory.unlink("/d/LOCK")
        let other = try DirectoryWriter.open(fileSystem: memory, path: "/d")
        #expect(codeThrown { _ = try writer.finish(prepared) } == .locked)
        #expect(writer.poison?.code == .locked)
        #expect(try SampleIndex.commit(other).generation == 3)
    }

    @Test("that cannot be read back is not prepared, and the next one is")
    func unreadable() throws {
        #expect(
            codeThrown {
                _ = try writer.prepare { $0.userData = [UInt8](repeating: 0, count: (1 << 20) + 1) }
            } == .tooLarge)
        #expect(try SampleIndex.commit(writer).generation == 3)
    }

    @Test("fails once the writer is poisoned, which removes nothing from then on; the first reason stays")
    func poisoned() throws {
        let (prepared, file) = try prepare()
        writer.poison(GranaryError(.io, "the disk is odd"))
        writer.poison(GranaryError(.corrupt, "something else"))
        #expect(writer.poison?.code == .io)
        #expect(codeThrown { _ = try writer.finish(prepared) } == .writerPoisoned)
        let names = try memory.list("/d")
        writer.discard([file])
        #expect(try memory.list("/d") == names)
        writer.close()
        #expect(writer.poison?.code == .io)
        #expect(try DirectoryWriter.open(fileSystem: memory, path: "/d").manifest.generation == 2)
        #expect(try memory.status("/d/\(file.name)") == nil)
    }

    @Test("discards no file that one of the last two generations has")
    func discardsNothingRetained() throws {
        let first = writer.manifest.files
        _ = try writer.commit { $0.files = [] }
        let names = try memory.list("/d")
        writer.discard(first)
        #expect(try memory.list("/d") == names)
        _ = try writer.commit { _ in }
        #expect(try memory.list("/d").count == 3)
    }

    @Test("may be watched and followed by discards from other threads")
    func threads() async throws {
        let writer = writer
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for _ in 0..<50 {
                    guard (try? SampleIndex.commit(writer)) != nil else { break }
                }
            }
            group.addTask {
                for _ in 0..<50 {
                    guard
                        let file = try? SampleIndex.file(writer.fileSystem, "/d", index: writer.index)
                    else { break }
                    writer.discard([file] + writer.manifest.files)
                }
            }
        }
        #expect(writer.manifest.generation == 52 && writer.poison == nil)
        #expect(try SampleIndex.verified(memory, "/d") == writer.manifest)
        #expect(try memory.list("/d").count == 3 + 6)
    }
}
