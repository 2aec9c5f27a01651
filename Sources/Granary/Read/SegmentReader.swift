import GranaryStorage

/// One segment, mapped: nothing of it is copied or checked beyond its structure when it is opened.
struct SegmentReader: Sendable {
    let facts: SegmentFacts
    let blocks: Container
    let summary: Container
    let names: ComponentNames
    let keys: KeyTable
    let payloads: PayloadReader?
    let fields: FieldColumns
    let calibration: Calibration
    /// The tombstones; nil when every document is live.
    private(set) var dead: Tombstones?
    /// The sequence number of the document inserted first.
    private(set) var firstSequence: UInt64
    /// The dense half; nil when no document has one.
    var dense: DenseVectors?
    /// What is compared with its checksums when it is first read; nil when nothing is.
    let touch: SegmentTouch?

    private let rowsSection: Section
    let rowStarts: Section
    private let fineSection: Section
    let fineStarts: Section
    private let stepsSection: Section
    private let insertions: Section
    private let postingsSection: Section
    private let lists: Section
    private let listMaxima: Section
    private let listFlags: Section
    private let blockStarts: Section
    private let summariesSection: Section
    let summaryStarts: Section
    private let listTables: Section
    private let impactLists: Section
    let impactStarts: Section

    /// - Throws: `corrupt` when a section is missing or has not the length that the segment's facts ask for;
    ///   `checksumMismatch` when sections are to be compared at once.
    init(
        blocks: Container, summary: Container, dead: Tombstones?, firstSequence: UInt64,
        verification: ReadVerification = .structure
    ) throws(GranaryError) {
        self.blocks = blocks
        self.summary = summary
        self.dead = dead
        self.firstSequence = firstSequence
        for file in [blocks, summary] { try file.checkCodecs() }
        touch = verification == .firstTouch ? try SegmentTouch(blocks: blocks, summary: summary) : nil
        facts = try SegmentFacts(try blocks.section(.segment).bytes, path: blocks.path)
        let (documents, components, blockCount) = (
            Int(facts.documents), Int(facts.components), Int(facts.blocks)
        )
        names = try ComponentNames(blocks, count: components)
        keys = try KeyTable(blocks, documents: documents)
        payloads = try PayloadReader(
            blocks, documents: documents, compression: facts.payloadCompression, touch: touch?.payloadBlocks)
        fields = try FieldColumns(blocks, documents: documents)
        rowsSection = try blocks.section(.rows)
        rowStarts = try blocks.section(.rowStarts, words: documents + 1)
        fineSection = try blocks.section(.fine)
        fineStarts = try blocks.section(.fineStarts, words: documents + 1)
        stepsSection = try blocks.section(.steps, words: facts.weights == .uint8 ? components : 0)
        insertions = try blocks.section(.insertions, words: documents)
        postingsSection = try blocks.section(.postings)
        lists = try summary.section(.lists, words: components + 1)
        listMaxima = try summary.section(.listMaxima, words: components)
        listFlags = try summary.section(.listFlags)
        guard listFlags.count == components else {
            throw GranaryError(
                .corrupt, "expected \(components) bytes, found \(listFlags.count)", path: summary.path,
                section: SectionID.listFlags.name)
        }
        blockStarts = try summary.section(.blockStarts, words: blockCount + 1)
        summariesSection = try summary.section(.summaries)
        summaryStarts = try summary.section(.summaryStarts)
        guard summaryStarts.count >= 4, summaryStarts.count % 4 == 0 else {
            throw GranaryError(
                .corrupt, "expected a word for each table and one more, found \(summaryStarts.count) bytes",
                path: summary.path, section: SectionID.summaryStarts.name)
        }
        listTables = try summary.section(.listTables, words: components + 1)
        let windows = Int(facts.windows)
        // Without windows whatever stands there is not looked at.
        impactLists = windows > 0 ? try blocks.section(.impacts) : postingsSection
        impactStarts =
            windows > 0 ? try summary.section(.impactStarts, words: components * windows + 1) : blockStarts
        calibration = try Calibration(
            summary.sectionIfPresent(.calibration), hasImpacts: windows > 0, path: summary.path)
        adviseRandom()
    }

    /// Tells the system that rows and lists are read here and there.
    func adviseRandom() {
        for section in [rowsSection, fineSection, postingsSection, impactLists] { section.advise(.random) }
    }

    /// What a search reads here and there.
    enum Part { case rows, fine, impacts }

    /// Tells the system that bytes of a part will be read soon; in a damaged segment they may be any.
    func willRead(_ part: Part, from: Int, to: Int) {
        guard from < to else { return }
        switch part {
        case .rows: rowsSection.willRead(from..<to)
        case .fine: fineSection.willRead(from..<to)
        case .impacts: impactLists.willRead(from..<to)
        }
    }

    /// The same segment with other tombstones.
    func with(dead: Tombstones?) -> SegmentReader {
        var copy = self
        copy.dead = dead
        return copy
    }

    /// The same segment at another place in the order of insertion, with every document live.
    func moved(to firstSequence: UInt64) -> SegmentReader {
        var copy = self
        (copy.dead, copy.firstSequence) = (nil, firstSequence)
        return copy
    }

    /// Its files, mapped.
    var files: [Container] { dataFiles + [dead?.file].compactMap { $0 } }
    /// Its files but that of the tombstones.
    var dataFiles: [Container] { [blocks, summary] + (dense?.files.map(\.container) ?? []) }
    /// Documents, dead ones included.
    var documentCount: Int { Int(facts.documents) }
    /// Documents that are not dead.
    var liveCount: Int { documentCount - (dead?.count ?? 0) }
    /// Whether the segment has neither blocks nor impact-ordered lists and is always searched exactly.
    var isExactOnly: Bool { facts.blocks == 0 && facts.windows == 0 }
    /// Whether the segment has impact-ordered lists (instead of blocks).
    var hasImpacts: Bool { facts.windows > 0 }

    /// The forward rows.
    var rows: RowsView {
        @_lifetime(borrow self) get {
            RowsView(
                bytes: rowsSection.bytes, starts: Kernels.words(rowStarts.bytes),
                components: facts.components,
                isWide: facts.isWide, isLinear: facts.weights == .uint8)
        }
    }
    /// The rest of the rows' weights.
    var fine: FineView {
        @_lifetime(borrow self) get {
            FineView(
                bytes: fineSection.bytes, starts: Kernels.words(fineStarts.bytes),
                width: facts.weights.fineWidth)
        }
    }
    /// By local component: the weight of code 1 (uint8; otherwise empty).
    var steps: Span<Float> {
        @_lifetime(borrow self) get {
            Kernels.floats(stepsSection.bytes)
        }
    }
    /// The step of a component (uint8), if the segment has it.
    func step(of component: UInt32) -> Float? {
        guard let local = names.local(of: component), Int(local) < steps.count else { return nil }
        let step = steps[Int(local)]
        return step.isNormal && step > 0 ? step : nil
    }
    /// The block summaries, in tables.
    var summaries: SummariesView {
        @_lifetime(borrow self) get {
            SummariesView(
                bytes: summariesSection.bytes, starts: Kernels.words(summaryStarts.bytes),
                components: facts.components, isWide: facts.isWide)
        }
    }

    /// The impact-ordered lists; malformed in a segment without them.
    var impacts: ImpactsView {
        @_lifetime(borrow self) get {
            ImpactsView(
                bytes: impactLists.bytes, starts: Kernels.words(impactStarts.bytes),
                components: facts.components, windows: facts.windows, documents: facts.documents)
        }
    }

    /// The summary tables of a component's list.
    func tables(_ local: UInt32) throws(GranaryError) -> Range<Int> {
        let starts = Kernels.words(listTables.bytes)
        let (from, to) = (Int(starts[Int(local)]), Int(starts[Int(local) + 1]))
        guard from <= to, to < summaryStarts.count / 4 else { throw malformed(.listTables, at: Int(local)) }
        try checkSummaries(from..<to)
        return from..<to
    }

    /// The blocks of a component's list.
    func list(_ local: UInt32) throws(GranaryError) -> Range<UInt32> {
        let starts = Kernels.words(lists.bytes)
        let (from, to) = (starts[Int(local)], starts[Int(local) + 1])
        guard from <= to, to <= facts.blocks else {
            throw GranaryError(
                .corrupt, "expected ascending blocks up to \(facts.blocks), found \(from) and \(to)",
                path: summary.path,
                section: SectionID.lists.name, byteOffset: UInt64(local) * 4)
        }
        return from..<to
    }

    /// By local component: its largest stored weight, or anything in a damaged segment.
    var largestWeights: Span<Float> {
        @_lifetime(borrow self) get { Kernels.floats(listMaxima.bytes) }
    }

    /// The largest stored weight of a component.
    func largestWeight(_ local: UInt32) -> Float {
        let weight = largestWeights[Int(local)]
        return weight.isFinite && weight >= 0 ? weight : 0
    }

    /// Whether a component's list has every document of the component.
    func isComplete(_ local: UInt32) -> Bool { listFlags.bytes.byte(at: Int(local)) == 1 }
    /// By local component: what `isComplete` looks at.
    var listFlagBytes: RawSpan {
        @_lifetime(borrow self) get { listFlags.bytes }
    }

    /// The posting blocks.
    var postings: RawSpan {
        @_lifetime(borrow self) get { postingsSection.bytes }
    }

    /// Where a posting block is in `postings`.
    func postingRange(_ block: UInt32) throws(GranaryError) -> Range<Int> {
        let starts = Kernels.words(blockStarts.bytes)
        let (from, to) = (Int(starts[Int(block)]), Int(starts[Int(block) + 1]))
        guard from <= to, to <= postingsSection.count else { throw malformed(.postings, at: from) }
        try touch?.postings?.verify(1) { _ in from..<to }
        return from..<to
    }

    /// By ordinal: its sequence number less `firstSequence`.
    var insertionOffsets: Span<UInt32> {
        @_lifetime(borrow self) get { Kernels.words(insertions.bytes) }
    }

    /// The order of insertion among all documents of the index: ties of score go to the smaller.
    func sequence(_ ordinal: UInt32) -> UInt64 {
        firstSequence &+ UInt64(insertionOffsets[Int(ordinal)])
    }

    /// The key of a document.
    func key(_ ordinal: UInt32) throws(GranaryError) -> DocumentKey {
        guard let key = keys.key(of: ordinal) else {
            throw malformed(.keys, at: Int(ordinal))
        }
        return key
    }

    /// The live document with a key.
    func ordinal(of key: [UInt8], hash: KeyHash) -> UInt32? {
        keys.ordinals(of: key, hash: hash).first { !(dead?.contains($0) ?? false) }
    }

    /// The entries of a document's row.
    func entries(_ ordinal: UInt32) throws(GranaryError) -> RowEntries {
        try checkFullRows(1) { _ in ordinal }
        guard let entries = RowEntries(rows, fine, steps: steps, ordinal: ordinal) else {
            throw malformed(.rows, at: Int(ordinal))
        }
        return entries
    }

    /// The entries of a document's row by component of the index, in the order of the segment.
    func vector(
        _ ordinal: UInt32
    ) throws(GranaryError) -> (components: [UInt32], weights: [Float]) {
        let entries = try entries(ordinal)
        var components: [UInt32] = []
        components.reserveCapacity(entries.components.count)
        for local in entries.components {
            guard let component = names.component(local) else { throw malformed(.components, at: Int(local)) }
            components.append(component)
        }
        return (components, entries.weights)
    }

    /// The error of bytes that no writer makes.
    func malformed(_ section: SectionID, at position: Int) -> GranaryError {
        GranaryError(
            .corrupt, "expected what a writer makes, found malformed bytes at element \(position)",
            path: blocks.path,
            section: section.name)
    }
}
