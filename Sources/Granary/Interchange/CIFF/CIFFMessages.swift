import GranaryStorage

/// A posting list of a CIFF file, which is read as it stands: a list may be larger than memory.
struct PostingList {
    /// The longest term that is read: that of Lucene, in bytes.
    static let longestTerm = 32_766

    /// Its term, once `next` has given nil: it may stand behind the postings.
    private(set) var term = ""
    private let end: UInt64
    private var (frequency, count): (Int64, Int64) = (0, 0)
    private var document: Int64 = 0

    /// Enters the list that comes next.
    init(_ reader: inout ProtobufReader) throws(GranaryError) {
        end = try reader.message(before: reader.length)
    }

    /// The document and the impact of the next posting, documents ascending; nil after the last.
    ///
    /// - Throws: `malformedInput` for documents that do not ascend or are negative, negative impacts, and a
    ///   document frequency that is not the number of postings; `truncated`, `tooLarge`.
    mutating func next(
        _ reader: inout ProtobufReader
    ) throws(GranaryError) -> (document: UInt32, impact: UInt32)? {
        while let field = try reader.field(before: end) {
            switch field.number {
            case 1: term = try reader.string(field, limit: Self.longestTerm, before: end)
            case 2: frequency = try reader.int64(field, before: end)
            case 4:
                let (gap, impact) = try Self.posting(&reader, before: try reader.enter(field, before: end))
                // The first number is the document, others are what is added to the one before.
                guard gap > 0 || count == 0, gap >= 0, document + Int64(gap) <= Int64(Int32.max) else {
                    throw reader.malformed(
                        "ascending documents up to \(Int32.max), found a step of \(gap) from \(document)")
                }
                guard impact >= 0 else {
                    throw reader.malformed("an impact of 0 or more, found \(impact)")
                }
                document += Int64(gap)
                count += 1
                return (UInt32(document), UInt32(impact))
            default: try reader.skip(field, before: end)
            }
        }
        guard frequency == count else {
            throw reader.malformed(
                "as many postings of \"\(term.prefix(80))\" as its document frequency says, \(frequency), "
                    + "found \(count)")
        }
        return nil
    }

    private static func posting(
        _ reader: inout ProtobufReader, before end: UInt64
    ) throws(GranaryError) -> (gap: Int32, impact: Int32) {
        var (gap, impact): (Int32, Int32) = (0, 0)
        while let field = try reader.field(before: end) {
            switch field.number {
            case 1: gap = try reader.int32(field, before: end)
            case 2: impact = try reader.int32(field, before: end)
            default: try reader.skip(field, before: end)
            }
        }
        return (gap, impact)
    }
}

/// The record of a document in a CIFF file.
struct DocumentRecord {
    /// Its number in the posting lists.
    var number: Int32
    /// Its id in the collection: 1 to 255 bytes.
    var id: String

    /// Reads a record.
    ///
    /// - Throws: `malformedInput` for a negative number or an id that no document can have, `truncated`.
    init(_ reader: inout ProtobufReader) throws(GranaryError) {
        let end = try reader.message(before: reader.length)
        (number, id) = (0, "")
        while let field = try reader.field(before: end) {
            switch field.number {
            case 1: number = try reader.int32(field, before: end)
            case 2: id = try reader.string(field, limit: 255, before: end)
            default: try reader.skip(field, before: end)
            }
        }
        guard number >= 0 else {
            throw reader.malformed("the number of a document, 0 or more, found \(number)")
        }
        guard !id.isEmpty else {
            throw reader.malformed("an id of 1 to 255 bytes for document \(number), found none")
        }
    }
}
