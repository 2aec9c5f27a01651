import Granary
import TestSupport

/// The reader of containers: opening and a full verification. Of the first byte bit 0 says
/// that checksums and root hash are repaired, bit 7 that the manifest names another root hash.
enum ContainerHarness {
    static func run(_ input: inout Input) throws {
        let mode = input.byte()
        var bytes = input.rest()
        var root =
            bytes.count >= 128 ? Self.identifier(bytes, bytes.count - 40) : Identifier128(high: 0, low: 0)
        if mode & 1 == 1 { root = Repair.container(&bytes) ?? root }
        if mode & 128 != 0 { root = Identifier128(high: ~root.high, low: root.low) }
        guard bytes.count >= 48 else { return }
        let record = FileRecord(
            id: Self.identifier(bytes, 32), kind: FileKind(rawValue: bytes[8]) ?? .blocks,
            length: UInt64(bytes.count), rootHash: root)
        let system = FixedFileSystem(files: [record.name: bytes], in: ".")
        let container = try allowing {
            let container = try Container.open(fileSystem: system, directory: ".", record: record)
            try container.verify()
            for section in container.sections where !section.bytes.isEmpty {
                try container.verify(section, 0..<section.count)
            }
            return container
        }
        guard let container else { return }
        try Finding.unless(mode & 128 == 0, "a file passes that is not the manifest's")
        for section in container.sections {
            let first = section.bytes.extracting(0..<min(section.count, 512))
            _ = try allowing { try container.verify(section, block: 0, bytes: first) }
        }
        let none = SectionID(rawValue: .max, name: "none")
        try Finding.unless(
            (try allowing { try container.section(none) } != nil)
                == container.sections.contains { $0.id == none },
            "a section is found that is not there")
    }

    private static func identifier(_ bytes: [UInt8], _ at: Int) -> Identifier128 {
        func half(_ start: Int) -> UInt64 { bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        return Identifier128(high: half(at), low: half(at + 8))
    }
}
