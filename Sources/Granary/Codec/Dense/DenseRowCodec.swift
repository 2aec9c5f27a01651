import GranaryStorage

/// Values to the bytes of a row, and back.
struct DenseRowCodec: Sendable {
    let schema: DenseSchema
    let layout: DenseLayout
    let kernels: DenseKernels

    /// - Throws: `invalidArgument` for dimensions out of range.
    init(_ schema: DenseSchema) throws(GranaryError) {
        try schema.validate()
        self.schema = schema
        layout = DenseLayout(schema)
        guard let kernels = DenseKernels(element: schema.element, dimensions: schema.dimensions) else {
            throw GranaryError(
                .invalidArgument, "expected other dimensions than \(schema.dimensions)")
        }
        self.kernels = kernels
    }

    /// The row of a document's vector: `stride` bytes. Under `cosine` it is scaled to unit length first.
    ///
    /// - Throws: `invalidArgument` for another number of dimensions, a value that is no finite number or does
    ///   not fit the element, and, under `cosine`, a vector of length zero.
    func encode(_ vector: [Float]) throws(GranaryError) -> [UInt8] {
        let values = try prepare(vector)
        var row = [UInt8](repeating: 0, count: layout.valueBytes)
        let scale = try encode(values, into: &row)
        row.append(contentsOf: [UInt8](repeating: 0, count: layout.stride - row.count))
        if let offset = layout.scaleOffset {
            for byte in 0..<4 {
                row[offset + byte] = UInt8(truncatingIfNeeded: scale.bitPattern >> (8 * byte))
            }
        }
        return row
    }

    private func encode(_ values: [Float], into row: inout [UInt8]) throws(GranaryError) -> Float {
        var span = row.mutableSpan
        // SAFETY: every bit pattern is a byte.
        var bytes = unsafe span.mutableBytes
        return try kernels.encode(values.span, into: &bytes)
    }

    /// A vector as the metric takes it: checked, and of unit length under `cosine`.
    ///
    /// - Throws: as `encode`.
    func prepare(_ vector: [Float]) throws(GranaryError) -> [Float] {
        guard vector.count == schema.dimensions else {
            throw GranaryError(
                .invalidArgument,
                "expected a dense vector of \(schema.dimensions) dimensions, found \(vector.count)")
        }
        if let position = vector.firstIndex(where: { !$0.isFinite }) {
            throw GranaryError(
                .invalidArgument,
                "expected finite values in a dense vector, found \(vector[position]) at dimension \(position)"
            )
        }
        guard schema.metric == .cosine else { return vector }
        let norm = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        guard norm > 0 else {
            throw GranaryError(
                .invalidArgument, "expected a dense vector of a length above zero, which cosine divides by")
        }
        return vector.map { Float(Double($0) / norm) }
    }

    /// The values of a row; nil for bytes that no writer makes.
    func decode(_ row: RawSpan) -> [Float]? {
        guard row.byteCount == layout.stride, let scale = scale(of: row) else { return nil }
        var values = [Float](repeating: 0, count: schema.dimensions)
        var span = values.mutableSpan
        guard kernels.decode(row.extracting(0..<layout.valueBytes), scale: scale, into: &span) else {
            return nil
        }
        return values.allSatisfy(\.isFinite) ? values : nil
    }

    /// The scores of rows for a query that `prepare` has made, a score that is not finite for bytes that no
    /// writer makes; nil when a row does not lie inside the bytes.
    ///
    /// - Parameter offsets: where in `bytes` each row begins.
    func scores(_ bytes: RawSpan, _ offsets: [UInt64], _ query: [Float]) -> [Float]? {
        kernels.scores(
            bytes, offsets, query.span, isDistance: schema.metric == .euclidean,
            scaleOffset: layout.scaleOffset)
    }

    /// Whether all values of a row are finite.
    func isSound(_ row: RawSpan) -> Bool { largestNorm(of: row).isFinite || decode(row) != nil }

    /// At least the length of a row; infinite for bytes that no writer makes.
    func largestNorm(of row: RawSpan) -> Float {
        guard let scale = scale(of: row),
            let squared = kernels.squaredNorm(row.extracting(0..<layout.valueBytes), scale: scale)
        else { return .infinity }
        let length = (squared.squareRoot() * (1 + Float(schema.dimensions + 16) * 0x1p-23)).nextUp
        if squared >= Self.leastSquare { return length }
        // Squares near the smallest floats, that of a scale too, have lost bits or are 0; or a sum is none.
        guard let values = decode(row) else { return .infinity }
        let exact = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return squared > 0 ? max(length, Float(exact).nextUp) : Float(exact).nextUp
    }

    /// What a sum of squares has lost below the smallest float is nothing beside this.
    private static let leastSquare: Float = 0x1p-90

    @inline(__always)
    private func scale(of row: RawSpan) -> Float? {
        guard let offset = layout.scaleOffset else { return 1 }
        // SAFETY: a row has `stride` bytes, of which the last four are its scale.
        guard row.byteCount == layout.stride else { return nil }
        let bits = unsafe row.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self)
        let scale = Float(bitPattern: UInt32(littleEndian: bits))
        return scale.isFinite && scale >= 0 ? scale : nil
    }
}
