/// Reads the structure of a data file that may say anything.
struct ContainerReader: ~Escapable {
    private let bytes: RawSpan
    private let record: FileRecord
    private let path: String

    @_lifetime(copy bytes)
    init(bytes: RawSpan, record: FileRecord, path: String) {
        self.bytes = bytes
        self.record = record
        self.path = path
    }

    /// The section table, after everything has been checked that `Container.open` promises.
    func entries() throws(GranaryError) -> [SectionEntry] {
        try checkHeader()
        let (table, count, root) = try footer()
        // Header and footer and 64 bytes for each section are in the file, as `footer` has checked.
        let end = bytes.byteCount - ContainerFormat.footerBytes
        var reader = ByteReader(bytes.extracting(table..<end), path: path, section: "section table")
        var entries: [SectionEntry] = []
        for _ in 0..<count { entries.append(try entry(&reader)) }
        try checkPlaces(entries, table: table)
        // Inside the file, as `checkPlaces` has checked; before it the number may be anything.
        let checksums = Int(entries.first?.checksums ?? UInt64(table))
        var writer = ByteWriter()
        writer.append(bytes.extracting(checksums..<end))
        var header = ByteWriter()
        header.append(bytes.extracting(0..<ContainerFormat.headerBytes))
        let hash = Checksum.blake2s128(header.bytes, writer.bytes)
        guard hash == root else {
            throw fail(
                .checksumMismatch, "expected root hash \(root), found \(hash)", "section table", at: checksums
            )
        }
        guard hash == record.rootHash else {
            throw fail(
                .wrongFile, "expected the file of root hash \(record.rootHash), found that of \(hash)",
                "footer")
        }
        return entries
    }

    private func checkHeader() throws(GranaryError) {
        var reader = ByteReader(bytes, path: path, section: "header")
        guard try reader.nextBytes(8) == ContainerFormat.magic else {
            throw fail(.wrongFile, "expected a data file of an index, found another kind of file", "header")
        }
        let (kind, _) = (try reader.next(UInt8.self), try reader.next(UInt8.self))
        let (major, minor) = (try reader.next(UInt16.self), try reader.next(UInt16.self))
        guard major == ContainerFormat.major else {
            throw fail(
                .unsupportedVersion,
                "expected format version \(ContainerFormat.major), found \(major).\(minor)", "header")
        }
        let body = bytes.extracting(0..<ContainerFormat.headerBytes - 4)
        var last = ByteReader(
            bytes.extracting(ContainerFormat.headerBytes - 4..<ContainerFormat.headerBytes), path: path,
            section: "header")
        guard try last.next(UInt32.self) == Checksum.crc32c(body) else {
            throw fail(.checksumMismatch, "the header has not its checksum", "header")
        }
        try reader.skip(2)
        // The index that the file was made for says nothing: it may have been attached to another since.
        _ = try reader.nextIdentifier()
        let id = try reader.nextIdentifier()
        guard kind == record.kind.rawValue, id == record.id else {
            throw fail(
                .wrongFile,
                "expected \(record.kind) file \(record.id), found kind \(kind), file \(id)",
                "header")
        }
    }

    private func footer() throws(GranaryError) -> (table: Int, count: Int, root: Identifier128) {
        let start = bytes.byteCount - ContainerFormat.footerBytes
        let footer = bytes.extracting(start..<bytes.byteCount)
        var reader = ByteReader(footer, path: path, section: "footer")
        let table = try reader.next(UInt64.self)
        let count = try reader.next(UInt32.self)
        try reader.skip(4)
        let length = try reader.next(UInt64.self)
        let root = try reader.nextIdentifier()
        try reader.skip(ContainerFormat.footerBytes - 12 - reader.position)
        let checksum = try reader.next(UInt32.self)
        guard try reader.nextBytes(8) == ContainerFormat.endMagic else {
            throw fail(.corrupt, "expected the end of a data file", "footer", at: start)
        }
        guard checksum == Checksum.crc32c(footer.extracting(0..<ContainerFormat.footerBytes - 12)) else {
            throw fail(.checksumMismatch, "the footer has not its checksum", "footer", at: start)
        }
        guard length == UInt64(bytes.byteCount), count <= ContainerFormat.largestSectionCount,
            table == UInt64(start) - min(UInt64(start), UInt64(count) * UInt64(ContainerFormat.entryBytes)),
            table >= UInt64(ContainerFormat.headerBytes)
        else {
            throw fail(
                .corrupt, "expected a section table of \(count) entries before the footer", "footer",
                at: start)
        }
        return (Int(table), Int(count), root)
    }

    private func entry(_ reader: inout ByteReader) throws(GranaryError) -> SectionEntry {
        let id = try reader.next(UInt32.self)
        let codec = try reader.next(UInt16.self)
        let shift = try reader.next(UInt8.self)
        try reader.skip(1)
        let (offset, count) = (try reader.next(UInt64.self), try reader.next(UInt64.self))
        let (elements, checksums) = (try reader.next(UInt64.self), try reader.next(UInt64.self))
        let name = try reader.nextBytes(ContainerFormat.nameBytes).prefix { $0 != 0 }
        guard (9...24).contains(shift), name.allSatisfy({ (32...126).contains($0) }) else {
            throw fail(.corrupt, "expected a section entry, found other bytes", "section table")
        }
        return SectionEntry(
            id: SectionID(rawValue: id, name: String(decoding: name, as: UTF8.self)), codec: codec,
            checksumShift: shift,
            offset: offset, count: count, elements: elements, checksums: checksums)
    }

    /// Sections in order, apart, each with its slack; then the checksums of each in order, up to the table.
    private func checkPlaces(_ entries: [SectionEntry], table: Int) throws(GranaryError) {
        let limit = UInt64(table)
        var end = UInt64(ContainerFormat.headerBytes)
        var numbers = Set<UInt32>()
        for entry in entries {
            let (last, overflow) = entry.offset.addingReportingOverflow(entry.count)
            guard !overflow, entry.offset % ContainerFormat.alignment == 0, entry.offset >= end,
                last <= limit,
                limit - last >= ContainerFormat.slack, numbers.insert(entry.id.rawValue).inserted
            else { throw misplaced(entry) }
            end = last + ContainerFormat.slack
        }
        var checksums = entries.first?.checksums ?? limit
        guard checksums >= end || entries.isEmpty, checksums <= limit else { throw misplaced(entries.first) }
        for entry in entries {
            guard entry.checksums == checksums, entry.checksumCount <= (limit - checksums) / 4 else {
                throw misplaced(entry)
            }
            checksums += 4 * entry.checksumCount
        }
        guard limit - checksums < 64 else { throw misplaced(entries.last) }
    }

    private func misplaced(_ entry: SectionEntry?) -> GranaryError {
        fail(
            .corrupt, "expected sections and checksums in order inside the file",
            entry?.id.name ?? "section table")
    }

    private func fail(_ code: GranaryError.Code, _ message: String, _ section: String, at offset: Int? = nil)
        -> GranaryError
    {
        GranaryError(code, message, path: path, section: section, byteOffset: offset.map(UInt64.init))
    }
}
