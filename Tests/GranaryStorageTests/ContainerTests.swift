import GranaryStorage
import TestSupport
import Testing

@Suite("A data file")
struct ContainerTests {
    private let fileSystem: MemoryFileSystem
    private let index: Identifier128
    private let letters = SectionID(rawValue: 1, name: "letters")
    private let other = SectionID(rawValue: 2, name: "other")

    init() throws {
        fileSystem = MemoryFileSystem(seed: 1)
        try fileSystem.createDirectory("/d")
        index = fileSystem.randomIdentifier()
    }

    private func writer(_ kind: FileKind = .blocks) throws -> ContainerWriter {
        try ContainerWriter(
            fileSystem: fileSystem, directory: "/d", kind: kind, index: index,
            id: fileSystem.randomIdentifier())
    }

    private func open(_ record: FileRecord) throws -> Container {
        try Container.open(fileSystem: fileSystem, directory: "/d", record: record)
    }

    private func bytes(_ section: Section) -> [UInt8] {
        let span = section.bytes
        return (0..<span.byteCount).compactMap { span.byte(at: $0) }
    }

    @Test(
        "gives back its sections, whatever their lengths",
        arguments: FileKind.allCases, [0, 1, 63, 64, 65, 4032, 4096, 65535, 65536, 65537, 200_000])
    func roundTrip(_ kind: FileKind, _ count: Int) throws {
        let content = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
        let writer = try writer(kind)
        try writer.beginSection(letters, codec: 9)
        // In pieces, so that checksum blocks and appends do not meet.
        for start in stride(from: 0, to: count, by: 1013) {
            try writer.append(Array(content[start..<min(count, start + 1013)]))
        }
        #expect(writer.sectionLength == UInt64(count))
        try writer.endSection(elements: UInt64(count))
        try writer.beginSection(other)
        try writer.append([1, 2, 3])
        try writer.endSection(elements: 3)
        let record = try writer.finish()
        let container = try open(record)
        try container.verify()
        #expect(container.sections.map(\.id) == [letters, other])
        let section = try container.section(letters)
        #expect(bytes(section) == content)
        #expect(bytes(try container.section(other)) == [1, 2, 3])
        #expect(section.codec == 9 && section.elements == UInt64(count) && section.id.name == "letters")
        for section in container.sections {
            #expect(section.offset % 4096 == 0)
            #expect(section.offset + section.count + 64 <= container.mapping.count)
            let mapping = container.mapping
            let slack = (0..<64).compactMap { mapping.bytes.byte(at: section.offset + section.count + $0) }
            #expect(slack == [UInt8](repeating: 0, count: 64))
        }
        #expect(try fileSystem.list("/d") == [record.name])
    }

    @Test("may have no section at all")
    func empty() throws {
        let record = try writer().finish()
        let container = try open(record)
        try container.verify()
        #expect(container.sections.isEmpty)
        #expect(codeThrown { _ = try container.section(letters) } == .corrupt)
        #expect(container.sectionIfPresent(letters) == nil)
    }

    @Test("has the same bytes for the same content")
    func deterministic() throws {
        let id = fileSystem.randomIdentifier()
        var files: [[UInt8]] = []
        for pieces in [[100], [1, 99], [50, 50]] {
            let writer = try ContainerWriter(
                fileSystem: fileSystem, directory: "/d", kind: .blocks, index: index, id: id)
            try writer.beginSection(letters)
            for piece in pieces { try writer.append([UInt8](repeating: 5, count: piece)) }
            try writer.endSection(elements: 100)
            let record = try writer.finish()
            let file = try fileSystem.openForReading("/d/\(record.name)")
            files.append(try file.read(at: 0, count: Int(file.length())))
            try fileSystem.unlink("/d/\(record.name)")
        }
        #expect(files[0] == files[1] && files[1] == files[2])
    }

    @Test("is removed when it is not finished")
    func abandons() throws {
        do {
            let writer = try writer()
            try writer.beginSection(letters)
            try writer.append([1])
            #expect(try fileSystem.list("/d").count == 1)
        }
        #expect(try fileSystem.list("/d") == [])
        let writer = try writer()
        writer.abandon()
        #expect(try fileSystem.list("/d") == [])
        #expect(codeThrown { _ = try writer.finish() } == .invalidArgument)
        #expect(codeThrown { try writer.beginSection(letters) } == .invalidArgument)
    }

    @Test("refuses calls out of order")
    func callOrder() throws {
        let writer = try writer()
        #expect(codeThrown { try writer.append([1]) } == .invalidArgument)
        #expect(codeThrown { try writer.endSection(elements: 0) } == .invalidArgument)
        try writer.beginSection(letters)
        #expect(codeThrown { try writer.beginSection(other) } == .invalidArgument)
        #expect(codeThrown { _ = try writer.finish() } == .invalidArgument)
        try writer.endSection(elements: 0)
        #expect(codeThrown { try writer.beginSection(letters) } == .invalidArgument)
        let record = try writer.finish()
        #expect(codeThrown { _ = try writer.finish() } == .invalidArgument)
        writer.abandon()
        #expect(try fileSystem.list("/d") == [record.name])
    }

    @Test("takes as many sections as the format has room for")
    func sectionLimit() throws {
        let writer = try writer()
        for number in 0..<1024 {
            try writer.beginSection(SectionID(rawValue: UInt32(number), name: "s\(number)"))
            try writer.endSection(elements: 0)
        }
        #expect(
            codeThrown { try writer.beginSection(SectionID(rawValue: 1024, name: "s")) } == .invalidArgument)
        let record = try writer.finish()
        #expect(try open(record).sections.count == 1024)
    }

    @Test("can be read while it is written")
    func preview() throws {
        let writer = try writer()
        try writer.beginSection(letters)
        try writer.append([7, 8, 9])
        try writer.endSection(elements: 3)
        let preview = try writer.preview()
        #expect(bytes(try preview.section(letters)) == [7, 8, 9])
        try writer.beginSection(other)
        try writer.append([1])
        try writer.endSection(elements: 1)
        let record = try writer.finish()
        try open(record).verify()
    }

    @Test("verifies ranges of its own sections only")
    func verifiesRanges() throws {
        func file(_ count: Int) throws -> Container {
            let writer = try writer(.dense)
            try writer.beginSection(letters)
            try writer.append([UInt8](repeating: 3, count: count))
            try writer.endSection(elements: 1)
            return try open(try writer.finish())
        }
        let (small, large) = (try file(5000), try file(500_000))
        let section = try small.section(letters)
        try small.verify(section, 4095..<4097)
        try small.verify(section, 10..<10)
        #expect(codeThrown { try small.verify(section, 0..<5001) } == .invalidArgument)
        #expect(codeThrown { try small.verify(section, -1..<5) } == .invalidArgument)
        #expect(codeThrown { try small.verify(try large.section(letters), 0..<500_000) } == .invalidArgument)
        var verified: UInt64 = 0
        try large.verify { (count: UInt64) throws(GranaryError) in verified += count }
        #expect(verified == 500_000)
        #expect(
            codeThrown {
                try large.verify { (_: UInt64) throws(GranaryError) in
                    throw GranaryError(.cancelled, "enough")
                }
            } == .cancelled)
    }
}
