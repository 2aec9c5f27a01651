/// What a data file holds; also its file name's extension.
public enum FileKind: UInt8, Sendable, CaseIterable {
    /// Posting blocks, forward rows, ids, payloads.
    case blocks = 1
    /// Block summaries and directories.
    case summary = 2
    /// Verification vectors.
    case dense = 3
    /// The deletes of one segment.
    case dead = 4

    /// Binary logarithm of the bytes that one checksum covers: dense vectors are read singly, everything else
    /// in runs.
    var checksumShift: UInt8 { self == .dense ? 12 : 16 }
}

/// What the manifest says of a data file. The root hash covers what the file's structure says, and that every
/// byte.
public struct FileRecord: Hashable, Sendable {
    /// The random name, never reused.
    public var id: Identifier128
    /// What the file holds.
    public var kind: FileKind
    /// Its length in bytes.
    public var length: UInt64
    /// BLAKE2s of its header, checksums and section table.
    public var rootHash: Identifier128

    /// Makes a record.
    public init(id: Identifier128, kind: FileKind, length: UInt64, rootHash: Identifier128) {
        self.id = id
        self.kind = kind
        self.length = length
        self.rootHash = rootHash
    }

    /// Its name in the index directory.
    public var name: String { "\(id).\(kind)" }
}

/// The number of a section, by which it is found, and a name for people.
public struct SectionID: Hashable, Sendable {
    /// The number, stable for ever.
    public let rawValue: UInt32
    /// Up to 24 ASCII characters.
    public let name: String

    /// Makes a section's id.
    public init(rawValue: UInt32, name: String) {
        self.rawValue = rawValue
        self.name = name
    }

    /// By number alone.
    public static func == (left: SectionID, right: SectionID) -> Bool { left.rawValue == right.rawValue }
    /// By number alone.
    public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

/// A row of the section table.
struct SectionEntry: Sendable {
    var id: SectionID
    var codec: UInt16
    var checksumShift: UInt8
    var offset: UInt64
    var count: UInt64
    var elements: UInt64
    /// Where the section's checksums are in the file.
    var checksums: UInt64

    /// How many checksums it has.
    var checksumCount: UInt64 {
        let block = UInt64(1) << UInt64(checksumShift)
        return count / block + (count % block == 0 ? 0 : 1)
    }
}

/// The bytes of a container (`Formats/container.md`), little-endian.
enum ContainerFormat {
    /// Breaks loudly in a text tool, like that of PNG: not ASCII, both line ends, end of text.
    static let magic: [UInt8] = [0x89, 0x47, 0x52, 0x4e, 0x0d, 0x0a, 0x1a, 0x0a]
    static let endMagic: [UInt8] = [0x0a, 0x1a, 0x0a, 0x0d, 0x4e, 0x52, 0x47, 0x89]
    static let major: UInt16 = 1
    static let minor: UInt16 = 0
    static let headerBytes = 64
    static let entryBytes = 64
    static let footerBytes = 64
    static let nameBytes = 24
    static let alignment: UInt64 = 4096
    /// Bytes that may be read behind each section: kernels load whole vectors.
    static let slack: UInt64 = 64
    static let largestSectionCount = 1024

    static func header(_ kind: FileKind, index: Identifier128, id: Identifier128) -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes += magic
        writer.append(kind.rawValue)
        writer.append(UInt8(0))
        writer.append(major)
        writer.append(minor)
        writer.append(UInt16(0))
        writer.append(index)
        writer.append(id)
        writer.pad(to: headerBytes - 4)
        writer.append(Checksum.crc32c(writer.bytes.rawBytes))
        return writer.bytes
    }

    static func encode(_ entry: SectionEntry, to writer: inout ByteWriter) {
        let start = writer.bytes.count
        writer.append(entry.id.rawValue)
        writer.append(entry.codec)
        writer.append(entry.checksumShift)
        writer.append(UInt8(0))
        writer.append(entry.offset)
        writer.append(entry.count)
        writer.append(entry.elements)
        writer.append(entry.checksums)
        writer.bytes += entry.id.name.utf8.prefix(nameBytes)
        writer.pad(to: start + entryBytes)
    }

    static func footer(table: UInt64, sections: Int, length: UInt64, root: Identifier128) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(table)
        writer.append(UInt32(sections))
        writer.append(UInt32(0))
        writer.append(length)
        writer.append(root)
        writer.pad(to: footerBytes - 12)
        writer.append(Checksum.crc32c(writer.bytes.rawBytes))
        writer.bytes += endMagic
        return writer.bytes
    }
}
