internal import CGranary
import GranaryStorage

/// The door to the kernels over dense rows of one element and length. Every level gives the same bits;
/// `granary_dense.h` has the order of additions and how far a sum may be from the exact one.
///
/// A row is `rowBytes` bytes at any address; one of int8 has its scale kept elsewhere, and the other elements
/// take no notice of a scale. A result is nil when a row or a query has another length. Values that are no
/// numbers make results that are none.
struct DenseKernels: Sendable {
    /// The best instruction set of this processor: 0 scalar, 1 AVX2, 2 AVX-512.
    static let bestLevel = granary_dense_best_level()
    /// The most dimensions for which the sum of int8 products fits.
    static let largestDimensions = 65_536

    let element: DenseElement
    let dimensions: Int
    let level: Int32

    /// Bytes of a row.
    var rowBytes: Int { dimensions * element.bytes }

    private var count: UInt32 { UInt32(truncatingIfNeeded: dimensions) }

    /// Nil unless dimensions are 1 to 65,536.
    init?(element: DenseElement, dimensions: Int, level: Int32 = bestLevel) {
        guard (1...Self.largestDimensions).contains(dimensions) else { return nil }
        self.element = element
        self.dimensions = dimensions
        self.level = level
    }

    /// Σ row × query.
    func dot(_ row: RawSpan, _ query: Span<Float>, scale: Float = 1) -> Float? {
        guard row.byteCount == rowBytes, query.count == dimensions else { return nil }
        // SAFETY: both lengths were checked; kernels take any alignment.
        return unsafe row.withUnsafeBytes { row in
            unsafe query.withUnsafeBufferPointer { query in
                let (row, query) = (row.baseAddress, query.baseAddress)
                return switch element {
                case .float32: unsafe granary_dense_dot_f32(row, query, count, level)
                case .float16: unsafe granary_dense_dot_f16(row, query, count, level)
                case .bfloat16: unsafe granary_dense_dot_bf16(row, query, count, level)
                case .int8: unsafe granary_dense_dot_i8(row, query, count, level) * scale
                }
            }
        }
    }

    /// Σ (row - query)²: the squared Euclidean distance.
    func squaredDistance(_ row: RawSpan, _ query: Span<Float>, scale: Float = 1) -> Float? {
        guard row.byteCount == rowBytes, query.count == dimensions else { return nil }
        // SAFETY: as above.
        return unsafe row.withUnsafeBytes { row in
            unsafe query.withUnsafeBufferPointer { query in
                let (row, query) = (row.baseAddress, query.baseAddress)
                return switch element {
                case .float32: unsafe granary_dense_l2_f32(row, query, count, level)
                case .float16: unsafe granary_dense_l2_f16(row, query, count, level)
                case .bfloat16: unsafe granary_dense_l2_bf16(row, query, count, level)
                case .int8: unsafe granary_dense_l2_i8(row, query, count, scale, level)
                }
            }
        }
    }

    /// The scores of many rows, as `dot` and as the negative root of `squaredDistance`; NaN for a row with a
    /// scale that is none, nil when a row does not lie inside the bytes or the query has another length.
    ///
    /// - Parameters:
    ///   - offsets: where in `bytes` each row begins.
    ///   - scaleOffset: where in a row of int8 its scale is, at `rowBytes` or behind; nil for other elements.
    func scores(
        _ bytes: RawSpan, _ offsets: [UInt64], _ query: Span<Float>, isDistance: Bool, scaleOffset: Int?
    ) -> [Float]? {
        let end = scaleOffset.map { $0 + 4 } ?? rowBytes
        guard query.count == dimensions, scaleOffset.map({ $0 >= rowBytes }) ?? (element != .int8),
            bytes.byteCount >= end, (offsets.max() ?? 0) <= UInt64(bytes.byteCount - end)
        else { return nil }
        let number =
            switch element {
            case .float32: GRANARY_DENSE_F32
            case .float16: GRANARY_DENSE_F16
            case .bfloat16: GRANARY_DENSE_BF16
            case .int8: GRANARY_DENSE_I8
            }
        // SAFETY: every row and the query lie inside their bytes, as was checked; a score for each offset.
        return unsafe [Float](unsafeUninitializedCapacity: offsets.count) { scores, count in
            unsafe bytes.withUnsafeBytes { bytes in
                unsafe query.withUnsafeBufferPointer { query in
                    unsafe granary_dense_scores(
                        bytes.baseAddress, offsets, offsets.count, query.baseAddress, self.count,
                        Int32(number), isDistance ? 1 : 0, UInt32(truncatingIfNeeded: scaleOffset ?? 0),
                        level,
                        scores.baseAddress)
                }
            }
            count = offsets.count
        }
    }

    /// Σ row².
    func squaredNorm(_ row: RawSpan, scale: Float = 1) -> Float? {
        guard row.byteCount == rowBytes else { return nil }
        // SAFETY: the length was checked.
        return unsafe row.withUnsafeBytes { row in
            let row = row.baseAddress
            return switch element {
            case .float32: unsafe granary_dense_squared_norm_f32(row, count, level)
            case .float16: unsafe granary_dense_squared_norm_f16(row, count, level)
            case .bfloat16: unsafe granary_dense_squared_norm_bf16(row, count, level)
            case .int8: unsafe granary_dense_squared_norm_i8(row, count, level) * (scale * scale)
            }
        }
    }

    /// Σ row × query of int8 values, exact; nil also for other elements. The product of both scales is the
    /// caller's to apply.
    func integerDot(_ row: RawSpan, _ query: RawSpan) -> Int32? {
        guard element == .int8, row.byteCount == rowBytes, query.byteCount == rowBytes else { return nil }
        // SAFETY: both lengths were checked.
        return unsafe row.withUnsafeBytes { row in
            unsafe query.withUnsafeBytes { query in
                unsafe granary_dense_dot_i8_i8(row.baseAddress, query.baseAddress, count, level)
            }
        }
    }

    /// Writes the row of some values and returns its scale, 1 but for int8.
    ///
    /// - Throws: `invalidArgument` for a value that is no number, is infinite or would be stored as infinity,
    ///   and for other lengths than the row's; then nothing is written.
    func encode(_ values: Span<Float>, into row: inout MutableRawSpan) throws(GranaryError) -> Float {
        guard values.count == dimensions, row.byteCount == rowBytes else {
            throw GranaryError(
                .invalidArgument, "expected a vector of \(dimensions) dimensions, found \(values.count)")
        }
        var scale: Float = 1
        // SAFETY: both lengths were checked.
        let fitting = unsafe values.withUnsafeBufferPointer { values in
            unsafe row.withUnsafeMutableBytes { row in
                let (values, row) = (values.baseAddress, row.baseAddress)
                return switch element {
                case .float32: unsafe granary_dense_encode_f32(values, count, row)
                case .float16: unsafe granary_dense_encode_f16(values, count, row, level)
                case .bfloat16: unsafe granary_dense_encode_bf16(values, count, row)
                case .int8: unsafe granary_dense_encode_i8(values, count, row, &scale)
                }
            }
        }
        guard fitting == count else {
            throw GranaryError(
                .invalidArgument,
                "value \(values[Int(fitting)]) of dimension \(fitting) does not fit into \(element.name)")
        }
        return scale
    }

    /// Writes the values of a row; false when a length is another.
    func decode(_ row: RawSpan, scale: Float = 1, into values: inout MutableSpan<Float>) -> Bool {
        guard row.byteCount == rowBytes, values.count == dimensions else { return false }
        // SAFETY: both lengths were checked.
        unsafe row.withUnsafeBytes { row in
            unsafe values.withUnsafeMutableBufferPointer { values in
                let (row, values) = (row.baseAddress, values.baseAddress)
                switch element {
                case .float32: unsafe granary_dense_decode_f32(row, count, values)
                case .float16: unsafe granary_dense_decode_f16(row, count, values)
                case .bfloat16: unsafe granary_dense_decode_bf16(row, count, values)
                case .int8: unsafe granary_dense_decode_i8(row, count, scale, values)
                }
            }
        }
        return true
    }
}
