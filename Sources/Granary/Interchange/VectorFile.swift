import GranaryStorage

/// Dense vectors from elsewhere: a matrix in one of several layouts, one vector a row, read as it is asked
/// for.
///
/// Not to be mixed up with the `.dense` files of an index, which are its own.
public final class VectorFile: Sendable {
    /// The layout.
    public let format: VectorFormat
    /// Rows.
    public var rowCount: Int { layout.rowCount }
    /// Values of each row: 1 to 8192; 0 in a file without rows that does not say.
    public var dimensions: Int { layout.dimensions }
    /// The file's path.
    public var path: String { file.path }

    fileprivate let layout: VectorLayout
    private let file: any ReadableFile

    private init(_ file: any ReadableFile, _ format: VectorFormat) throws(GranaryError) {
        self.file = file
        self.format = format
        let length = try file.length()
        switch format {
        case .fbin, .f16bin:
            let bytes = try file.read(at: 0, count: 8)
            var header = ByteReader(bytes.rawBytes, path: file.path)
            layout = VectorLayout(
                rowCount: Int(try header.next(UInt32.self)), dimensions: Int(try header.next(UInt32.self)),
                element: format == .fbin ? .float32 : .float16, start: 8)
        case .fvecs: layout = try Self.countedRows(file, length: length)
        case .npy: layout = try NPYHeader.read(file, length: length).layout
        }
        try layout.validate(length: length, path: file.path)
    }

    deinit { file.close() }

    /// Opens a file and checks its sizes; rows are checked when they are read.
    ///
    /// - Parameter format: nil tells it by the extension.
    /// - Throws: `invalidArgument` for an extension that tells nothing, `truncated` for a file shorter than a
    ///   header, `malformedInput` for a length that is not what the counts ask for, `unsupported` for an
    ///   array of NumPy that is no matrix of little-endian floats in C order, errors of opening.
    public static func open(
        _ path: String, format: VectorFormat? = nil, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GranaryError) -> VectorFile {
        let format = try VectorFormat.resolve(format, path: path)
        return try VectorFile(try fileSystem.openForReading(path), format)
    }

    /// The layout of rows that say their dimensions themselves: all as many as the first.
    private static func countedRows(
        _ file: any ReadableFile, length: UInt64
    ) throws(GranaryError) -> VectorLayout {
        guard length > 0 else { return VectorLayout(rowCount: 0, dimensions: 0, start: 0, isCounted: true) }
        let bytes = try file.read(at: 0, count: 4)
        var reader = ByteReader(bytes.rawBytes, path: file.path)
        let dimensions = Int(try reader.next(Int32.self))
        guard (1...DenseSchema.largestDimensions).contains(dimensions) else {
            throw GranaryError(
                .malformedInput,
                "expected rows of 1 to \(DenseSchema.largestDimensions) values, found \(dimensions)",
                path: file.path, line: 1)
        }
        let rows = Int(clamping: length) / (4 + 4 * dimensions)
        return VectorLayout(rowCount: rows, dimensions: dimensions, start: 0, isCounted: true)
    }

    /// The rows of a range, in order; what lies beyond the file's rows is left out.
    public func rows(_ range: Range<Int>) -> VectorRows {
        VectorRows(self, range.clamped(to: 0..<rowCount))
    }

    /// All rows, in order.
    public func rows() -> VectorRows { rows(0..<rowCount) }

    /// The bytes of some rows.
    fileprivate func bytes(_ rows: Range<Int>) throws(GranaryError) -> [UInt8] {
        let rowBytes = layout.rowBytes
        return try file.read(
            at: UInt64(layout.start + rows.lowerBound * rowBytes), count: rows.count * rowBytes)
    }
}

/// Rows of a file of dense vectors, one after the other, read in chunks of a megabyte.
public struct VectorRows {
    private let file: VectorFile
    /// The next row, and the row where the range ends.
    private var row: Int
    private let end: Int
    /// The rows that have been read, and their bytes.
    private var loaded = 0..<0
    private var chunk: [UInt8] = []

    private static let chunkBytes = 1 << 20

    fileprivate init(_ file: VectorFile, _ range: Range<Int>) {
        self.file = file
        (row, end) = (range.lowerBound, range.upperBound)
    }

    /// The next row; nil after the last.
    ///
    /// - Throws: `malformedInput` for a value that is no number, is infinite or does not fit a float32, and
    ///   for a row of another length than the first, each with the row, counted from 1; errors of reading.
    public mutating func next() throws(GranaryError) -> [Float]? {
        guard row < end else { return nil }
        let layout = file.layout
        if !loaded.contains(row) {
            let rows = max(1, Self.chunkBytes / max(1, layout.rowBytes))
            loaded = row..<min(end, row + rows)
            chunk = try file.bytes(loaded)
        }
        let start = (row - loaded.lowerBound) * layout.rowBytes
        var reader = ByteReader(
            chunk.rawBytes.extracting(start..<start + layout.rowBytes), path: file.path)
        if layout.isCounted {
            let count = try reader.next(Int32.self)
            guard count == layout.dimensions else {
                throw malformed("expected a row of \(layout.dimensions) values, as the first, found \(count)")
            }
        }
        var values: [Float] = []
        values.reserveCapacity(layout.dimensions)
        for _ in 0..<layout.dimensions { values.append(try Self.value(&reader, layout.element)) }
        if let position = values.firstIndex(where: { !$0.isFinite }) {
            throw malformed(
                "expected finite numbers, found \(values[position]) as value \(position + 1) of the row")
        }
        row += 1
        return values
    }

    private static func value(
        _ reader: inout ByteReader, _ element: VectorElement
    ) throws(GranaryError) -> Float {
        switch element {
        case .float16: HalfFloat.value(try reader.next(UInt16.self))
        case .float32: Float(bitPattern: try reader.next(UInt32.self))
        case .float64: Float(Double(bitPattern: try reader.next(UInt64.self)))
        }
    }

    private func malformed(_ message: String) -> GranaryError {
        GranaryError(.malformedInput, message, path: file.path, line: UInt64(row) + 1)
    }
}

/// IEEE 754 half precision with its sign, which weights do not have.
enum HalfFloat {
    /// The number of a bit pattern.
    static func value(_ bits: UInt16) -> Float {
        let (sign, magnitude) = (UInt32(bits & 0x8000) << 16, bits & 0x7FFF)
        let special: UInt32 = 0x7F80_0000 | UInt32(magnitude & 0x3FF) << 13
        let pattern = magnitude < 0x7C00 ? Kernels.halfValue(magnitude).bitPattern : special
        return Float(bitPattern: sign | pattern)
    }

    /// The nearest bit pattern, ties to even; nil for what rounds to no finite one: 65520 and beyond.
    static func bits(_ value: Float) -> UInt16? {
        guard value.magnitude < 65520 else { return nil }
        return Kernels.half(value.magnitude) | (value.sign == .minus ? 0x8000 : 0)
    }
}
