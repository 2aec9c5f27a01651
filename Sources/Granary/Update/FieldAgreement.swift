import GranaryStorage

/// Compares the fields of a segment with its payloads: a filter says of a document what its payload says.
struct FieldAgreement {
    private let extraction: FieldExtraction
    private let fieldCount: Int

    /// - Parameter fields: those of the schema.
    init(_ fields: [Field]) {
        extraction = FieldExtraction(fields)
        fieldCount = fields.count
    }

    /// Reads all payloads of a segment whose contents have been verified.
    ///
    /// - Throws: `corrupt`; `cancelled`. Complexity: O(n log v) for n values of documents, of which v differ;
    ///   nothing where the schema has no fields.
    func check(_ segment: SegmentReader, _ cancellation: Cancellation?) throws(GranaryError) {
        if fieldCount == 0 { return }
        let columns = segment.fields.columns
        var entries = [Int](repeating: 0, count: fieldCount)
        var payloads = PayloadCursor(segment.payloads)
        for ordinal in 0..<UInt32(segment.documentCount) {
            if ordinal % 4096 == 0 { try cancellation?.check() }
            let payload = try payloads.payload(ordinal)
            let found = try extraction.values(of: payload, in: segment.blocks)
            // A document has each of its values once.
            for entry in Set(found) {
                guard try columns[entry.field].has(entry.key, ordinal) else {
                    throw segment.malformed(.fieldOrdinals(entry.field), at: Int(ordinal))
                }
                entries[entry.field] += 1
            }
        }
        // All that payloads say is there; this is that there is no more.
        for field in entries.indices where entries[field] != columns[field].entryCount {
            throw segment.malformed(.fieldOrdinals(field), at: entries[field])
        }
    }
}
