import Foundation
import GranaryStorage
import TestSupport
import Testing

/// The file systems that keep the same contract.
enum FileSystemKind: String, CaseIterable, CustomTestStringConvertible {
    case posix, memory, recording, faulty

    var testDescription: String { rawValue }

    /// One with an empty directory, which the owner keeps alive.
    func make() throws -> (fileSystem: any FileSystem, directory: String, owner: TemporaryDirectory?) {
        switch self {
        case .posix:
            let owner = try TemporaryDirectory()
            return (PosixFileSystem(), owner.path, owner)
        case .memory: return (try inMemory(MemoryFileSystem()), "/d", nil)
        case .recording: return (try inMemory(RecordingFileSystem()), "/d", nil)
        case .faulty: return (try inMemory(FaultyFileSystem(MemoryFileSystem())), "/d", nil)
        }
    }

    private func inMemory(_ fileSystem: any FileSystem) throws -> any FileSystem {
        try fileSystem.createDirectory("/d")
        return fileSystem
    }
}

/// The code of the error that `body` throws; nil when it throws none.
func codeThrown(_ body: () throws -> Void) -> GranaryError.Code? {
    do {
        try body()
        return nil
    } catch let error as GranaryError {
        return error.code
    } catch {
        Issue.record("expected a GranaryError, found \(error)")
        return nil
    }
}

@Suite("Every file system")
struct FileSystemContractTests {
    private func write(_ text: String, _ fileSystem: any FileSystem, _ path: String) throws {
        let file = try fileSystem.create(path)
        try file.write(Array(text.utf8).rawBytes, at: 0)
        try file.sync()
        file.close()
    }

    private func text(_ fileSystem: any FileSystem, _ path: String) throws -> String {
        let file = try fileSystem.openForReading(path)
        defer { file.close() }
        return String(decoding: try file.read(at: 0, count: Int(file.length())), as: UTF8.self)
    }

    @Test("gives back what was written, wherever it was written", arguments: FileSystemKind.allCases)
    func writesAndReads(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        let file = try fileSystem.create("\(directory)/a")
        try file.write(Array("world".utf8).rawBytes, at: 6)
        try file.write(Array("hello".utf8).rawBytes, at: 0)
        try file.write([UInt8]().rawBytes, at: 1000)
        #expect(try file.length() == 11)
        #expect(try file.read(at: 0, count: 11) == Array("hello\0world".utf8))
        #expect(try fileSystem.openForReading("\(directory)/a").read(at: 3, count: 5) == Array("lo\0wo".utf8))
        #expect(try fileSystem.openForReading("\(directory)/a").path == "\(directory)/a")
        #expect(file.path == "\(directory)/a")
    }

    @Test("creates a file only where nothing is", arguments: FileSystemKind.allCases)
    func createsExclusively(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        try write("first", fileSystem, "\(directory)/a")
        #expect(codeThrown { _ = try fileSystem.create("\(directory)/a") } == .alreadyExists)
        #expect(try text(fileSystem, "\(directory)/a") == "first")
        try fileSystem.createDirectory("\(directory)/sub")
        #expect(codeThrown { _ = try fileSystem.create("\(directory)/sub") } == .alreadyExists)
        #expect(codeThrown { try fileSystem.createDirectory("\(directory)/sub") } == .alreadyExists)
        #expect(codeThrown { _ = try fileSystem.create("\(directory)/none/a") } == .notFound)
        #expect(codeThrown { try fileSystem.createDirectory("\(directory)/none/a") } == .notFound)
    }

    @Test("renames and links without replacing", arguments: FileSystemKind.allCases)
    func neverReplaces(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        try write("a", fileSystem, "\(directory)/a")
        try write("b", fileSystem, "\(directory)/b")
        #expect(
            codeThrown { try fileSystem.rename("\(directory)/a", to: "\(directory)/b") } == .alreadyExists)
        #expect(codeThrown { try fileSystem.link("\(directory)/a", to: "\(directory)/b") } == .alreadyExists)
        #expect(try text(fileSystem, "\(directory)/a") == "a")
        #expect(try text(fileSystem, "\(directory)/b") == "b")
        try fileSystem.rename("\(directory)/a", to: "\(directory)/c")
        #expect(try fileSystem.list(directory) == ["b", "c"])
        #expect(try text(fileSystem, "\(directory)/c") == "a")
        #expect(try fileSystem.openForReading("\(directory)/c").path == "\(directory)/c")
        #expect(codeThrown { try fileSystem.rename("\(directory)/a", to: "\(directory)/d") } == .notFound)
        #expect(codeThrown { try fileSystem.link("\(directory)/a", to: "\(directory)/d") } == .notFound)
    }

    @Test("gives the two names of a link one file", arguments: FileSystemKind.allCases)
    func linksShareAFile(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        try write("a", fileSystem, "\(directory)/a")
        try write("b", fileSystem, "\(directory)/b")
        try fileSystem.link("\(directory)/a", to: "\(directory)/c")
        let (a, b) = (try fileSystem.status("\(directory)/a"), try fileSystem.status("\(directory)/b"))
        #expect(try fileSystem.status("\(directory)/c") == a)
        #expect(a?.identity != b?.identity)
        try fileSystem.unlink("\(directory)/a")
        #expect(try text(fileSystem, "\(directory)/c") == "a")
        #expect(try fileSystem.status("\(directory)/a") == nil)
    }

    @Test("lists names in order, of this directory only", arguments: FileSystemKind.allCases)
    func listsSorted(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        #expect(try fileSystem.list(directory) == [])
        for name in ["b", "a", "B", "10", "9"] { try write(name, fileSystem, "\(directory)/\(name)") }
        try fileSystem.createDirectory("\(directory)/sub")
        try write("x", fileSystem, "\(directory)/sub/x")
        #expect(try fileSystem.list(directory) == ["10", "9", "B", "a", "b", "sub"])
        #expect(try fileSystem.list(directory + "/") == ["10", "9", "B", "a", "b", "sub"])
        #expect(codeThrown { _ = try fileSystem.list("\(directory)/none") } == .notFound)
        #expect(codeThrown { _ = try fileSystem.list("\(directory)/a") } == .notFound)
    }

    @Test("says what a path names", arguments: FileSystemKind.allCases)
    func tellsStatus(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        try write("four", fileSystem, "\(directory)/a")
        #expect(try fileSystem.status("\(directory)/a")?.kind == .file)
        #expect(try fileSystem.status("\(directory)/a")?.length == 4)
        #expect(try fileSystem.status(directory)?.kind == .directory)
        #expect(try fileSystem.status("\(directory)/none") == nil)
        #expect(try fileSystem.status("\(directory)/none/none") == nil)
        #expect(try fileSystem.status("\(directory)/a/none") == nil)
    }

    @Test("reads what is there or says that the file ends", arguments: FileSystemKind.allCases)
    func readsExactly(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        try write("four", fileSystem, "\(directory)/a")
        let file = try fileSystem.openForReading("\(directory)/a")
        #expect(try file.read(at: 4, count: 0) == [])
        #expect(codeThrown { _ = try file.read(at: 0, count: 5) } == .truncated)
        #expect(codeThrown { _ = try file.read(at: 5, count: 1) } == .truncated)
        #expect(codeThrown { _ = try file.read(at: 1 << 40, count: 1) } == .truncated)
        #expect(codeThrown { _ = try file.read(at: 0, count: 1 << 50) } == .truncated)
        #expect(codeThrown { _ = try file.read(at: 1 << 40, count: 1 << 50) } == .truncated)
        #expect(codeThrown { _ = try file.read(at: .max, count: 1) } == .invalidArgument)
        #expect(codeThrown { _ = try file.read(at: 0, count: -1) } == .invalidArgument)
    }

    @Test("refuses a place that no file reaches", arguments: FileSystemKind.allCases)
    func refusesOffsets(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        let file = try fileSystem.create("\(directory)/a")
        let bytes: [UInt8] = [1, 2]
        #expect(codeThrown { try file.write(bytes.rawBytes, at: .max) } == .invalidArgument)
        #expect(codeThrown { try file.write(bytes.rawBytes, at: UInt64(Int64.max)) } == .invalidArgument)
        #expect(try file.length() == 0)
    }

    @Test("maps a whole file, and not an empty one", arguments: FileSystemKind.allCases)
    func maps(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        try write("mapped", fileSystem, "\(directory)/a")
        let mapping = try fileSystem.openForReading("\(directory)/a").map()
        #expect(mapping.count == 6)
        #expect(mapping.bytes.byte(at: 5) == UInt8(ascii: "d"))
        #expect(mapping.bytes.byte(at: 6) == nil)
        #expect(mapping.residentBytes(0..<6) > 0)
        mapping.advise(.willNeed, 0..<6)
        try write("", fileSystem, "\(directory)/empty")
        #expect(codeThrown { _ = try fileSystem.openForReading("\(directory)/empty").map() } == .truncated)
    }

    @Test("keeps a mapping when the name and the handle are gone", arguments: FileSystemKind.allCases)
    func mappingOutlivesItsFile(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        try write("mapped", fileSystem, "\(directory)/a")
        let file = try fileSystem.openForReading("\(directory)/a")
        let mapping = try file.map()
        try fileSystem.unlink("\(directory)/a")
        #expect(try file.read(at: 0, count: 6) == Array("mapped".utf8))
        file.close()
        #expect(mapping.bytes.byte(at: 0) == UInt8(ascii: "m"))
        #expect(codeThrown { _ = try fileSystem.openForReading("\(directory)/a") } == .notFound)
        #expect(codeThrown { try fileSystem.unlink("\(directory)/a") } == .notFound)
    }

    @Test("refuses calls on a closed file", arguments: FileSystemKind.allCases)
    func closedFilesRefuse(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        let file = try fileSystem.create("\(directory)/a")
        try file.write([1].rawBytes, at: 0)
        file.close()
        file.close()
        // Another file takes the descriptor over.
        try write("other", fileSystem, "\(directory)/b")
        let other = try fileSystem.openForReading("\(directory)/b")
        #expect(codeThrown { try file.write([2].rawBytes, at: 0) } == .invalidArgument)
        #expect(codeThrown { try file.sync() } == .invalidArgument)
        #expect(codeThrown { _ = try file.length() } == .invalidArgument)
        #expect(codeThrown { _ = try file.read(at: 0, count: 1) } == .invalidArgument)
        #expect(codeThrown { _ = try file.map() } == .invalidArgument)
        #expect(try other.length() == 5)
    }

    @Test("opens nothing but a regular file", arguments: FileSystemKind.allCases)
    func opensFilesOnly(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        #expect(codeThrown { _ = try fileSystem.openForReading(directory) } == .wrongFile)
        #expect(codeThrown { _ = try fileSystem.openForReading("\(directory)/none") } == .notFound)
    }

    @Test("removes a directory only when it is empty", arguments: FileSystemKind.allCases)
    func removesEmptyDirectories(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        try fileSystem.createDirectory("\(directory)/sub")
        try write("x", fileSystem, "\(directory)/sub/x")
        #expect(codeThrown { try fileSystem.removeDirectory("\(directory)/sub") } == .alreadyExists)
        try fileSystem.unlink("\(directory)/sub/x")
        try fileSystem.removeDirectory("\(directory)/sub")
        #expect(try fileSystem.status("\(directory)/sub") == nil)
        #expect(codeThrown { try fileSystem.removeDirectory("\(directory)/sub") } == .notFound)
    }

    @Test("syncs a directory that is there", arguments: FileSystemKind.allCases)
    func syncsDirectories(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        try fileSystem.syncDirectory(directory)
        #expect(codeThrown { try fileSystem.syncDirectory("\(directory)/none") } == .notFound)
        #expect(try fileSystem.freeBytes(directory) > 0)
    }

    @Test("syncs a regular file by its name", arguments: FileSystemKind.allCases)
    func syncsFiles(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        let file = try fileSystem.create("\(directory)/a")
        try file.write([1 as UInt8].rawBytes, at: 0)
        file.close()
        try fileSystem.link("\(directory)/a", to: "\(directory)/b")
        try fileSystem.syncFile("\(directory)/a")
        try fileSystem.syncFile("\(directory)/b")
        #expect(codeThrown { try fileSystem.syncFile("\(directory)/none") } == .notFound)
        #expect(codeThrown { try fileSystem.syncFile(directory) } == .wrongFile)
    }

    @Test("gives a lock to one, and names it to the next", arguments: FileSystemKind.allCases)
    func locksExclude(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        let path = "\(directory)/LOCK"
        let lock = try fileSystem.lock(path, stamp: "the first of two")
        #expect(lock.isStillHeld())
        let error = #expect(throws: GranaryError.self) { _ = try fileSystem.lock(path, stamp: "the second") }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("the first of two") == true)
        // Opening and closing the file elsewhere does not give the lock up.
        try fileSystem.openForReading(path).close()
        #expect(codeThrown { _ = try fileSystem.lock(path, stamp: "the second") } == .locked)
        lock.release()
        #expect(!lock.isStillHeld())
        let next = try fileSystem.lock(path, stamp: "the third")
        lock.release()
        #expect(next.isStillHeld())
    }

    @Test("gives a lock up when nothing refers to it", arguments: FileSystemKind.allCases)
    func locksEnd(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        do { _ = try fileSystem.lock("\(directory)/LOCK", stamp: "short") }
        #expect(try fileSystem.lock("\(directory)/LOCK", stamp: "long").isStillHeld())
    }

    @Test("knows when a locked file is no longer the one at its path", arguments: FileSystemKind.allCases)
    func locksBelongToFiles(_ kind: FileSystemKind) throws {
        let (fileSystem, directory, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        let path = "\(directory)/LOCK"
        let lock = try fileSystem.lock(path, stamp: "old")
        try fileSystem.unlink(path)
        #expect(!lock.isStillHeld())
        let other = try fileSystem.lock(path, stamp: "new")
        #expect(!lock.isStillHeld())
        lock.release()
        #expect(other.isStillHeld())
        #expect(codeThrown { _ = try fileSystem.lock(path, stamp: "third") } == .locked)
    }

    @Test("never gives one identifier twice", arguments: FileSystemKind.allCases)
    func identifiersDiffer(_ kind: FileSystemKind) throws {
        let (fileSystem, _, owner) = try kind.make()
        defer { withExtendedLifetime(owner) {} }
        #expect(Set((0..<1000).map { _ in fileSystem.randomIdentifier() }).count == 1000)
        #expect(fileSystem.now() > 1_600_000_000_000_000_000)
    }
}
