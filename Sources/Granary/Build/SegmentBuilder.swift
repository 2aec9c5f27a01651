import GranaryStorage

/// Documents on their way into one segment: vectors and payloads are spilled to temporary files as they come;
/// only a few dozen bytes a document stay in memory.
struct SegmentBuilder: ~Copyable, Sendable {
    private let options: BuildOptions
    private var table = ComponentTable()
    private var spill: RowSpill
    private var payloads: PayloadSpill
    /// Nil in an index without dense vectors.
    private var dense: DenseSpill?
    private var fields: FieldBuffer
    private var keys: [UInt8] = []
    private var keyStarts: [UInt32] = [0]
    /// By the hash of a key: its row.
    private(set) var rowOfKey: [KeyHash: UInt32] = [:]
    private var replaced: Set<UInt32> = []
    /// Of the first row.
    private var firstSequence: UInt64 = 0
    /// By row: its sequence number less that of the first.
    private var offsets: [UInt32] = []
    private var entries = 0

    init(_ context: BuildContext) {
        options = context.options
        spill = RowSpill(fileSystem: context.fileSystem, directory: context.directory)
        payloads = PayloadSpill(
            fileSystem: context.fileSystem, directory: context.directory,
            method: context.schema.payloadCompression)
        if let schema = context.schema.dense {
            dense = DenseSpill(
                fileSystem: context.fileSystem, directory: context.directory, schema: schema)
        }
        fields = FieldBuffer(context.schema.fields)
    }

    /// Documents that would be written now.
    var documentCount: Int { spill.rowCount - replaced.count }

    // Mutating, since an optional that cannot be copied can only be looked into by whoever may change it.

    /// Memory that this segment needs until it is finished, in bytes, roughly: what `memoryBytes` is compared
    /// with.
    mutating func estimatedMemoryBytes() -> Int {
        // What becomes a segment with blocks has all its postings in memory; the others work by window.
        let listed = options.hasBlocks(documents: documentCount) ? documentCount : min(documentCount, 1 << 17)
        let postings = options.postings(documents: documentCount, entries: entries) * Double(listed)
        // A key's hash and place, starts, order, strongest component: about 170 bytes a document; rows about
        // 2.6 bytes an entry while they are mapped; 18 bytes for each posting while lists are made.
        return spill.rowCount * 170 + keys.count + Int(Double(entries) * 2.6) + Int(postings * 18)
            + table.memoryBytes + (dense?.memoryBytes ?? 0) + fields.memoryBytes
    }

    /// Whether the format's 32-bit offsets leave no room for much more, whatever memory there is.
    var isFull: Bool {
        keys.count >= 1 << 31 || spill.rowCount >= 1 << 30 || entries >= 1 << 32
            || offsets.last ?? 0 >= 1 << 31 || fields.isFull
    }

    /// Throws `tooLarge` for a payload or vector that is too large.
    static func check(_ document: Document) throws(GranaryError) {
        guard document.sparse.count <= RowEntries.mostEntries else {
            throw GranaryError(
                .tooLarge, "expected a vector of fewer than 32768 components, found \(document.sparse.count)")
        }
        if let payload = document.payload { try PayloadSpill.check(payload) }
    }

    /// Adds a document that `check` has passed; one with the same key that is already here is replaced.
    ///
    /// - Parameters:
    ///   - dense: the row of its dense vector, as `DenseRowCodec` makes it; nil for none.
    ///   - sequence: its sequence number, above those before it.
    ///   - values: those of the schema's fields.
    ///   - isReadAgain: whether `finish` can read both vectors again, so that they need not be kept.
    /// - Returns: whether a document was replaced.
    /// - Throws: errors of writing, `tooLarge` for a sequence number too far from the first. Nothing has
    ///   changed then.
    mutating func add(
        key: [UInt8], hash: KeyHash, components: [UInt32], weights: [Float], dense row: [UInt8]? = nil,
        payload: [UInt8]?, sequence: UInt64, values: [FieldEntry] = [], isReadAgain: Bool = false
    ) throws(GranaryError) -> Bool {
        if offsets.isEmpty { firstSequence = sequence }
        guard let offset = UInt32(exactly: sequence - firstSequence) else {
            throw GranaryError(.tooLarge, "expected documents of a segment within 2^32 operations")
        }
        // A merge may take in more than what fills a buffer.
        guard let keyEnd = UInt32(exactly: keys.count + key.count) else {
            throw GranaryError(.tooLarge, "expected a segment of less than 4 GiB of keys")
        }
        try payloads.makeRoom()
        try spill.makeRoom()
        if !isReadAgain {
            try dense?.makeRoom()
            dense?.append(row)
        }
        payloads.append(payload)
        var ids: [UInt32] = []
        ids.reserveCapacity(components.count)
        for (component, weight) in zip(components, weights) {
            ids.append(table.add(component, weight: weight))
        }
        let number = UInt32(spill.rowCount)
        if isReadAgain { spill.count() } else { spill.append(ids: ids, weights: weights) }
        fields.add(values, row: number)
        offsets.append(offset)
        entries += ids.count
        keys.append(contentsOf: key)
        keyStarts.append(keyEnd)
        guard let old = rowOfKey.updateValue(number, forKey: hash) else { return false }
        replaced.insert(old)
        return true
    }

    /// Takes a document out again; returns whether it was here.
    mutating func remove(hash: KeyHash) -> Bool {
        guard let row = rowOfKey.removeValue(forKey: hash) else { return false }
        replaced.insert(row)
        return true
    }

    /// Writes the segment's files.
    ///
    /// - Parameters:
    ///   - context: as that of the initialiser; what it knows of components may be newer.
    ///   - vectors: reads the sparse vectors again, all of them, in the order in which they were added; nil
    ///     when they were kept here.
    ///   - denseRows: the dense vectors, when they were not kept here.
    /// - Throws: errors of writing, `tooLarge`, `cancelled`. No file is left then, and it can be tried again.
    mutating func finish(
        _ context: BuildContext, readingAgain vectors: Vectors? = nil, denseRows: (any DenseRows)? = nil
    ) throws(GranaryError) -> BuiltSegment {
        let (localOf, componentOf, order) = table.numbered()
        let type = context.schema.weights
        let steps =
            type == .uint8
            ? order.map {
                context.step(table.components[$0])
                    ?? max(table.largestWeights[$0] / 255, .leastNormalMagnitude)
            } : []
        let kept = (0..<UInt32(spill.rowCount)).filter { !replaced.contains($0) }
        let first = kept.first.map { offsets[Int($0)] } ?? 0
        // The only one who has the rows, and lets go of them.
        var assembly = try SegmentAssembly(
            context: context,
            rows: try EncodedRows(
                of: { (body) throws(GranaryError) in
                    if let vectors { try readAgain(vectors, body) } else { try spill.forEach(body) }
                }, rowCount: spill.rowCount, replaced: replaced, type: type, localOf: localOf,
                components: componentOf, steps: steps, fileSystem: context.fileSystem,
                directory: context.directory, progress: context.progress),
            componentOf: componentOf, kept: kept, keys: keys,
            keyStarts: keyStarts, insertions: kept.map { offsets[Int($0)] - first })
        try writeLists(&assembly, context)
        try assembly.writeDocuments(&payloads)
        let spilled = denseRows == nil ? try dense?.rows() : nil
        if let rows = denseRows ?? spilled { try assembly.writeDense(rows) }
        try assembly.writeFields(fields, rowCount: spill.rowCount)
        var built = try assembly.finish()
        built.firstSequence = firstSequence + UInt64(first)
        built.lastSequence = firstSequence + UInt64(kept.last.map { offsets[Int($0)] } ?? 0)
        return built
    }

    /// Writes what a segment of this size is searched by: nothing but its rows, impact-ordered lists, or
    /// blocks.
    private func writeLists(_ assembly: inout SegmentAssembly, _ context: BuildContext) throws(GranaryError) {
        let rows = assembly.rows
        guard rows.count > 0, rows.count >= options.exactBelow else { return try assembly.writeBlocks(nil) }
        let entries = Int(rows.statistics.entries)
        let wanted = options.postings(documents: rows.count, entries: entries) * Double(rows.count)
        let threshold = PostingSelection.threshold(rows.statistics.histogram, wanted: wanted)
        guard options.hasBlocks(documents: rows.count) else {
            return try assembly.writeImpacts(threshold: threshold)
        }
        try assembly.writeBlocks(
            try PostingSelection(rows, threshold: threshold, options: options, progress: context.progress))
    }

    /// Calls its parameter with the components and weights of each document.
    typealias Vectors = (
        _ body: (_ components: [UInt32], _ weights: [Float]) throws(GranaryError) -> Void
    ) throws(GranaryError) -> Void

    private func readAgain(
        _ vectors: @escaping Vectors,
        _ body: (_ row: Int, _ ids: Span<UInt32>, _ weights: Span<Float>) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        var (row, ids) = (0, [UInt32]())
        try vectors { (components, weights) throws(GranaryError) in
            ids.removeAll(keepingCapacity: true)
            for component in components {
                guard let number = table.number(of: component) else {
                    throw GranaryError(.corrupt, "component \(component) was not there the first time")
                }
                ids.append(number)
            }
            try body(row, ids.span, weights.span)
            row += 1
        }
        guard row == spill.rowCount else {
            throw GranaryError(.corrupt, "expected \(spill.rowCount) vectors again, found \(row)")
        }
    }
}

/// What all segments of one writer share.
struct BuildContext: Sendable {
    var fileSystem: any FileSystem
    var directory: String
    var index: Identifier128
    var schema: Schema
    var options: BuildOptions
    var threads: Int
    var progress: BuildProgress
    /// The step of a component that earlier segments fixed (uint8).
    var step: @Sendable (UInt32) -> Float?
    /// The token of a component, if the index has a vocabulary.
    var token: @Sendable (UInt32) -> String?
    /// Measures a segment of which everything else has been written; returns its calibration section.
    var calibrate: @Sendable (_ blocks: Container, _ summary: Container) throws(GranaryError) -> [UInt8]
    /// Whether the index has a vocabulary: known only once a document with a component has come.
    var hasVocabulary: @Sendable () -> Bool
}

/// A finished segment.
struct BuiltSegment: Sendable {
    var blocks: FileRecord
    var summary: FileRecord
    /// `.dense` files of other segments that it uses.
    var shared: [DenseFile] = []
    /// Its own `.dense` file; nil when no document has a dense vector.
    var dense: FileRecord?
    var documents: UInt32
    /// The sequence numbers of its documents inserted first and last.
    var firstSequence: UInt64 = 0
    var lastSequence: UInt64 = 0

    /// The files that were made for it.
    var made: [FileRecord] { [blocks, summary] + [dense].compactMap { $0 } }
    /// All of its files, in the order of the manifest.
    var files: [FileRecord] {
        [blocks, summary] + shared.map(\.container.record) + [dense].compactMap { $0 }
    }
    /// Bytes of the files that were made for it.
    var writtenBytes: UInt64 { made.reduce(0) { $0 + $1.length } }
}
