import GranaryStorage

/// The bytes of a schema in the manifest (`Formats/manifest.md`).
enum SchemaCodec {
    /// Bytes before the fields.
    static let fixedLength = 8

    /// - Throws: `invalidArgument` for fields that cannot be.
    static func encode(_ schema: Schema) throws(GranaryError) -> [UInt8] {
        try schema.validateFields()
        var writer = ByteWriter()
        writer.append(schema.weights.rawValue)
        writer.append(schema.payloadCompression.rawValue)
        writer.append(schema.dense?.element.rawValue ?? 0)
        writer.append(schema.dense?.metric.rawValue ?? 0)
        writer.append(UInt16(clamping: schema.dense?.dimensions ?? 0))
        writer.append(UInt16(schema.fields.count))
        for field in schema.fields {
            writer.append(field.kind.rawValue)
            for text in [field.name, field.path] {
                writer.append(UInt8(text.utf8.count))
                writer.bytes.append(contentsOf: text.utf8)
            }
        }
        return writer.bytes
    }

    /// - Throws: `unsupportedVersion` for a schema that a newer version wrote.
    static func decode(_ bytes: [UInt8], path: String) throws(GranaryError) -> Schema {
        func unsupported() -> GranaryError {
            GranaryError(
                .unsupportedVersion,
                "expected a schema of this version, found \(bytes.count) bytes beginning \(bytes.prefix(8))",
                path: path)
        }
        guard bytes.count >= fixedLength,
            let weights = WeightType(rawValue: bytes[0]),
            let compression = PayloadCompression(rawValue: bytes[1])
        else { throw unsupported() }
        var schema = Schema(weights: weights, payloadCompression: compression)
        if bytes[2..<6].contains(where: { $0 != 0 }) {
            guard let element = DenseElement(rawValue: bytes[2]), let metric = DenseMetric(rawValue: bytes[3])
            else { throw unsupported() }
            let dense = DenseSchema(
                dimensions: Int(bytes[4]) | Int(bytes[5]) << 8, element: element, metric: metric)
            guard (1...DenseSchema.largestDimensions).contains(dense.dimensions) else { throw unsupported() }
            schema.dense = dense
        }
        do throws(GranaryError) {
            schema.fields = try fields(bytes, path: path)
            try schema.validateFields()
        } catch { throw unsupported() }
        return schema
    }

    private static func fields(_ bytes: [UInt8], path: String) throws(GranaryError) -> [Field] {
        var reader = ByteReader(bytes.rawBytes, path: path)
        try reader.skip(fixedLength - 2)
        func malformed() -> GranaryError { GranaryError(.corrupt, "malformed fields", path: path) }
        func text(_ reader: inout ByteReader) throws(GranaryError) -> String {
            let bytes = try reader.nextBytes(Int(try reader.next(UInt8.self)))
            guard let text = String(validating: bytes, as: UTF8.self) else { throw malformed() }
            return text
        }
        var fields: [Field] = []
        for _ in 0..<(try reader.next(UInt16.self)) {
            guard let kind = Field.Kind(rawValue: try reader.next(UInt8.self)) else { throw malformed() }
            let name = try text(&reader)
            fields.append(Field(name, kind, path: try text(&reader)))
        }
        guard reader.remaining == 0 else { throw malformed() }
        return fields
    }
}
