import GranaryStorage
import TestSupport
import Testing

@Suite("First-touch verification")
struct FirstTouchBlockTests {
    /// A data file of one section of 1000 bytes, with a checksum for each 512 of them.
    private func file(damagedAt position: Int) throws -> Container {
        let fileSystem = MemoryFileSystem(seed: 1)
        try fileSystem.createDirectory("/d")
        let writer = try ContainerWriter(
            fileSystem: fileSystem, directory: "/d", kind: .blocks, index: fileSystem.randomIdentifier(),
            id: fileSystem.randomIdentifier())
        let content = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
        try writer.beginSection(SectionID(rawValue: 1, name: "letters"))
        try writer.append(content)
        try writer.endSection(elements: 1)
        var record = try writer.finish()
        let path = "/d/\(record.name)"
        let written = try fileSystem.openForReading(path)
        var bytes = try written.read(at: 0, count: Int(try written.length()))
        let table = Int(RepairedBytes.number(at: bytes.count - 64, 8, in: bytes))
        let checksums = Int(RepairedBytes.number(at: table + 32, 8, in: bytes))
        bytes[table + 6] = 9
        for (number, part) in [content[..<512], content[512...]].enumerated() {
            RepairedBytes.put(
                Checksum.crc32c(Array(part).rawBytes), at: checksums + 4 * number, in: &bytes)
        }
        bytes[4096 + position] ^= 1
        let repaired = try #require(RepairedBytes.container(bytes))
        record.rootHash = repaired.root
        try fileSystem.unlink(path)
        try fileSystem.create(path).write(repaired.bytes.rawBytes, at: 0)
        return try Container.open(fileSystem: fileSystem, directory: "/d", record: record)
    }

    @Test("compares the blocks that the file's own checksums cover, and no more")
    func ownBlocks() throws {
        for (position, isDamaged) in [(600, [false, true]), (10, [true, false])] {
            let file = try file(damagedAt: position)
            let touch = FirstTouch(file, file.sections[0])
            for (range, isDamaged) in zip([0..<20, 990..<1000], isDamaged) {
                let code = errorCode { try touch.verify(1) { _ in range } }
                #expect(code == (isDamaged ? .checksumMismatch : nil))
            }
        }
    }
}
