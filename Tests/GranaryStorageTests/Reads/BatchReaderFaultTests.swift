import CGranary
import Foundation
@testable import GranaryStorage
import TestSupport
import Testing

@Suite("Batched reads that fail, and file systems without batches")
struct BatchReaderFaultTests {
    /// A file whose descriptor for batches may not read.
    private final class UnreadableFile: BatchReadable {
        private let base: any ReadableFile
        init(_ base: any ReadableFile) { self.base = base }
        var path: String { base.path }
        func length() throws(GranaryError) -> UInt64 { try base.length() }
        func read(at offset: UInt64, count: Int) throws(GranaryError) -> [UInt8] {
            try base.read(at: offset, count: count)
        }
        func map() throws(GranaryError) -> MappedBytes { try base.map() }
        func close() { base.close() }
        func batchAccess() throws(GranaryError) -> BatchAccess? {
            unsafe BatchAccess(descriptor: open(path, O_WRONLY), gate: nil)
        }
    }

    @Test("say what the system said, and where", arguments: ReadMethod.allCases)
    func systemError(method: ReadMethod) throws {
        let fixture = try ReadFixture(lengthBytes: 1 << 20)
        try fixture.makeCold()
        var options = ReadOptions()
        options.method = method
        let reader = try BatchReader(UnreadableFile(fixture.file), mapping: fixture.mapping, options: options)
        var slots = try PageSlots(count: 300)
        let ranges = (0..<300).map { 5000 + $0 * 100..<5010 + $0 * 100 }
        let error = #expect(throws: GranaryError.self) { try reader.read(ranges, into: &slots) }
        #expect(error?.code == .io)
        #expect(error?.systemError == EBADF)
        #expect(error?.path == fixture.path)
        #expect(error?.byteOffset == 5000)
        if method == .ring || method == .parallel {
            let error = #expect(throws: GranaryError.self) { try reader.whenResident(ranges) { _ in } }
            #expect(error?.systemError == EBADF)
            // Somewhere in the first page: which byte depends on what the system had left in memory.
            #expect((4096..<4096 * 2).contains(error?.byteOffset ?? 0))
        }
        #expect(slots.bytes(0).byteCount == 0)
    }

    @Test("fail where a test wants it", arguments: ReadMethod.allCases, [false, true])
    func injected(method: ReadMethod, isMemory: Bool) throws {
        let directory = try TemporaryDirectory()
        let base: any FileSystem = isMemory ? MemoryFileSystem() : PosixFileSystem()
        let path = isMemory ? "rows" : "\(directory.path)/rows"
        let content = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        try base.create(path).write(content.rawBytes, at: 0)
        let faulty = FaultyFileSystem(base)
        let file = try faulty.openForReading(path)
        var options = ReadOptions()
        options.method = method
        let reader = try BatchReader(file, mapping: file.map(), options: options)
        #expect(reader.method == (isMemory ? .mapped : ReadMethod.best(method)))
        var slots = try PageSlots(count: 3)
        let ranges = [0..<10, 10..<4000, 49_990..<50_000]
        faulty.follow { call in call.kind == .read && call.number == 2 ? .fail(EIO) : nil }
        #expect(errorCode { try reader.read(ranges, into: &slots) } == .io)
        faulty.follow { call in call.kind == .read && call.number == 3 ? .cut : nil }
        #expect(errorCode { try reader.whenResident(ranges) { _ in } } == .truncated)
        faulty.follow(nil)
        try reader.read(ranges, into: &slots)
        #expect(copy(slots.bytes(1)) == Array(content[10..<4000]))
        #expect(slots.bytes(0).byteCount == 10)
        #expect(
            try reader.whenResident(ranges) { copy($0.extracting(ranges[2])) } == Array(content[ranges[2]]))
    }

    @Test("find the same pages by reading as by asking")
    func findsCached() throws {
        let fixture = try ReadFixture(lengthBytes: 4 << 20)
        let access = try #require(try (fixture.file as? any BatchReadable)?.batchAccess())
        let system = SystemReads(access, fixture.mapping, path: fixture.path)
        try fixture.makeCold()
        var random = TestRandom(seed: 4)
        _ = try fixture.reader(.parallel).whenResident(fixture.ranges(40, mostBytes: 5000, &random)) { _ in }
        let all = system.geometry.windows(covering: [0..<fixture.content.count])
        var (asked, read) = (all, all)
        try system.findResident(&asked, isWhole: true)
        system.findCached(&read)
        #expect(asked.map(\.resident) == read.map(\.resident))
        #expect(asked.contains { $0.missing != 0 && $0.resident != 0 })
    }
}
