import GranaryStorage

/// What stands at the beginning of a file in the Common Index File Format (CIFF): counts, and what the writer
/// says of it.
public struct CIFFHeader: Sendable, Equatable {
    /// The version of the format.
    public static let version = 1

    /// Posting lists that follow.
    public var listCount: Int
    /// Records of documents that follow the lists.
    public var documentCount: Int
    /// The sum of all impacts. For other engines; not looked at when a file is read.
    public var totalImpacts: Int64
    /// The mean sum of a document's impacts. For other engines; not looked at when a file is read.
    public var meanLength: Double
    /// A text for people, where our exports state their scale.
    public var description: String

    private static let longestDescription = 1 << 20
    private static let statement = "Granary: weight = tf / "

    /// A header as our exports have it.
    init(listCount: Int, documentCount: Int, totalImpacts: Int64, scale: ImpactScale) {
        self.listCount = listCount
        self.documentCount = documentCount
        self.totalImpacts = totalImpacts
        meanLength = documentCount > 0 ? Double(totalImpacts) / Double(documentCount) : 0
        description = Self.statement + "\(scale.factor)"
    }

    /// Reads the header of a file.
    ///
    /// - Throws: `malformedInput`, `unsupportedVersion`, `truncated`.
    init(_ reader: inout ProtobufReader) throws(GranaryError) {
        let end = try reader.message(before: reader.length)
        (listCount, documentCount, totalImpacts, meanLength, description) = (0, 0, 0, 0, "")
        var version = 0
        while let field = try reader.field(before: end) {
            switch field.number {
            case 1: version = Int(try reader.int32(field, before: end))
            case 2: listCount = Int(try reader.int32(field, before: end))
            case 3: documentCount = Int(try reader.int32(field, before: end))
            case 6: totalImpacts = try reader.int64(field, before: end)
            case 8: description = try reader.string(field, limit: Self.longestDescription, before: end)
            default: try reader.skip(field, before: end)
            }
        }
        guard version == Self.version else {
            throw GranaryError(
                .unsupportedVersion, "expected version \(Self.version) of CIFF, found \(version)",
                path: reader.path)
        }
        // A list or a record is at least a byte, that of its length.
        let rest = reader.length - reader.offset
        guard listCount >= 0, documentCount >= 0, UInt64(listCount) + UInt64(documentCount) <= rest else {
            throw GranaryError(
                .malformedInput,
                "expected \(listCount) posting lists and \(documentCount) documents, found \(rest) bytes",
                path: reader.path)
        }
    }

    /// The scale that our exports state in their description; nil in files of others.
    ///
    /// - Throws: `malformedInput` for a description that begins as ours and has no such number.
    func scale(path: String) throws(GranaryError) -> ImpactScale? {
        guard description.hasPrefix(Self.statement) else { return nil }
        let text = description.dropFirst(Self.statement.count)
        guard let factor = Double(text), let scale = try? ImpactScale(factor: factor) else {
            throw GranaryError(
                .malformedInput,
                "expected a scale above 0 in the description, found \"\(text.prefix(40))\", and none was given",
                path: path)
        }
        return scale
    }

    /// The header as a message with its length.
    var message: [UInt8] {
        var fields = ProtobufWriter()
        fields.append(1, UInt64(Self.version))
        fields.append(2, UInt64(listCount))
        fields.append(3, UInt64(documentCount))
        fields.append(4, UInt64(listCount))
        fields.append(5, UInt64(documentCount))
        fields.append(6, UInt64(totalImpacts))
        fields.append(7, meanLength)
        fields.append(8, description)
        var message = ProtobufWriter()
        message.append(message: fields)
        return message.bytes
    }
}
