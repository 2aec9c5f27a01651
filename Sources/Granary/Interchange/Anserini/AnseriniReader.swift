import GranaryStorage

/// The documents of a file of Anserini's JSON vectors, in order.
///
/// The file has objects one after the other (one a line, as a rule), one array of objects, or one object:
/// `{"id": …, "contents": …, "vector": {"token": number, …}}`. A weight is the number divided by the scale.
/// `id` is a string of 1 to 255 bytes or a number of 0..<2^64. All other members are kept as the payload, an
/// object, without `contents` where that is empty. Source: `JsonVectorCollection` and `JsonCollection` of
/// Anserini.
///
/// Memory: the longest object and a chunk of 1 MiB. Not for several threads at once.
public final class AnseriniReader {
    /// How objects are read.
    public struct Options: Sendable {
        /// How numbers are meant.
        public var weights: VectorWeights
        /// What a weight of 1 is as a number.
        public var scale: ImpactScale?
        /// What to do with a token that appears twice in one vector.
        public var duplicates: SparseVector.Duplicates
        /// A longer object is an error: `tooLarge`. In bytes.
        public var maximumObjectBytes: Int
        /// Whether names in vectors are components in decimal rather than tokens.
        public var hasDecimalTokens: Bool

        /// Makes options. A scale of nil is 1.
        public init(
            weights: VectorWeights, scale: ImpactScale? = nil,
            duplicates: SparseVector.Duplicates = .reject, maximumObjectBytes: Int = 16 << 20,
            hasDecimalTokens: Bool = false
        ) {
            self.weights = weights
            self.scale = scale
            self.duplicates = duplicates
            self.maximumObjectBytes = maximumObjectBytes
            self.hasDecimalTokens = hasDecimalTokens
        }
    }

    /// The file.
    public var path: String { objects.path }
    /// The line on which the document that `next` gave last begins, from 1.
    public private(set) var line: UInt64 = 0
    /// Bytes of the file.
    public var length: UInt64 { objects.length }
    /// Bytes read so far.
    public var bytesRead: UInt64 { objects.bytesRead }

    private var objects: JSONObjectReader
    private let options: Options

    /// Opens a file.
    ///
    /// - Throws: `notFound`, `wrongFile` for anything but a regular file, and other errors of opening.
    public init(
        _ path: String, options: Options, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GranaryError) {
        self.options = options
        objects = try JSONObjectReader.open(
            path, maximumBytes: options.maximumObjectBytes, fileSystem: fileSystem)
    }

    /// The next document; nil at the end.
    ///
    /// - Throws: with path and line: `malformedInput`, also for a number with a fraction where whole ones are
    ///   asked for; `invalidWeight`, `duplicateComponent`, `tooLarge` for an object that is too long; and
    ///   errors of reading.
    public func next() throws(GranaryError) -> Document? {
        guard let object = try objects.next() else { return nil }
        line = object.number
        do throws(GranaryError) {
            var scanner = JSONScanner(object.buffer, object.range, offset: object.offset)
            var members = AnseriniObject()
            try members.read(&scanner, options)
            return try members.document(object.buffer, options)
        } catch {
            var placed = error
            placed.path = path
            placed.line = object.number
            if let offset = error.byteOffset, offset >= object.offset {
                // An object may take many lines.
                let before = object.buffer.prefix(Int(clamping: offset - object.offset))
                placed.line = object.number + UInt64(before.count { $0 == UInt8(ascii: "\n") })
            }
            throw placed
        }
    }
}

/// The members of one object, before they become a document.
private struct AnseriniObject {
    private var id: DocumentKey?
    private var entries: [(token: String, weight: Float)]?
    /// Members that have no meaning here: where their names and values stand.
    private var others: [(name: Range<Int>, value: Range<Int>)] = []

    mutating func read(
        _ scanner: inout JSONScanner, _ options: AnseriniReader.Options
    ) throws(GranaryError) {
        try scanner.expect(UInt8(ascii: "{"), "an object")
        if !scanner.take(UInt8(ascii: "}")) {
            repeat { try readMember(&scanner, options) } while scanner.take(UInt8(ascii: ","))
            try scanner.expect(UInt8(ascii: "}"), "a comma or a closing brace")
        }
        try scanner.expectEnd()
    }

    private mutating func readMember(
        _ scanner: inout JSONScanner, _ options: AnseriniReader.Options
    ) throws(GranaryError) {
        let (name, place) = try scanner.memberHead()
        switch name {
        case "id":
            guard id == nil else { throw scanner.malformed("\"id\" once in an object") }
            id = try DocumentLine.key(&scanner)
        case "vector":
            guard entries == nil else { throw scanner.malformed("\"vector\" once in an object") }
            entries = try Self.vector(&scanner, options)
        default:
            // They become members of one value, which is as deep as values may be.
            let value = try scanner.skipValue(depth: 1)
            let isEmpty = scanner.bytes[value].elementsEqual([UInt8(ascii: "\""), UInt8(ascii: "\"")])
            if name != "contents" || !isEmpty { others.append((place, value)) }
        }
    }

    private static func vector(
        _ scanner: inout JSONScanner, _ options: AnseriniReader.Options
    ) throws(GranaryError) -> [(token: String, weight: Float)] {
        var entries: [(token: String, weight: Float)] = []
        try scanner.members("\"vector\" to be an object of tokens and numbers") {
            (scanner, token) throws(GranaryError) in
            // So that an error is on the line of the number, not on that of its colon.
            _ = scanner.peek()
            let before = scanner
            let number = try scanner.number("a number for \"\(token)\"")
            switch options.weights {
            case .float:
                // Without a scale the nearest float32 of the decimal, not of a float64 of it.
                let weight =
                    options.scale.map { Float(number.double(in: scanner.bytes) / $0.factor) }
                    ?? number.float(in: scanner.bytes)
                entries.append((token, weight))
            case .int:
                guard let value = number.integer(in: scanner.bytes) else {
                    throw before.malformed("a whole number for \"\(token)\", as weights are integers")
                }
                entries.append((token, Float(Double(value) / (options.scale?.factor ?? 1))))
            }
        }
        return entries
    }

    func document(_ bytes: [UInt8], _ options: AnseriniReader.Options) throws(GranaryError) -> Document {
        guard let id else { throw GranaryError(.malformedInput, "expected \"id\", found none") }
        guard let entries else { throw GranaryError(.malformedInput, "expected \"vector\", found none") }
        let payload = others.isEmpty ? nil : DocumentLine.object(others, bytes)
        return Document(id: id, sparse: try Self.sparse(entries, options), payload: payload)
    }

    private static func sparse(
        _ entries: [(token: String, weight: Float)], _ options: AnseriniReader.Options
    ) throws(GranaryError) -> SparseVector {
        guard options.hasDecimalTokens else {
            return try SparseVector(
                tokens: entries.map { ($0.token, $0.weight) }, duplicates: options.duplicates)
        }
        return try SparseVector(
            components: try entries.map { (entry) throws(GranaryError) in
                try DocumentLine.component(entry.token)
            }, weights: entries.map(\.weight), duplicates: options.duplicates)
    }
}
