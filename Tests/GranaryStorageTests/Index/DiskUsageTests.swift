import GranaryStorage
import TestSupport
import Testing

/// A file system in which each file has a hole at its end: it says that it is as long as any may be.
private struct EndlessFileSystem: FileSystem {
    let base: MemoryFileSystem

    func status(_ path: String) throws(GranaryError) -> FileStatus? {
        var status = try base.status(path)
        if status?.kind == .file { status?.length = UInt64(Int64.max) }
        return status
    }

    func create(_ path: String) throws(GranaryError) -> any WritableFile { try base.create(path) }
    func openForReading(_ path: String) throws(GranaryError) -> any ReadableFile {
        try base.openForReading(path)
    }
    func rename(_ path: String, to target: String) throws(GranaryError) { try base.rename(path, to: target) }
    func link(_ path: String, to target: String) throws(GranaryError) { try base.link(path, to: target) }
    func unlink(_ path: String) throws(GranaryError) { try base.unlink(path) }
    func createDirectory(_ path: String) throws(GranaryError) { try base.createDirectory(path) }
    func removeDirectory(_ path: String) throws(GranaryError) { try base.removeDirectory(path) }
    func list(_ directory: String) throws(GranaryError) -> [String] { try base.list(directory) }
    func syncFile(_ path: String) throws(GranaryError) { try base.syncFile(path) }
    func syncDirectory(_ path: String) throws(GranaryError) { try base.syncDirectory(path) }
    func lock(_ path: String, stamp: String) throws(GranaryError) -> any FileLock {
        try base.lock(path, stamp: stamp)
    }
    func freeBytes(_ path: String) throws(GranaryError) -> UInt64 { try base.freeBytes(path) }
    func randomIdentifier() -> Identifier128 { base.randomIdentifier() }
    func now() -> UInt64 { base.now() }
}

@Suite("What an index takes on disk")
struct DiskUsageTests {
    @Test("is the largest number where its files say that they are longer than that in all")
    func endlessFiles() throws {
        let memory = MemoryFileSystem(seed: 1)
        try memory.createDirectory("/d")
        let writer = try DirectoryWriter.create(fileSystem: memory, path: "/d", schema: [])
        defer { writer.close() }
        for _ in 0..<3 { try memory.create("/d/\(memory.randomIdentifier()).tmp").close() }
        let usage = try IndexDirectory.usage(fileSystem: EndlessFileSystem(base: memory), path: "/d")
        #expect(usage.olderBytes == .max && usage.newestBytes == UInt64(Int64.max))
    }
}
