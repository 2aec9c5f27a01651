import GranaryStorage
import TestSupport
import Testing

@testable import Granary

/// The external sort that turns rows into columns.
@Suite struct TranspositionTests {
    private typealias Entry = Transposition.Entry

    private func transposed(
        _ entries: [Entry], memoryBytes: Int, _ fileSystem: any FileSystem
    ) throws(GranaryError) -> [Entry] {
        var transposition = Transposition(memoryBytes: memoryBytes, fileSystem: fileSystem, directory: ".")
        for entry in entries { try transposition.append(entry) }
        try transposition.finish()
        var found: [Entry] = []
        while let entry = try transposition.next() { found.append(entry) }
        return found
    }

    /// Entries by ascending row, some columns often and some far away.
    private func entries(_ count: Int, seed: UInt64) -> [Entry] {
        var random = TestRandom(seed: seed)
        return (0..<count).map { number in
            let column = random.int(0...9) == 0 ? random.int(0...Int(UInt32.max)) : random.int(0...3000)
            return Entry(
                column: UInt32(column), row: UInt32(number / 7), value: UInt32(random.int(0...1 << 30)))
        }
    }

    @Test("Entries come by column and then by row, in memory and from many runs", arguments: [1 << 20, 0])
    func sorts(memoryBytes: Int) throws {
        for count in [0, 1, 1023, 1024, 1025, 20_000] {
            let entries = entries(count, seed: UInt64(count))
            let expected = entries.enumerated().sorted {
                ($0.element.column, $0.offset) < ($1.element.column, $1.offset)
            }.map(\.element)
            let found = try transposed(entries, memoryBytes: memoryBytes, TestFileSystem())
            #expect(found == expected, "\(count) entries")
        }
    }

    @Test("More memory than there is may be allowed")
    func takesNoMoreThanItNeeds() throws {
        let entries = entries(70_000, seed: 5)
        let found = try transposed(entries, memoryBytes: .max, TestFileSystem())
        #expect(found.count == entries.count)
        #expect(zip(found, found.dropFirst()).allSatisfy { $0.column <= $1.column })
    }

    @Test("What fits in memory touches no disk, and a temporary file has no name")
    func hidesItsFile() throws {
        let small = TestFileSystem()
        _ = try transposed(entries(1000, seed: 1), memoryBytes: 1 << 20, small)
        #expect(small.writtenBytes == 0)
        let large = TestFileSystem()
        var transposition = Transposition(memoryBytes: 0, fileSystem: large, directory: ".")
        for entry in entries(200_000, seed: 2) { try transposition.append(entry) }
        try transposition.finish()
        #expect(large.writtenBytes == 12 * 200_000)
        #expect(try large.list(".") == [])
        let first = try transposition.next()
        #expect(first != nil)
    }

    @Test("A full disk is an error")
    func fullDisk() throws {
        let disk = TestFileSystem()
        disk.limitWrites(to: 100_000)
        let entries = entries(200_000, seed: 3)
        #expect(errorCode { _ = try transposed(entries, memoryBytes: 0, disk) } == .diskFull)
        #expect(errorCode { _ = try transposed(entries, memoryBytes: 8 << 20, disk) } == nil)
    }
}
