import Foundation
import Granary
import TestSupport
import Testing

/// Promise 6 on a real file system that is full.
@Suite struct FullDiskTests {
    private static let canMount = (try? SmallDisk(megabytes: 1)) != nil

    @Test(
        "A full disk takes no new documents, but deletes; with room again everything goes on",
        .enabled(if: canMount, "mounting a small file system needs root"))
    func fillAndEmpty() throws {
        let disk = try SmallDisk(megabytes: 8)
        let ballast = try disk.fill("ballast", bytes: 2 << 20)
        var index = try FilledIndex("\(disk.path)/index")
        // Until a commit does not fit.
        while try index.add(150) {}
        #expect(index.documents.count > 300)
        try index.check()
        #expect(errorCode { try index.writer.merge() } == .diskFull)
        try index.check()

        // Not one byte is left; the reserve makes room for deletes.
        let filler = try disk.fill("filler", bytes: nil)
        try index.writer.rollback()
        #expect(FileManager.default.fileExists(atPath: "\(index.path)/RESERVE"))
        for _ in 0..<5 { try index.delete(20) }
        #expect(!FileManager.default.fileExists(atPath: "\(index.path)/RESERVE"))
        try index.check()
        let second = try disk.fill("filler-2", bytes: nil)
        #expect(try !index.add(150))
        #expect(try !index.commit())
        try index.check()

        // With room again, what waited is committed by the same writer.
        for file in [filler, second, ballast] { try FileManager.default.removeItem(atPath: file) }
        #expect(try index.commit())
        try index.check()
        let used = try disk.freeBytes()
        try index.delete(index.documents.count * 9 / 10)
        try index.writer.merge()
        #expect(try index.commit())
        #expect(try disk.freeBytes() > used + 1 << 20)
        #expect(FileManager.default.fileExists(atPath: "\(index.path)/RESERVE"))
        #expect(try index.add(150))
        try index.check()
        index.writer.close()
        // Another process would find the same.
        try index.reopen()
        try index.check()
        index.writer.close()
    }
}

/// An index and what must be in it.
private struct FilledIndex {
    let path: String
    private(set) var writer: IndexWriter
    /// What is committed.
    private(set) var documents: [DocumentKey: Document] = [:]
    /// What is upserted since.
    private var waiting: [Document] = []
    private var random = TestRandom(seed: 8)
    private var next: UInt64 = 0

    private static var options: WriterOptions {
        var options = WriterOptions.small()
        options.reserveBytes = 1 << 18
        return options
    }

    init(_ path: String) throws {
        self.path = path
        writer = try Index.create(at: path).writer(Self.options)
    }

    mutating func reopen() throws { writer = try Index.open(at: path).writer(Self.options) }

    /// Adds documents and commits; false when the disk is too full.
    mutating func add(_ count: Int) throws -> Bool {
        for _ in 0..<count {
            let components = [UInt32(random.int(0...40)), UInt32(random.int(41...80))]
            let document = Document(
                id: .number(next), sparse: try SparseVector(components: components, weights: [1, 2]),
                payload: (0..<400).map { _ in UInt8(random.int(0...255)) })
            next += 1
            try writer.upsert(document)
            waiting.append(document)
        }
        return try commit()
    }

    /// Commits; false when the disk is too full.
    mutating func commit() throws -> Bool {
        do throws(GranaryError) {
            _ = try writer.commit()
        } catch {
            guard error.code == .diskFull else { throw error }
            return false
        }
        for document in waiting { documents[document.id] = document }
        waiting = []
        return true
    }

    /// Deletes some of what is committed, and commits that.
    mutating func delete(_ count: Int) throws {
        waiting = []
        for id in documents.keys.sorted(by: { "\($0)" < "\($1)" }).prefix(count) {
            try writer.delete(id: id)
            documents[id] = nil
        }
        let isCommitted = try commit()
        #expect(isCommitted, "deletes must always fit")
    }

    /// What is committed is there, whole, and is found.
    func check() throws {
        let snapshot = try Index.open(at: path).snapshot()
        try snapshot.verify(.full)
        var found: [DocumentKey: Document] = [:]
        try snapshot.forEachDocument { found[$0.id] = $0 }
        #expect(found == documents)
        let query = try SparseVector(components: [7, 50], weights: [1, 1])
        #expect(
            try snapshot.search(Query(sparse: query, k: 20, exact: true))
                == BruteForce(stored: snapshot).search(query, k: 20))
    }
}

/// A file system in memory, mounted for a test.
private final class SmallDisk {
    let path: String
    private let home: Workspace

    init(megabytes: Int) throws {
        home = try Workspace()
        path = home.file("disk")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let mounted = try Executable.run(
            ["-t", "tmpfs", "-o", "size=\(megabytes)m", "granary-test", path], name: "mount")
        guard mounted.code == 0 else { throw GranaryError(.permissionDenied, mounted.errors) }
    }

    deinit { _ = try? Executable.run(["-l", path], name: "umount") }

    func freeBytes() throws -> UInt64 { try PosixFileSystem().freeBytes(path) }

    /// Writes a file of so many bytes, or as many as there is room for.
    func fill(_ name: String, bytes: Int?) throws -> String {
        let file = "\(path)/\(name)"
        _ = FileManager.default.createFile(atPath: file, contents: nil)
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
        defer { try? handle.close() }
        let page = Data(repeating: 0xa5, count: 4096)
        var left = bytes ?? .max
        while left > 0, (try? handle.write(contentsOf: page)) != nil { left -= page.count }
        return file
    }
}
