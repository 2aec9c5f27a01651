import GranaryStorage

/// One `.dense` file. A page is compared with its checksum the first time it is read.
final class DenseFile: Sendable {
    let container: Container
    let facts: DenseFacts
    let codec: DenseRowCodec
    private let vectors: Section
    /// Reads rows that are not in memory, many at once; nil for a file in memory.
    private let reader: BatchReader?
    /// By ordinal of the segment whose last file this is: the place of its vector. Nil where row numbers are
    /// ordinals.
    let places: Section?
    private let touch: FirstTouch

    /// - Throws: `corrupt` when a section is missing or has not the length that the facts ask for, or when
    ///   the facts are not those of the schema.
    init(
        _ record: FileRecord, directory: String, fileSystem: any FileSystem, schema: DenseSchema,
        reading: Reading
    ) throws(GranaryError) {
        container = try Container.open(fileSystem: fileSystem, directory: directory, record: record)
        try container.checkCodecs()
        facts = try DenseFacts(try container.section(.dense), path: container.path)
        guard facts.schema == schema else {
            throw GranaryError(
                .corrupt, "expected the vectors of the schema, \(schema), found \(facts.schema)",
                path: container.path, section: SectionID.dense.name)
        }
        codec = try DenseRowCodec(schema)
        vectors = try container.section(.vectors)
        let length = codec.layout.length(rows: Int(facts.rows))
        guard vectors.count == length else {
            throw GranaryError(
                .corrupt, "expected \(length) bytes of \(facts.rows) vectors, found \(vectors.count)",
                path: container.path, section: SectionID.vectors.name)
        }
        places =
            facts.documents > 0
            ? try container.section(.places, words: Int(facts.documents)) : nil
        touch = FirstTouch(container, vectors)
        if reading.verification == .firstTouch {
            for section in container.sections where section.id != .vectors {
                try container.verify(section, 0..<section.count)
            }
        }
        guard container.mapping.isMapped, facts.rows > 0 else {
            reader = nil
            return
        }
        var options = ReadOptions()
        options.method = reading.dense.method
        options.residentBytes = reading.dense.residentShare.map {
            max(BatchReader.smallestBudget, Int($0 * Double(length)))
        }
        let file = try fileSystem.openForReading(container.path)
        defer { file.close() }
        reader = try BatchReader(file, mapping: container.mapping, options: options)
    }

    /// How rows are read that are not in memory.
    var method: ReadMethod { reader?.method ?? .mapped }
    /// What has been read; nil for a file in memory.
    var counts: ReadCounts? { reader?.counts }

    var rowCount: Int { Int(facts.rows) }
    /// Bytes of its rows.
    var vectorBytes: Int { vectors.count }

    /// Hands over the bytes of a row, as they are: `verify` comes first. The caller has checked the number.
    @inline(__always)
    func withRow<Result>(
        _ row: Int, _ body: (RawSpan) throws(GranaryError) -> Result
    ) throws(GranaryError) -> Result {
        let (section, start) = (vectors, codec.layout.offset(row))
        return try body(section.bytes.extracting(start..<start + codec.layout.stride))
    }

    /// Compares the pages of some rows with their checksums, those that have not been compared before.
    ///
    /// - Throws: `checksumMismatch`. Complexity: O(1) for each row; each page once.
    func verify(_ rows: some RandomAccessCollection<Int>) throws(GranaryError) {
        let layout = codec.layout
        try touch.verify(rows.count) { place in
            let start = layout.offset(rows[rows.index(rows.startIndex, offsetBy: place)])
            return start..<start + layout.stride
        }
    }

    /// Begins to read rows that will be scored; waits for nothing.
    ///
    /// - Parameter rows: in any order.
    func prefetch(_ rows: [Int]) {
        reader?.prefetch(rows.count) { range(rows[$0]) }
    }

    /// The scores of some rows, in their order.
    ///
    /// - Parameter rows: numbers of rows, in any order; they are read in that of the file.
    /// - Throws: `checksumMismatch`; `corrupt` for bytes that no writer makes; errors of reading.
    func scores(of rows: [Int], _ query: [Float]) throws(GranaryError) -> [Float] {
        guard let reader, !(try reader.seemsResident(rows.count, { range(rows[$0]) })) else {
            return try mappedScores(rows, query)
        }
        let order = rows.indices.sorted { rows[$0] < rows[$1] }
        let ascending = order.map { rows[$0] }
        var scores = [Float](repeating: 0, count: rows.count)
        for (place, score) in zip(order, try readScores(ascending, query, reader)) { scores[place] = score }
        return scores
    }

    /// Rows that are copied at a time.
    private static let copiedRows = 64

    private func range(_ row: Int) -> Range<Int> {
        let start = vectors.offset + codec.layout.offset(row)
        return start..<start + codec.layout.stride
    }

    /// As `scores`, of ascending rows that may not be in memory.
    private func readScores(
        _ rows: [Int], _ query: [Float], _ reader: BatchReader
    ) throws(GranaryError) -> [Float] {
        var scores: [Float] = []
        do throws(GranaryError) {
            try reader.withResident(rows.map(range)) { (_, piece) throws(GranaryError) in
                scores += try mappedScores(Array(rows[piece]), query)
            }
            return scores
        } catch {
            // More than may be in memory at a time: nothing has been scored.
            guard error.code == .tooLarge else { throw error }
        }
        for start in stride(from: 0, to: rows.count, by: Self.copiedRows) {
            scores += try copiedScores(rows[start..<min(rows.count, start + Self.copiedRows)], query, reader)
        }
        return scores
    }

    private func mappedScores(_ rows: [Int], _ query: [Float]) throws(GranaryError) -> [Float] {
        try verify(rows)
        let section = vectors
        let layout = codec.layout
        guard let scores = codec.scores(section.bytes, rows.map { UInt64(layout.offset($0)) }, query) else {
            throw malformed(rows.max() ?? 0)
        }
        if let place = scores.firstIndex(where: { !$0.isFinite }) { throw malformed(rows[place]) }
        return scores
    }

    /// As `mappedScores`, of copies of the rows' pages, which take no memory for longer.
    private func copiedScores(
        _ rows: ArraySlice<Int>, _ query: [Float], _ reader: BatchReader
    ) throws(GranaryError) -> [Float] {
        let page = DenseLayout.pageBytes
        let pages = rows.map { codec.layout.pages($0) }
        var slots = try PageSlots(count: rows.count, slotBytes: (pages.map(\.count).max() ?? 1) * page)
        try reader.read(
            pages.map { pages in
                let start = vectors.offset + pages.lowerBound * page
                return start..<vectors.offset + min(vectors.count, (pages.upperBound + 1) * page)
            }, into: &slots)
        var scores: [Float] = []
        for (slot, row) in rows.enumerated() {
            let bytes = slots.bytes(slot)
            for number in pages[slot] {
                let start = (number - pages[slot].lowerBound) * page
                try container.verify(
                    vectors, block: number,
                    bytes: bytes.extracting(start..<min(bytes.byteCount, start + page))
                )
            }
            let start = codec.layout.offset(row) - pages[slot].lowerBound * page
            guard let score = codec.scores(bytes, [UInt64(start)], query)?.first, score.isFinite else {
                throw malformed(row)
            }
            scores.append(score)
        }
        return scores
    }

    /// The values of a row.
    ///
    /// - Throws: `checksumMismatch`; `corrupt` for bytes that no writer makes.
    func vector(_ number: Int) throws(GranaryError) -> [Float] {
        try verify(CollectionOfOne(number))
        return try withRow(number) { (row) throws(GranaryError) in
            guard let values = codec.decode(row) else { throw malformed(number) }
            return values
        }
    }

    /// The error of a row that no writer makes.
    func malformed(_ row: Int) -> GranaryError {
        GranaryError(
            .corrupt, "expected finite values, found others in row \(row)", path: container.path,
            section: SectionID.vectors.name, byteOffset: UInt64(codec.layout.offset(row)))
    }
}
