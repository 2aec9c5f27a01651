import GranaryStorage

/// How an index is written as a CIFF file.
public struct CIFFExportOptions: Sendable {
    /// How weights become impacts; nil makes the largest weight the largest impact of `bits`.
    public var scale: ImpactScale?
    /// Bits of an impact, 1 to 31: with a scale what may not be exceeded; nil is 8 without a scale and 31
    /// with one.
    public var bits: Int?
    /// Memory for the transposition, in bytes.
    public var memoryBytes: Int
    /// Where the temporary file of the transposition is made. It has no name there.
    public var temporaryDirectory: String
    /// Stops the export.
    public var cancellation: Cancellation?

    /// Makes options.
    public init(
        scale: ImpactScale? = nil, bits: Int? = nil, memoryBytes: Int = 256 << 20,
        temporaryDirectory: String = ".", cancellation: Cancellation? = nil
    ) {
        self.scale = scale
        self.bits = bits
        self.memoryBytes = memoryBytes
        self.temporaryDirectory = temporaryDirectory
        self.cancellation = cancellation
    }
}

extension CIFFExportOptions {
    /// The scale that is asked for, or that fits.
    ///
    /// - Throws: `unsupported` for a largest weight whose impact has too many bits.
    fileprivate func scale(largestWeight: Float) throws(GranaryError) -> ImpactScale {
        guard let scale else { return try ImpactScale(bits: bits ?? 8, largestWeight: largestWeight) }
        let most = try ImpactScale.largestImpact(bits: bits ?? 31)
        let impact = largestWeight > 0 ? try scale.impact(of: largestWeight) : 0
        guard impact <= most else {
            throw GranaryError(
                .unsupported,
                "expected impacts up to \(most), found \(impact): the largest weight is \(largestWeight)")
        }
        return scale
    }
}

extension Snapshot {
    /// Writes all live documents as a file in the Common Index File Format (CIFF), version 1: what
    /// `CIFFReader` reads.
    ///
    /// Documents are numbered in order of insertion; ids are written as strings, numbers in decimal. Terms
    /// are tokens, or components in decimal where the index has no vocabulary, ascending by their bytes. An
    /// impact is a weight × the scale, rounded and at least 1. The header's description states the scale.
    /// Payloads and dense vectors have no place.
    ///
    /// Memory: what the options say, 8 bytes a document and some 100 a term. Disk: 12 bytes a posting in a
    /// temporary file, where memory does not hold all. Reads every row twice.
    /// - Parameter write: takes the bytes in order.
    /// - Returns: the scale.
    /// - Throws: `unsupported` for impacts over what the bits allow, over 2^31 − 1 documents or a posting
    ///   list of 2 GiB, which the format cannot say; `invalidArgument` for bits out of 1...31; `cancelled`;
    ///   `corrupt` for damaged bytes; errors of the temporary file, and what `write` throws.
    @discardableResult
    public func exportCIFF(
        _ options: CIFFExportOptions = CIFFExportOptions(),
        _ write: ([UInt8]) throws(GranaryError) -> Void
    ) throws(GranaryError) -> ImpactScale {
        guard documentCount <= Int(Int32.max) else {
            throw GranaryError(.unsupported, "expected up to \(Int32.max) documents, found \(documentCount)")
        }
        let survey = try TermSurvey(segments, options.cancellation)
        var export = CIFFExport(
            segments, survey, scale: try options.scale(largestWeight: survey.largestWeight),
            cancellation: options.cancellation,
            entries: Transposition(
                memoryBytes: options.memoryBytes, fileSystem: fileSystem,
                directory: options.temporaryDirectory))
        try export.addRows()
        try export.write(write)
        return export.scale
    }
}

/// An export in the making.
private struct CIFFExport: ~Copyable {
    /// What is known of a posting list before it is written.
    private struct List {
        var token: String
        /// Postings.
        var count: UInt64 = 0
        /// The sum of their impacts.
        var impacts: UInt64 = 0
        /// The document added last.
        var last: UInt32 = 0
        /// Bytes of the postings, with their tags and lengths.
        var bytes: UInt64 = 0

        mutating func add(_ document: UInt32, _ impact: UInt32) {
            let width = CIFFExport.width(document - last, impact)
            bytes += 1 + ProtobufWriter.width(width) + width
            count += 1
            impacts += UInt64(impact)
            last = document
        }
    }

    let scale: ImpactScale
    private let segments: [SegmentReader]
    private let cancellation: Cancellation?
    private var lists: [List]
    /// By segment and local component: the list.
    private let listOf: [[UInt32]]
    private var entries: Transposition
    /// By document: the sum of its impacts.
    private var lengths: [UInt32] = []
    private var totalImpacts: UInt64 = 0

    init(
        _ segments: [SegmentReader], _ survey: TermSurvey, scale: ImpactScale, cancellation: Cancellation?,
        entries: consuming Transposition
    ) {
        self.segments = segments
        self.scale = scale
        self.cancellation = cancellation
        self.entries = entries
        (lists, listOf) = (survey.tokens.map { List(token: $0) }, survey.ranks)
    }

    /// Adds the rows of all documents, in order of insertion.
    mutating func addRows() throws(GranaryError) {
        var order = LiveOrder(segments)
        while let (segment, ordinal, _) = order.next() {
            if lengths.count % 1024 == 0 { try cancellation?.check() }
            let document = UInt32(lengths.count)
            let row = try segments[segment].entries(ordinal)
            var length: UInt64 = 0
            for (local, weight) in zip(row.components, row.weights) {
                let impact = try scale.impact(of: weight)
                let list = listOf[segment][Int(local)]
                guard lists[Int(list)].count == 0 || document > lists[Int(list)].last else {
                    throw segments[segment].malformed(.components, at: Int(local))
                }
                lists[Int(list)].add(document, impact)
                try entries.append(Transposition.Entry(column: list, row: document, value: impact))
                length += UInt64(impact)
            }
            totalImpacts += length
            lengths.append(UInt32(min(length, UInt64(Int32.max))))
        }
        try entries.finish()
    }

    /// Writes header, posting lists and records.
    mutating func write(_ write: ([UInt8]) throws(GranaryError) -> Void) throws(GranaryError) {
        let header = CIFFHeader(
            listCount: lists.count, documentCount: lengths.count,
            totalImpacts: Int64(clamping: totalImpacts), scale: scale)
        try write(header.message)
        for (number, list) in lists.enumerated() { try writeList(list, UInt32(number), write) }
        guard try entries.next() == nil else { throw Transposition.damaged }
        try writeRecords(write)
    }

    private mutating func writeList(
        _ list: List, _ number: UInt32, _ write: ([UInt8]) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        try cancellation?.check()
        var head = ProtobufWriter()
        head.append(1, list.token)
        head.append(2, list.count)
        head.append(3, list.impacts)
        let length = UInt64(head.bytes.count) + list.bytes
        guard length <= UInt64(Int32.max) else {
            throw GranaryError(
                .unsupported, "expected posting lists below 2 GiB, found \(length) bytes of \"\(list.token)\""
            )
        }
        var output = ProtobufWriter()
        output.append(varint: length)
        try write(output.bytes + head.bytes)
        output.removeAll()
        var (last, bytes): (UInt32, UInt64) = (0, 0)
        for position in 0..<list.count {
            guard let entry = try entries.next(), entry.column == number,
                entry.row > last || position == 0
            else { throw Transposition.damaged }
            let gap = entry.row - last
            let width = Self.width(gap, entry.value)
            bytes += 1 + ProtobufWriter.width(width) + width
            output.append(counted: 4, width)
            output.append(1, UInt64(gap))
            output.append(2, UInt64(entry.value))
            last = entry.row
            if output.bytes.count >= 1 << 16 {
                try write(output.bytes)
                output.removeAll()
            }
        }
        guard bytes == list.bytes else { throw Transposition.damaged }
        try write(output.bytes)
    }

    private func writeRecords(_ write: ([UInt8]) throws(GranaryError) -> Void) throws(GranaryError) {
        var order = LiveOrder(segments)
        var document = 0
        while let (segment, ordinal, _) = order.next() {
            if document % 1024 == 0 { try cancellation?.check() }
            var record = ProtobufWriter()
            record.append(1, UInt64(document))
            record.append(2, try segments[segment].key(ordinal).description)
            record.append(3, UInt64(lengths[document]))
            var output = ProtobufWriter()
            output.append(message: record)
            try write(output.bytes)
            document += 1
        }
    }

    /// Bytes of the message of a posting.
    private static func width(_ gap: UInt32, _ impact: UInt32) -> UInt64 {
        ProtobufWriter.fieldWidth(UInt64(gap)) + ProtobufWriter.fieldWidth(UInt64(impact))
    }
}

/// What must be known of all live rows before the first impact is written.
private struct TermSurvey {
    /// The terms that live documents have, ascending by their bytes.
    private(set) var tokens: [String] = []
    /// By segment and local component: its place among the tokens; anything where no live document has it.
    private(set) var ranks: [[UInt32]]
    /// The largest weight.
    private(set) var largestWeight: Float = 0

    init(_ segments: [SegmentReader], _ cancellation: Cancellation?) throws(GranaryError) {
        ranks = segments.map { [UInt32](repeating: 0, count: Int($0.facts.components)) }
        var tokenOf: [UInt32: String] = [:]
        for (number, segment) in segments.enumerated() {
            var isUsed = [Bool](repeating: false, count: Int(segment.facts.components))
            for ordinal in 0..<UInt32(segment.documentCount) where segment.dead?.contains(ordinal) != true {
                if ordinal % 1024 == 0 { try cancellation?.check() }
                let row = try segment.entries(ordinal)
                for local in row.components { isUsed[Int(local)] = true }
                largestWeight = max(largestWeight, row.weights.max() ?? 0)
            }
            for local in isUsed.indices where isUsed[local] {
                let (component, token) = try Self.name(UInt32(local), segment)
                ranks[number][local] = component
                tokenOf[component] = token
            }
        }
        let sorted = tokenOf.sorted { $0.value.utf8.lexicographicallyPrecedes($1.value.utf8) }
        tokens = sorted.map(\.value)
        var rankOf: [UInt32: UInt32] = [:]
        for (rank, entry) in sorted.enumerated() { rankOf[entry.key] = UInt32(rank) }
        ranks = ranks.map { $0.map { rankOf[$0] ?? 0 } }
    }

    private static func name(
        _ local: UInt32, _ segment: SegmentReader
    ) throws(GranaryError) -> (component: UInt32, token: String) {
        guard let component = segment.names.component(local) else {
            throw segment.malformed(.components, at: Int(local))
        }
        guard segment.names.hasTokens else { return (component, String(component)) }
        guard let token = segment.names.token(local) else {
            throw segment.malformed(.tokens, at: Int(local))
        }
        return (component, token)
    }
}
