/// A data file, mapped, its structure verified. Its sections' bytes are not checked before `verify`.
public final class Container: Sendable {
    /// What the manifest says of it.
    public let record: FileRecord
    /// Its path.
    public let path: String
    /// Its bytes.
    public let mapping: MappedBytes
    /// In the order of the file.
    public let sections: [Section]
    private let entries: [SectionEntry]

    init(record: FileRecord, path: String, mapping: MappedBytes, entries: [SectionEntry]) {
        self.record = record
        self.path = path
        self.mapping = mapping
        self.entries = entries
        sections = entries.map {
            Section(
                id: $0.id, codec: $0.codec, elements: $0.elements, offset: Int($0.offset),
                count: Int($0.count),
                mapping: mapping)
        }
    }

    /// Maps a data file and verifies its structure: length, header, footer, section table, checksums of the
    /// checksums, root hash; that sections lie inside the file, in order and apart.
    ///
    /// - Throws: `notFound`, `truncated`, `wrongFile` (foreign or swapped),
    ///   `unsupportedVersion`, `checksumMismatch`, `corrupt`. Complexity: O(length / 16384).
    public static func open(
        fileSystem: any FileSystem, directory: String, record: FileRecord
    ) throws(GranaryError) -> Container {
        let path = "\(directory)/\(record.name)"
        let file = try fileSystem.openForReading(path)
        defer { file.close() }
        let mapping = try file.map()
        // The length of what is mapped, which is what will be read: the file's own may have changed since.
        let length = UInt64(mapping.count)
        guard length == record.length,
            length >= UInt64(ContainerFormat.headerBytes + ContainerFormat.footerBytes)
        else {
            throw GranaryError(
                length < record.length ? .truncated : .wrongFile,
                "expected a file of \(record.length) bytes, found \(length)", path: path)
        }
        let entries = try ContainerReader(bytes: mapping.bytes, record: record, path: path).entries()
        return Container(record: record, path: path, mapping: mapping, entries: entries)
    }

    /// The section of a number.
    ///
    /// - Throws: `corrupt` when there is none.
    public func section(_ id: SectionID) throws(GranaryError) -> Section {
        guard let section = sectionIfPresent(id) else {
            throw GranaryError(
                .corrupt, "expected a section \"\(id.name)\", found none", path: path, section: id.name)
        }
        return section
    }

    /// The section of a number; nil when there is none.
    public func sectionIfPresent(_ id: SectionID) -> Section? { sections.first { $0.id == id } }

    /// Checks every section against its checksums, and that all bytes between sections are zero.
    ///
    /// - Parameter progress: is told the bytes verified since it was told last; what it throws ends the
    ///   check.
    /// - Throws: `checksumMismatch` with section and offset, `corrupt`.
    public func verify(_ progress: ((UInt64) throws(GranaryError) -> Void)? = nil) throws(GranaryError) {
        var end = UInt64(ContainerFormat.headerBytes)
        for (section, entry) in zip(sections, entries) {
            try expectZeros(end..<entry.offset)
            section.advise(.sequential)
            let step = 4 << 20
            for start in stride(from: 0, to: section.count, by: step) {
                let range = start..<min(section.count, start + step)
                try verify(section, range)
                try progress?(UInt64(range.count))
            }
            section.advise(.normal)
            end = entry.offset + entry.count
        }
        try expectZeros(end..<(entries.first?.checksums ?? end))
    }

    /// The bytes of a section of this file that one checksum covers.
    func checksumBlockBytes(of section: Section) -> Int {
        let shift = entries.first { $0.id == section.id }?.checksumShift ?? record.kind.checksumShift
        return 1 << Int(shift)
    }

    /// Checks the bytes of a section that a range touches, by whole checksum blocks.
    ///
    /// - Throws: `checksumMismatch`, `invalidArgument` for a range or section that is not this file's.
    public func verify(_ section: Section, _ range: Range<Int>) throws(GranaryError) {
        guard let entry = entries.first(where: { $0.id == section.id }),
            entry.offset == UInt64(section.offset),
            entry.count == UInt64(section.count), range.lowerBound >= 0, range.upperBound <= section.count
        else {
            throw GranaryError(.invalidArgument, "expected a range of a section of this file", path: path)
        }
        let block = 1 << Int(entry.checksumShift)
        guard !range.isEmpty else { return }
        let mapping = mapping
        for number in range.lowerBound / block...(range.upperBound - 1) / block {
            let start = section.offset + number * block
            let end = min(section.offset + section.count, start + block)
            try verify(entry, number, mapping.bytes.extracting(start..<end))
        }
    }

    /// Checks the bytes of one checksum block of a section, read otherwise than by the mapping.
    ///
    /// - Throws: `checksumMismatch`, `invalidArgument` for a section or block that is not this file's.
    package func verify(_ section: Section, block: Int, bytes: RawSpan) throws(GranaryError) {
        guard let entry = entries.first(where: { $0.id == section.id }), block >= 0,
            UInt64(block) < entry.checksumCount
        else {
            throw GranaryError(.invalidArgument, "expected a block of a section of this file", path: path)
        }
        try verify(entry, block, bytes)
    }

    private func verify(_ entry: SectionEntry, _ number: Int, _ bytes: RawSpan) throws(GranaryError) {
        let mapping = mapping
        let place = Int(entry.checksums) + 4 * number
        var stored = ByteReader(
            mapping.bytes.extracting(place..<place + 4), path: path, section: entry.id.name)
        let expected = try stored.next(UInt32.self)
        let found = Checksum.crc32c(bytes)
        guard found == expected else {
            throw GranaryError(
                .checksumMismatch,
                "expected checksum \(String(expected, radix: 16)) of \(bytes.byteCount) bytes, "
                    + "found \(String(found, radix: 16))",
                path: path, section: entry.id.name, byteOffset: UInt64(number) << UInt64(entry.checksumShift))
        }
    }

    private func expectZeros(_ range: Range<UInt64>) throws(GranaryError) {
        let mapping = mapping
        let bytes = mapping.bytes.extracting(Int(range.lowerBound)..<Int(range.upperBound))
        let zeros = Checksum.leadingZeros(bytes)
        guard zeros == bytes.byteCount else {
            throw GranaryError(
                .corrupt, "expected zeros between sections", path: path,
                byteOffset: range.lowerBound + UInt64(zeros))
        }
    }
}

/// A part of a data file.
public struct Section: Sendable {
    /// Its number and name.
    public let id: SectionID
    /// How its bytes are encoded; 0 where the id alone says it.
    public let codec: UInt16
    /// How many things it holds.
    public let elements: UInt64
    /// Its place in the file, a multiple of 4096.
    public let offset: Int
    /// Its length in bytes. At least 64 bytes may be read behind it.
    public let count: Int
    let mapping: MappedBytes

    /// Its bytes.
    public var bytes: RawSpan {
        @_lifetime(borrow self) get { mapping.bytes.extracting(offset..<offset + count) }
    }

    /// Tells the system how it will be read.
    public func advise(_ advice: MappedBytes.Advice) { mapping.advise(advice, offset..<offset + count) }

    /// Tells the system that a range, which may lie outside, will be read soon.
    package func willRead(_ range: Range<Int>) {
        let inside = range.clamped(to: 0..<count)
        if !inside.isEmpty {
            mapping.advise(.willNeed, offset + inside.lowerBound..<offset + inside.upperBound)
        }
    }
}
