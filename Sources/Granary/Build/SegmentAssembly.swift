import GranaryStorage

/// Writes the two files of a segment: posting lists first (they decide how documents are numbered), then what
/// goes by document, then the calibration, which searches what has been written.
struct SegmentAssembly {
    private let context: BuildContext
    private(set) var rows: EncodedRows
    private let componentOf: [UInt32]
    /// By row: the number of its key.
    private let kept: [UInt32]
    private let keys: [UInt8]
    private let keyStarts: [UInt32]
    /// By row: its sequence number less that of the first.
    private let insertions: [UInt32]
    private let blocksFile: ContainerWriter
    private let summaryFile: ContainerWriter
    /// The dense half, once it is written.
    private var shared: [DenseFile] = []
    private var dense: FileRecord?

    private var windows = 0
    private var postings: UInt64 = 0
    /// By list: its first block; one more at the end.
    private var lists: [UInt32] = [0]
    /// Documents of each block (rows), block after block.
    private var members: [UInt32] = []
    private var blockSizes: [UInt8] = []
    /// By ordinal: the row.
    private var rowOf: [UInt32] = []

    init(
        context: BuildContext, rows: EncodedRows, componentOf: [UInt32], kept: [UInt32], keys: [UInt8],
        keyStarts: [UInt32], insertions: [UInt32]
    ) throws(GranaryError) {
        self.context = context
        self.rows = rows
        self.componentOf = componentOf
        self.kept = kept
        self.keys = keys
        self.keyStarts = keyStarts
        self.insertions = insertions
        let (fileSystem, directory, index) = (context.fileSystem, context.directory, context.index)
        blocksFile = try ContainerWriter(
            fileSystem: fileSystem, directory: directory, kind: .blocks, index: index,
            id: fileSystem.randomIdentifier())
        summaryFile = try ContainerWriter(
            fileSystem: fileSystem, directory: directory, kind: .summary, index: index,
            id: fileSystem.randomIdentifier())
    }

    /// Writes impact-ordered posting lists of the weights from a threshold on. Documents are numbered by
    /// their strongest component, so that those that a query scores lie closer together, here and in the
    /// dense half.
    mutating func writeImpacts(threshold: UInt16) throws(GranaryError) {
        rowOf = Self.order(by: rows.strongest, below: rows.components)
        windows = ImpactsView.windows(documents: rows.count)
        try blocksFile.beginSection(.impacts)
        let lists = try ImpactListBuilder(
            rows: rows, order: rowOf, threshold: threshold, options: context.options, threads: context.threads
        ).write(to: blocksFile, context)
        postings = lists.postings
        try blocksFile.endSection(elements: postings)
        try summaryFile.write(.impactStarts, lists.starts)
        try writeBlocks(nil, isComplete: zip(lists.counts, rows.statistics.rows).map { $0 == $1 })
    }

    /// Writes block summaries and their directories, and numbers the documents; nil for a segment without
    /// blocks.
    mutating func writeBlocks(
        _ selection: PostingSelection?, isComplete known: [Bool]? = nil
    ) throws(GranaryError) {
        var (summaryStarts, listTables): ([UInt32], [UInt32]) = ([0], [0])
        var isComplete: [Bool] = []
        if let selection {
            // By row: the block of its strongest component.
            var homes = [UInt32](repeating: .max, count: rows.count)
            isComplete = selection.isComplete
            try summaryFile.beginSection(.summaries)
            let builder = BlockBuilder(
                rows: rows, selection: selection, options: context.options, threads: context.threads)
            var units = 0
            try builder.forEachList(progress: context.progress) { (component, list) throws(GranaryError) in
                try summaryFile.append(list.summaries)
                for length in list.tableLengths {
                    units += Int(length) / 8
                    guard let start = UInt32(exactly: units) else {
                        throw GranaryError(.tooLarge, "expected a segment of less than 32 GiB of summaries")
                    }
                    summaryStarts.append(start)
                }
                var next = 0
                for size in list.sizes {
                    for row in list.documents[next..<next + Int(size)]
                    where rows.strongest[Int(row)] == UInt32(component) {
                        homes[Int(row)] = UInt32(blockSizes.count)
                    }
                    next += Int(size)
                    blockSizes.append(size)
                }
                members.append(contentsOf: list.documents)
                lists.append(UInt32(blockSizes.count))
                listTables.append(UInt32(summaryStarts.count - 1))
            }
            try summaryFile.endSection(elements: UInt64(summaryStarts.count - 1))
            // Those of one block lie together.
            rowOf = Self.order(by: homes, below: UInt32(blockSizes.count))
        } else {
            lists = [UInt32](repeating: 0, count: componentOf.count + 1)
            listTables = lists
            isComplete = known ?? [Bool](repeating: false, count: componentOf.count)
            try summaryFile.write(.summaries, [] as [UInt8])
        }
        try summaryFile.write(.summaryStarts, summaryStarts)
        try summaryFile.write(.lists, lists)
        try summaryFile.write(.listTables, listTables)
        try summaryFile.write(.listMaxima, rows.statistics.largest.map(\.bitPattern))
        try summaryFile.write(.listFlags, isComplete.map { UInt8($0 ? 1 : 0) })
        if selection != nil { postings = UInt64(members.count) }
        if rowOf.isEmpty { rowOf = Array(0..<UInt32(rows.count)) }
    }

    /// Rows by ascending number, those without one (`UInt32.max`) last, and then by insertion.
    private static func order(by numbers: [UInt32], below count: UInt32) -> [UInt32] {
        var next = [UInt32](repeating: 0, count: Int(count) + 2)
        for number in numbers { next[Int(min(number, count)) + 1] += 1 }
        for number in 0...Int(count) { next[number + 1] += next[number] }
        var order = [UInt32](repeating: 0, count: numbers.count)
        for (row, number) in numbers.enumerated() {
            let place = Int(min(number, count))
            order[Int(next[place])] = UInt32(row)
            next[place] += 1
        }
        return order
    }

    /// Writes everything that goes by document, and the posting blocks.
    mutating func writeDocuments(_ payloads: inout PayloadSpill) throws(GranaryError) {
        let facts = SegmentFacts(
            documents: UInt32(rows.count), components: rows.components, weights: rows.type,
            payloadCompression: context.schema.payloadCompression, entries: rows.statistics.entries,
            postings: postings, blocks: UInt32(blockSizes.count), windows: UInt32(windows))
        try blocksFile.write(.segment, facts.encoded)
        try writeRows()
        // They are in the file now, which is as large: no need to have them twice while it grows.
        rows.letGo()
        try blocksFile.write(.insertions, rowOf.map { insertions[Int($0)] })
        try ComponentSections.write(componentOf, context: context, to: blocksFile)
        try KeySections.write(
            keys: keys, starts: keyStarts, order: rowOf.map { kept[Int($0)] }, to: blocksFile)
        try writePayloads(&payloads)
        try writePostings()
    }

    private func writeRows() throws(GranaryError) {
        var (starts, fineStarts): ([UInt32], [UInt32]) = ([0], [0])
        try blocksFile.beginSection(.rows)
        for (ordinal, row) in rowOf.enumerated() {
            if ordinal % 8192 == 0 {
                try context.progress.report(.writing, UInt64(ordinal), UInt64(rowOf.count))
            }
            let range = rows.rowRange(Int(row))
            try blocksFile.append(rows.view.bytes.extracting(range))
            starts.append(starts[ordinal] + UInt32(range.count / 8))
        }
        try blocksFile.endSection(elements: UInt64(rows.count))
        try blocksFile.write(.rowStarts, starts)
        try blocksFile.beginSection(.fine)
        for (ordinal, row) in rowOf.enumerated() {
            try blocksFile.append(rows.fineView.bytes.extracting(rows.fineRange(Int(row))))
            fineStarts.append(fineStarts[ordinal] + rows.groups(Int(row)))
        }
        try blocksFile.endSection(elements: UInt64(rows.count))
        try blocksFile.write(.fineStarts, fineStarts)
        try blocksFile.write(.steps, rows.steps.map(\.bitPattern))
    }

    private func writePayloads(_ payloads: inout PayloadSpill) throws(GranaryError) {
        if payloads.isEmpty { return }
        try blocksFile.beginSection(.payloadBlocks, codec: UInt16(context.schema.payloadCompression.rawValue))
        let file = blocksFile
        try payloads.forEachChunk { (chunk) throws(GranaryError) in try file.append(Array(chunk)) }
        try blocksFile.endSection(elements: UInt64(payloads.blocks.count))
        var directory = ByteWriter()
        for block in payloads.blocks {
            directory.append(block.offset)
            directory.append(block.length)
            directory.append(block.rawLength)
        }
        try blocksFile.write(.payloadDirectory, directory.bytes)
        var positions: [UInt32] = []
        positions.reserveCapacity(rowOf.count * 3)
        for row in rowOf {
            let position = payloads.positions[Int(kept[Int(row)])]
            positions += [position.block, position.offset, position.length]
        }
        try blocksFile.write(.payloadPositions, positions)
    }

    /// Writes the columns of the schema's fields.
    ///
    /// - Parameter rowCount: documents added, those left out too.
    func writeFields(_ fields: FieldBuffer, rowCount: Int) throws(GranaryError) {
        var ordinalOf = [UInt32](repeating: .max, count: rowCount)
        for (ordinal, row) in rowOf.enumerated() { ordinalOf[Int(kept[Int(row)])] = UInt32(ordinal) }
        try fields.write(ordinalOf: ordinalOf, to: blocksFile)
    }

    private func writePostings() throws(GranaryError) {
        var ordinalOf = [UInt32](repeating: 0, count: rowOf.count)
        for (ordinal, row) in rowOf.enumerated() { ordinalOf[Int(row)] = UInt32(ordinal) }
        var starts: [UInt32] = [0]
        var block: [UInt8] = []
        var (next, bytes) = (0, 0)
        try blocksFile.beginSection(.postings)
        for size in blockSizes {
            block.removeAll(keepingCapacity: true)
            PostingBlock.encode(
                members[next..<next + Int(size)].map { ordinalOf[Int($0)] }.sorted(), into: &block)
            next += Int(size)
            try blocksFile.append(block)
            bytes += block.count
            guard let start = UInt32(exactly: bytes) else {
                throw GranaryError(.tooLarge, "expected a segment of less than 4 GiB of posting blocks")
            }
            starts.append(start)
        }
        try blocksFile.endSection(elements: UInt64(blockSizes.count))
        try summaryFile.write(.blockStarts, starts)
    }

    /// Writes the dense half.
    mutating func writeDense(_ rows: some DenseRows) throws(GranaryError) {
        guard let schema = context.schema.dense else { return }
        dense = try DenseFileWriter.write(
            rows, order: rowOf.map { kept[Int($0)] }, schema: schema, context: context)
        if dense != nil { shared = rows.shared }
    }

    /// Calibrates, and completes all files.
    func finish() throws(GranaryError) -> BuiltSegment {
        do throws(GranaryError) {
            let blocks = try blocksFile.finish()
            try calibrate(blocks)
            return BuiltSegment(
                blocks: blocks, summary: try summaryFile.finish(), shared: shared, dense: dense,
                documents: UInt32(rows.count))
        } catch {
            // A finished file no longer goes with its writer.
            try? context.fileSystem.unlink(blocksFile.path)
            if let dense { try? context.fileSystem.unlink("\(context.directory)/\(dense.name)") }
            throw error
        }
    }

    private func calibrate(_ blocks: FileRecord) throws(GranaryError) {
        guard !blockSizes.isEmpty || windows > 0, context.options.calibrationQueries > 0,
            rows.count >= context.options.calibrateFrom
        else { return }
        let written = try Container.open(
            fileSystem: context.fileSystem, directory: context.directory, record: blocks
        )
        try summaryFile.write(.calibration, try context.calibrate(written, try summaryFile.preview()))
    }
}

extension ContainerWriter {
    /// Writes a whole section of bytes.
    func write(_ id: SectionID, _ bytes: [UInt8]) throws(GranaryError) {
        try beginSection(id)
        try append(bytes)
        try endSection(elements: UInt64(bytes.count))
    }

    /// Writes a whole section of little-endian words.
    func write(_ id: SectionID, _ words: [UInt32], codec: UInt16 = 0) throws(GranaryError) {
        try beginSection(id, codec: codec)
        try appendArray(words)
        try endSection(elements: UInt64(words.count))
    }
}
