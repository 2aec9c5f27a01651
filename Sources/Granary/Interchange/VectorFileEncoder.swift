import GranaryStorage

/// Dense vectors as bytes of a file: what `VectorFile` reads.
public struct VectorFileEncoder: Sendable {
    /// The layout.
    public let format: VectorFormat
    private let rowCount: Int
    private let dimensions: Int

    /// The encoder of a file of `rowCount` rows with `dimensions` values each.
    ///
    /// - Throws: `unsupported` for more rows than the layout can say.
    public init(_ format: VectorFormat, rowCount: Int, dimensions: Int) throws(GranaryError) {
        if format == .fbin || format == .f16bin, rowCount > Int(UInt32.max) {
            throw GranaryError(
                .unsupported, "expected up to \(UInt32.max) rows for a .\(format) file, found \(rowCount)")
        }
        (self.format, self.rowCount, self.dimensions) = (format, rowCount, dimensions)
    }

    /// What stands before the rows; nothing in some layouts.
    public var header: [UInt8] {
        var writer = ByteWriter()
        switch format {
        case .fbin, .f16bin:
            writer.append(UInt32(clamping: rowCount))
            writer.append(UInt32(clamping: dimensions))
        case .fvecs: break
        case .npy:
            var text = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rowCount), \(dimensions)), }"
            // With ten bytes before it and a line feed behind, the values begin at a multiple of 64.
            text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
            return [0x93] + Array("NUMPY".utf8) + [1, 0]
                + [
                    UInt8(truncatingIfNeeded: text.utf8.count),
                    UInt8(truncatingIfNeeded: text.utf8.count >> 8),
                ]
                + Array(text.utf8)
        }
        return writer.bytes
    }

    /// The bytes of a row. float16 values are rounded to nearest even.
    ///
    /// - Throws: `invalidArgument` for another number of values, `unsupported` for one that is too large for
    ///   a float16.
    public func row(_ values: [Float]) throws(GranaryError) -> [UInt8] {
        guard values.count == dimensions else {
            throw GranaryError(
                .invalidArgument, "expected a row of \(dimensions) values, found \(values.count)")
        }
        var writer = ByteWriter()
        if format == .fvecs { writer.append(UInt32(clamping: dimensions)) }
        for value in values {
            guard format == .f16bin else {
                writer.append(value.bitPattern)
                continue
            }
            guard let half = HalfFloat.bits(value) else {
                throw GranaryError(
                    .unsupported, "expected values within ±65504 for a .f16bin file, found \(value)")
            }
            writer.append(half)
        }
        return writer.bytes
    }
}

extension Snapshot {
    /// Writes the dense vectors of all live documents, in order of insertion: what `VectorFile` reads.
    ///
    /// - Parameters:
    ///   - format: the layout. float16 in `.f16bin`, float32 in the others.
    ///   - write: takes the bytes in order.
    /// - Throws: `unsupported` for an index without dense vectors, for a document without one (no layout can
    ///   say that) and for a value that does not fit; `corrupt` for damaged bytes, and what `write` throws.
    public func exportDense(
        _ format: VectorFormat, _ write: ([UInt8]) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        guard let dense = schema.dense else {
            throw GranaryError(.unsupported, "expected an index with dense vectors, found one without")
        }
        let encoder = try VectorFileEncoder(format, rowCount: documentCount, dimensions: dense.dimensions)
        try write(encoder.header)
        try forEachDocument { (document) throws(GranaryError) in
            guard let values = document.dense else {
                throw GranaryError(
                    .unsupported,
                    "expected a dense vector for each document, found none for \"\(document.id)\": lines of "
                        + "JSON can say that, a .\(format) file cannot")
            }
            try write(try encoder.row(values))
        }
    }
}
