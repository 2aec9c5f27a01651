/// Streams one data file: sections one after the other, checksums and table at the end. Not for several
/// threads.
///
/// A file that is not finished is removed with its writer, and as soon as a write or the final sync fails:
/// what has reached the disk is not known then, and a second sync may lie.
public final class ContainerWriter {
    private let fileSystem: any FileSystem
    private let file: any WritableFile
    private let header: [UInt8]
    private let id: Identifier128
    private let kind: FileKind
    private var isOver = false

    private var sections: [SectionEntry] = []
    private var checksums: [UInt32] = []
    private var isSectionOpen = false
    private var crc: UInt32 = 0
    private var crcCount = 0

    private var buffer = ByteWriter()
    private var flushed: UInt64 = 0
    private static let bufferBytes = 1 << 20

    /// Makes the file `<id>.<kind>`.
    public init(
        fileSystem: any FileSystem, directory: String, kind: FileKind, index: Identifier128, id: Identifier128
    ) throws(GranaryError) {
        self.fileSystem = fileSystem
        self.id = id
        self.kind = kind
        header = ContainerFormat.header(kind, index: index, id: id)
        file = try fileSystem.create("\(directory)/\(id).\(kind)")
        buffer.bytes = header
    }

    deinit { abandon() }

    /// The file's path.
    public var path: String { file.path }

    /// Begins a section at the next border of 4096 bytes.
    ///
    /// - Throws: `invalidArgument` while a section is open, for one that the file has, and for one too many.
    public func beginSection(_ id: SectionID, codec: UInt16 = 0) throws(GranaryError) {
        guard !isSectionOpen, !isOver, !sections.contains(where: { $0.id == id }),
            sections.count < ContainerFormat.largestSectionCount
        else {
            throw GranaryError(
                .invalidArgument, "expected an unfinished file without an open section, or this one",
                path: path,
                section: id.name)
        }
        // The slack of the section before lies in the padding.
        let from = sections.isEmpty ? position : position + ContainerFormat.slack
        pad(
            to: (from + ContainerFormat.alignment - 1) / ContainerFormat.alignment * ContainerFormat.alignment
        )
        // Padding belongs to no section.
        try flush()
        sections.append(
            SectionEntry(
                id: id, codec: codec, checksumShift: kind.checksumShift, offset: position, count: 0,
                elements: 0,
                checksums: UInt64(checksums.count)))
        isSectionOpen = true
        (crc, crcCount) = (0, 0)
    }

    /// Adds bytes to the open section.
    public func append(_ bytes: RawSpan) throws(GranaryError) {
        try expectOpenSection()
        buffer.append(bytes)
        if buffer.bytes.count >= Self.bufferBytes { try flush() }
    }

    /// Adds bytes to the open section.
    public func append(_ bytes: [UInt8]) throws(GranaryError) { try append(bytes.rawBytes) }

    /// Adds numbers to the open section, little-endian.
    public func appendArray<Value: FixedWidthInteger & BitwiseCopyable>(_ values: [Value])
        throws(GranaryError)
    {
        #if _endian(little)
            try append(values.rawBytes)
        #else
            try expectOpenSection()
            for value in values { buffer.append(value) }
            if buffer.bytes.count >= Self.bufferBytes { try flush() }
        #endif
    }

    /// Bytes of the open section so far.
    public var sectionLength: UInt64 { position - (sections.last?.offset ?? 0) }

    /// Ends the section.
    ///
    /// - Parameter elements: how many things it holds, for people.
    public func endSection(elements: UInt64) throws(GranaryError) {
        try expectOpenSection()
        let last = sections.count - 1
        try flush()
        if crcCount > 0 { checksums.append(crc) }
        sections[last].count = sectionLength
        sections[last].elements = elements
        isSectionOpen = false
    }

    /// What has been written so far, opened for reading; the file may grow on.
    public func preview() throws(GranaryError) -> Container {
        try flush()
        // The slack, so that reading behind the last section stays in the mapping.
        try file.write([UInt8](repeating: 0, count: Int(ContainerFormat.slack)).rawBytes, at: position)
        return Container(
            record: FileRecord(id: id, kind: kind, length: position, rootHash: id), path: path,
            mapping: try file.map(),
            entries: sections)
    }

    /// Writes checksums, table and footer, makes the file durable and closes it.
    public func finish() throws(GranaryError) -> FileRecord {
        guard !isSectionOpen, !isOver else {
            throw GranaryError(.invalidArgument, "expected a file with all sections ended", path: path)
        }
        pad(to: (position + ContainerFormat.slack + 63) / 64 * 64)
        let checksumStart = position
        var tail = ByteWriter()
        for checksum in checksums { tail.append(checksum) }
        tail.pad(to: (tail.bytes.count + 63) / 64 * 64)
        let table = checksumStart + UInt64(tail.bytes.count)
        for var section in sections {
            section.checksums = checksumStart + 4 * section.checksums
            ContainerFormat.encode(section, to: &tail)
        }
        let root = Checksum.blake2s128(header, tail.bytes)
        let length = table + UInt64(sections.count * ContainerFormat.entryBytes + ContainerFormat.footerBytes)
        buffer.bytes += tail.bytes
        buffer.bytes += ContainerFormat.footer(
            table: table, sections: sections.count, length: length, root: root)
        try flush()
        do throws(GranaryError) {
            try file.sync()
            let written = try file.length()
            guard written == length else {
                throw GranaryError(
                    .truncated, "expected a file of \(length) bytes, found \(written)", path: path)
            }
        } catch {
            abandon()
            throw error
        }
        file.close()
        isOver = true
        return FileRecord(id: id, kind: kind, length: length, rootHash: root)
    }

    /// Gives the file up and removes it. Nothing happens after `finish` or a second time.
    public func abandon() {
        guard !isOver else { return }
        isOver = true
        file.close()
        try? fileSystem.unlink(file.path)
    }

    private var position: UInt64 { flushed + UInt64(buffer.bytes.count) }

    private func expectOpenSection() throws(GranaryError) {
        guard isSectionOpen, !isOver else {
            throw GranaryError(.invalidArgument, "expected an open section of an unfinished file", path: path)
        }
    }

    private func pad(to target: UInt64) { buffer.pad(to: Int(target - flushed)) }

    private func flush() throws(GranaryError) {
        let pending = buffer.bytes
        buffer.bytes = []
        if isSectionOpen { checksum(pending.rawBytes) }
        do throws(GranaryError) {
            try file.write(pending.rawBytes, at: flushed)
        } catch {
            abandon()
            throw error
        }
        flushed += UInt64(pending.count)
        buffer.bytes.reserveCapacity(Self.bufferBytes)
    }

    private func checksum(_ bytes: RawSpan) {
        let block = 1 << Int(kind.checksumShift)
        var at = 0
        while at < bytes.byteCount {
            let count = min(block - crcCount, bytes.byteCount - at)
            crc = Checksum.crc32c(bytes.extracting(at..<at + count), continuing: crc)
            crcCount += count
            at += count
            if crcCount == block {
                checksums.append(crc)
                (crc, crcCount) = (0, 0)
            }
        }
    }
}
