import GranaryStorage

/// A sparse matrix in BigANN's `.csr` layout: one vector a row, read as it is asked for.
///
/// Little-endian: int64 rows, columns, non-zeros; int64 offsets [rows + 1]; int32 components; float32
/// weights. Source: the sparse track of the NeurIPS 2023 BigANN benchmark.
public final class CSRFile: Sendable {
    /// Rows.
    public let rowCount: Int
    /// Columns: components are below this.
    public let columnCount: Int
    /// Non-zeros of all rows.
    public let entryCount: Int
    /// The file's path.
    public var path: String { file.path }
    private let file: any ReadableFile

    private static let headerBytes = 24

    private init(_ file: any ReadableFile) throws(GranaryError) {
        self.file = file
        let length = Int64(clamping: try file.length())
        let bytes = try file.read(at: 0, count: Self.headerBytes)
        var header = ByteReader(bytes.rawBytes, path: file.path)
        let (rows, columns) = (try header.next(Int64.self), try header.next(Int64.self))
        let entries = try header.next(Int64.self)
        let (offsetBytes, tooManyRows) = (rows &+ 1).multipliedReportingOverflow(by: 8)
        let (entryBytes, tooManyEntries) = entries.multipliedReportingOverflow(by: 8)
        let (sum, overflow) = offsetBytes.addingReportingOverflow(entryBytes)
        guard rows >= 0, rows < Int64(UInt32.max), columns >= 0, columns <= Int64(UInt32.max) + 1,
            entries >= 0, !tooManyRows, !tooManyEntries, !overflow, sum == length - Int64(Self.headerBytes)
        else {
            throw GranaryError(
                .malformedInput,
                "expected 24 bytes, 8 for each of \(rows) rows and one more, and 8 for each of \(entries) "
                    + "non-zeros, found \(length)",
                path: file.path)
        }
        (rowCount, columnCount, entryCount) = (Int(rows), Int(columns), Int(entries))
    }

    deinit { file.close() }

    /// Opens a file and checks its sizes; rows are checked when they are read.
    ///
    /// - Throws: `malformedInput` for wrong or overflowing counts, `truncated`, errors of opening.
    public static func open(
        _ path: String, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GranaryError) -> CSRFile {
        try CSRFile(try fileSystem.openForReading(path))
    }

    /// The vector of a row, components in any order. For many rows in order `rows` is faster.
    ///
    /// - Throws: as `CSRRows.next`.
    public func row(
        _ row: Int, duplicates: SparseVector.Duplicates = .reject
    ) throws(GranaryError) -> SparseVector {
        guard row >= 0, row < rowCount else {
            throw GranaryError(.invalidArgument, "expected a row below \(rowCount), found \(row)", path: path)
        }
        var rows = CSRRows(self, row..<row + 1, duplicates)
        guard let vector = try rows.next() else { throw malformed("expected a vector", row) }
        return vector
    }

    /// The rows of a range, in order; what lies beyond the file's rows is left out.
    public func rows(_ range: Range<Int>, duplicates: SparseVector.Duplicates = .reject) -> CSRRows {
        CSRRows(self, range.clamped(to: 0..<rowCount), duplicates)
    }

    /// Where the rows of a range begin among the non-zeros, and where the last one ends.
    fileprivate func offsets(_ rows: Range<Int>) throws(GranaryError) -> [Int] {
        let bytes = try file.read(
            at: UInt64(Self.headerBytes + 8 * rows.lowerBound), count: 8 * (rows.count + 1))
        var reader = ByteReader(bytes.rawBytes, path: path)
        var offsets: [Int] = []
        for row in rows.lowerBound...rows.upperBound {
            let offset = try reader.next(Int64.self)
            guard offset >= offsets.last.map(Int64.init) ?? 0, offset <= Int64(entryCount),
                row > 0 || offset == 0, row < rowCount || offset == Int64(entryCount)
            else {
                throw malformed(
                    "expected ascending offsets from 0 to \(entryCount), found \(offset)",
                    max(rows.lowerBound, row - 1))
            }
            offsets.append(Int(offset))
        }
        return offsets
    }

    /// The components or, `entryCount` places further, the bits of the weights of a range of non-zeros.
    fileprivate func words(_ entries: Range<Int>) throws(GranaryError) -> [UInt32] {
        let start = Self.headerBytes + 8 * (rowCount + 1)
        let bytes = try file.read(at: UInt64(start + 4 * entries.lowerBound), count: 4 * entries.count)
        var reader = ByteReader(bytes.rawBytes, path: path)
        var words: [UInt32] = []
        words.reserveCapacity(entries.count)
        for _ in 0..<entries.count { words.append(try reader.next(UInt32.self)) }
        return words
    }

    fileprivate func malformed(_ message: String, _ row: Int) -> GranaryError {
        GranaryError(.malformedInput, message, path: path, line: UInt64(row) + 1)
    }
}

/// Rows of a matrix, one after the other, read in chunks of a few megabytes.
public struct CSRRows {
    private let file: CSRFile
    private let duplicates: SparseVector.Duplicates
    /// The next row, and the row where the range ends.
    private var row: Int
    private let end: Int
    /// From row `first` on: where rows begin among the non-zeros; one more at the end.
    private var offsets: [Int] = []
    private var first: Int
    /// The non-zeros that have been read.
    private var loaded = 0..<0
    private var components: [UInt32] = []
    private var weights: [UInt32] = []

    private static let chunkRows = 4096
    private static let chunkEntries = 1 << 18

    fileprivate init(_ file: CSRFile, _ range: Range<Int>, _ duplicates: SparseVector.Duplicates) {
        self.file = file
        self.duplicates = duplicates
        (row, first, end) = (range.lowerBound, range.lowerBound, range.upperBound)
    }

    /// The next row; nil after the last.
    ///
    /// - Throws: `malformedInput` for offsets that do not ascend or a component out of range,
    ///   `invalidWeight`, `duplicateComponent`, `tooLarge` for a row of over 2^20 non-zeros, each with the
    ///   row, counted from 1; errors of reading.
    public mutating func next() throws(GranaryError) -> SparseVector? {
        guard row < end else { return nil }
        if row - first + 1 >= offsets.count {
            first = row
            offsets = try file.offsets(row..<min(end, row + Self.chunkRows))
        }
        let wanted = offsets[row - first]..<offsets[row - first + 1]
        guard wanted.count <= SparseVector.mostEntriesRead else {
            throw GranaryError(
                .tooLarge,
                "expected a row of up to \(SparseVector.mostEntriesRead) non-zeros, found \(wanted.count)",
                path: file.path, line: UInt64(row) + 1)
        }
        if wanted.lowerBound < loaded.lowerBound || wanted.upperBound > loaded.upperBound { try load(wanted) }
        defer { row += 1 }
        let entries = wanted.lowerBound - loaded.lowerBound..<wanted.upperBound - loaded.lowerBound
        let columns = file.columnCount
        if let component = components[entries].first(where: { Int($0) >= columns || $0 > Int32.max }) {
            throw file.malformed(
                "expected a component below \(columns), found \(Int32(bitPattern: component))", row)
        }
        do throws(GranaryError) {
            return try SparseVector(
                components: Array(components[entries]),
                weights: weights[entries].map { Float(bitPattern: $0) }, duplicates: duplicates)
        } catch {
            throw GranaryError(error.code, error.message, path: file.path, line: UInt64(row) + 1)
        }
    }

    /// Reads non-zeros from those of one row on, as many whole rows as a chunk holds.
    private mutating func load(_ wanted: Range<Int>) throws(GranaryError) {
        let last = offsets.last ?? wanted.upperBound
        loaded = wanted.lowerBound..<max(wanted.upperBound, min(last, wanted.lowerBound + Self.chunkEntries))
        components = try file.words(loaded)
        weights = try file.words(loaded.lowerBound + file.entryCount..<loaded.upperBound + file.entryCount)
    }
}
