import GranaryStorage

/// The sections of a segment's files; bytes in `Formats/segment.md`.
extension SectionID {
    // In `.blocks`.
    static let segment = SectionID(rawValue: 1, name: "segment")
    static let components = SectionID(rawValue: 2, name: "components")
    static let componentLookup = SectionID(rawValue: 3, name: "component lookup")
    static let rows = SectionID(rawValue: 4, name: "rows")
    static let rowStarts = SectionID(rawValue: 5, name: "row starts")
    static let fine = SectionID(rawValue: 6, name: "fine weights")
    static let fineStarts = SectionID(rawValue: 7, name: "fine starts")
    static let steps = SectionID(rawValue: 8, name: "steps")
    static let insertions = SectionID(rawValue: 9, name: "insertions")
    static let keys = SectionID(rawValue: 10, name: "keys")
    static let keyStarts = SectionID(rawValue: 11, name: "key starts")
    static let keyHashes = SectionID(rawValue: 12, name: "key hashes")
    static let keyOrdinals = SectionID(rawValue: 13, name: "key ordinals")
    static let payloadBlocks = SectionID(rawValue: 14, name: "payload blocks")
    static let payloadDirectory = SectionID(rawValue: 15, name: "payload directory")
    static let payloadPositions = SectionID(rawValue: 16, name: "payload positions")
    static let tokens = SectionID(rawValue: 17, name: "tokens")
    static let tokenStarts = SectionID(rawValue: 18, name: "token starts")
    static let tokenOrder = SectionID(rawValue: 19, name: "token order")
    static let postings = SectionID(rawValue: 20, name: "postings")
    static let impacts = SectionID(rawValue: 21, name: "impacts")
    // In `.summary`.
    static let lists = SectionID(rawValue: 32, name: "lists")
    static let listMaxima = SectionID(rawValue: 33, name: "list maxima")
    static let listFlags = SectionID(rawValue: 34, name: "list flags")
    static let blockStarts = SectionID(rawValue: 35, name: "block starts")
    static let summaries = SectionID(rawValue: 36, name: "summaries")
    static let summaryStarts = SectionID(rawValue: 37, name: "summary starts")
    static let calibration = SectionID(rawValue: 38, name: "calibration")
    static let listTables = SectionID(rawValue: 39, name: "list tables")
    static let impactStarts = SectionID(rawValue: 40, name: "impact starts")
    // In `.dead`.
    static let dead = SectionID(rawValue: 48, name: "dead")
}

extension SectionID {
    /// The sections of a segment of which there is one way only.
    private static let uncoded: Set<SectionID> = [
        segment, components, rows, rowStarts, fine, fineStarts, steps, insertions, keys, keyStarts, keyHashes,
        keyOrdinals, payloadDirectory, payloadPositions, tokens, tokenStarts, tokenOrder, postings, impacts,
        lists, listMaxima, listFlags, blockStarts, summaries, summaryStarts, calibration, listTables,
        impactStarts, dead, dense, vectors, places,
    ]

    /// The codecs of a section that this version reads; nil for a section that it does not know.
    fileprivate var knownCodecs: [UInt16]? {
        switch self {
        case .componentLookup: [ComponentSections.directCodec, ComponentSections.sortedCodec]
        case .payloadBlocks: PayloadCompression.allCases.map { UInt16($0.rawValue) }
        case let id where id.isFieldValues: Field.Kind.allCases.map { UInt16($0.rawValue) }
        case let id where id.isOfField || Self.uncoded.contains(id): [0]
        default: nil
        }
    }
}

extension Container {
    /// Refuses sections that a newer version encodes in another way. Those that only a newer version has are
    /// passed over, whatever their codec.
    ///
    /// - Throws: `unsupportedVersion`.
    func checkCodecs() throws(GranaryError) {
        for section in sections {
            guard let known = section.id.knownCodecs, !known.contains(section.codec) else { continue }
            throw GranaryError(
                .unsupportedVersion, "expected a codec of \(known), found \(section.codec)", path: path,
                section: section.id.name)
        }
    }
}

/// The facts of a segment, the first section of its `.blocks` file: 64 bytes.
struct SegmentFacts: Equatable {
    /// Documents, dead ones included.
    var documents: UInt32
    /// Components that at least one document has.
    var components: UInt32
    /// How weights are stored.
    var weights: WeightType
    /// Whether local components need 32 bits.
    var isWide: Bool
    /// How payload blocks are compressed.
    var payloadCompression: PayloadCompression
    /// Non-zero entries of all rows.
    var entries: UInt64
    /// Postings in all lists.
    var postings: UInt64
    /// Blocks of all lists; 0 in a segment without blocks.
    var blocks: UInt32
    /// Windows of the impact-ordered lists; 0 in a segment without them.
    var windows: UInt32

    static let length = 64

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.append(documents)
        writer.append(components)
        writer.append(weights.rawValue)
        writer.append(UInt8(isWide ? 1 : 0))
        writer.append(payloadCompression.rawValue)
        writer.append(UInt8(0))
        writer.append(blocks)
        writer.append(entries)
        writer.append(postings)
        writer.append(windows)
        writer.bytes.append(contentsOf: [UInt8](repeating: 0, count: Self.length - writer.bytes.count))
        return writer.bytes
    }

    init(
        documents: UInt32, components: UInt32, weights: WeightType, payloadCompression: PayloadCompression,
        entries: UInt64, postings: UInt64, blocks: UInt32, windows: UInt32
    ) {
        self.documents = documents
        self.components = components
        self.weights = weights
        self.isWide = components > 65_536
        self.payloadCompression = payloadCompression
        self.entries = entries
        self.postings = postings
        self.blocks = blocks
        self.windows = windows
    }

    /// - Throws: `corrupt` for values that no writer makes.
    init(_ bytes: RawSpan, path: String) throws(GranaryError) {
        func fail(_ message: String) -> GranaryError {
            GranaryError(.corrupt, message, path: path, section: SectionID.segment.name)
        }
        guard bytes.byteCount == Self.length else {
            throw fail("expected \(Self.length) bytes, found \(bytes.byteCount)")
        }
        var reader = ByteReader(bytes, path: path, section: SectionID.segment.name)
        documents = try reader.next(UInt32.self)
        components = try reader.next(UInt32.self)
        let (weights, wide) = (try reader.next(UInt8.self), try reader.next(UInt8.self))
        let (compression, _) = (try reader.next(UInt8.self), try reader.next(UInt8.self))
        blocks = try reader.next(UInt32.self)
        entries = try reader.next(UInt64.self)
        postings = try reader.next(UInt64.self)
        windows = try reader.next(UInt32.self)
        guard let weights = WeightType(rawValue: weights),
            let compression = PayloadCompression(rawValue: compression)
        else {
            throw fail(
                "expected a weight type of 1...3 and a compression of 0...2, found \(weights) and \(compression)"
            )
        }
        guard (wide == 1) == (components > 65_536), wide <= 1 else {
            throw fail("\(components) components do not go with a width of \(wide)")
        }
        guard windows == 0 || (blocks == 0 && Int(windows) == ImpactsView.windows(documents: Int(documents)))
        else {
            throw fail("\(windows) windows and \(blocks) blocks do not go with \(documents) documents")
        }
        self.weights = weights
        isWide = wide == 1
        payloadCompression = compression
    }
}
