import GranaryStorage

/// The bytes of a schema in the manifest (`Formats/manifest.md`).
enum SchemaCodec {
    static let length = 8

    static func encode(_ schema: Schema) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(schema.weights.rawValue)
        writer.append(schema.payloadCompression.rawValue)
        writer.append(schema.dense?.element.rawValue ?? 0)
        writer.append(schema.dense?.metric.rawValue ?? 0)
        writer.append(UInt16(clamping: schema.dense?.dimensions ?? 0))
        writer.append(UInt16(0))
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
        guard bytes.count == length, bytes[6] == 0, bytes[7] == 0,
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
        return schema
    }
}
