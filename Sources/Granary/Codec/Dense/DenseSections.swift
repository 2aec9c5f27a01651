import GranaryStorage

/// The sections of a `.dense` file; bytes in `Formats/dense.md`.
extension SectionID {
    static let dense = SectionID(rawValue: 64, name: "dense")
    static let vectors = SectionID(rawValue: 65, name: "vectors")
    static let places = SectionID(rawValue: 66, name: "places")
}

/// The facts of a `.dense` file, its first section: 32 bytes.
struct DenseFacts: Equatable {
    /// Vectors in this file.
    var rows: UInt32
    /// Documents of the segment that the places are for; 0 in a file without places, whose row numbers are
    /// ordinals.
    var documents: UInt32
    /// What the vectors are.
    var schema: DenseSchema
    /// At least the length of the longest row, as stored.
    var largestNorm: Float

    static let length = 32
    /// The place of a document without a vector.
    static let noPlace = UInt32.max

    init(rows: UInt32, documents: UInt32, schema: DenseSchema, largestNorm: Float) {
        self.rows = rows
        self.documents = documents
        self.schema = schema
        self.largestNorm = largestNorm
    }

    var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.append(rows)
        writer.append(documents)
        writer.append(UInt32(schema.dimensions))
        writer.append(UInt32(DenseLayout(schema).stride))
        writer.append(schema.element.rawValue)
        writer.append(schema.metric.rawValue)
        writer.append(UInt16(0))
        writer.append(largestNorm.bitPattern)
        writer.pad(to: Self.length)
        return writer.bytes
    }

    /// - Throws: `corrupt` for values that no writer makes.
    init(_ section: Section, path: String) throws(GranaryError) {
        func fail(_ message: String) -> GranaryError {
            GranaryError(.corrupt, message, path: path, section: SectionID.dense.name)
        }
        guard section.count == Self.length else {
            throw fail("expected \(Self.length) bytes, found \(section.count)")
        }
        var reader = ByteReader(section.bytes, path: path, section: SectionID.dense.name)
        rows = try reader.next(UInt32.self)
        documents = try reader.next(UInt32.self)
        let (dimensions, stride) = (try reader.next(UInt32.self), try reader.next(UInt32.self))
        let (element, metric) = (try reader.next(UInt8.self), try reader.next(UInt8.self))
        try reader.skip(2)
        largestNorm = Float(bitPattern: try reader.next(UInt32.self))
        guard let element = DenseElement(rawValue: element), let metric = DenseMetric(rawValue: metric),
            (1...DenseSchema.largestDimensions).contains(Int(dimensions))
        else {
            throw fail(
                "expected an element of 1...4, a metric of 1...3 and 1...8192 dimensions, "
                    + "found \(element), \(metric) and \(dimensions)")
        }
        schema = DenseSchema(dimensions: Int(dimensions), element: element, metric: metric)
        let expected = DenseLayout(schema).stride
        guard stride == expected else { throw fail("expected a stride of \(expected), found \(stride)") }
        guard largestNorm >= 0 else {
            throw fail("expected a largest length of at least 0, found \(largestNorm)")
        }
    }
}
