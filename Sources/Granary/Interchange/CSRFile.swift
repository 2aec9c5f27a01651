import GranaryStorage

/// A sparse matrix in BigANN's `.csr` layout, mapped: one vector a row.
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
    public let path: String
    private let mapping: MappedBytes
    private static let headerBytes = 24

    private init(path: String, mapping: MappedBytes) throws(GranaryError) {
        self.path = path
        self.mapping = mapping
        var header = ByteReader(mapping.bytes, path: path)
        let (rows, columns) = (try header.next(Int64.self), try header.next(Int64.self))
        let entries = try header.next(Int64.self)
        let (offsetBytes, tooManyRows) = (rows &+ 1).multipliedReportingOverflow(by: 8)
        let (entryBytes, tooManyEntries) = entries.multipliedReportingOverflow(by: 8)
        let (sum, overflow) = offsetBytes.addingReportingOverflow(entryBytes)
        guard rows >= 0, rows < Int64(UInt32.max), columns >= 0, columns <= Int64(UInt32.max) + 1,
            entries >= 0, !tooManyRows, !tooManyEntries, !overflow,
            sum == Int64(mapping.count - Self.headerBytes)
        else {
            throw GranaryError(
                .malformedInput,
                "expected 24 bytes, 8 for each of \(rows) rows and one more, and 8 for each of \(entries) "
                    + "non-zeros, found \(mapping.count)",
                path: path)
        }
        (rowCount, columnCount, entryCount) = (Int(rows), Int(columns), Int(entries))
    }

    /// Maps a file and checks its sizes; rows are checked when they are read.
    ///
    /// - Throws: `malformedInput` for wrong or overflowing counts, `truncated`, errors of opening.
    public static func open(
        _ path: String, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GranaryError) -> CSRFile {
        let file = try fileSystem.openForReading(path)
        defer { file.close() }
        let mapping = try file.map()
        mapping.advise(.sequential, 0..<mapping.count)
        return try CSRFile(path: path, mapping: mapping)
    }

    /// The vector of a row, components in any order.
    ///
    /// - Throws: `malformedInput` for offsets that do not ascend or a component out of range,
    ///   `invalidWeight`, `duplicateComponent`; each names the row, counted from 1. `invalidArgument` for a
    ///   row that is not there.
    public func row(
        _ row: Int, duplicates: SparseVector.Duplicates = .reject
    ) throws(GranaryError) -> SparseVector {
        guard row >= 0, row < rowCount else {
            throw GranaryError(.invalidArgument, "expected a row below \(rowCount), found \(row)", path: path)
        }
        let mapping = mapping
        var offsets = ByteReader(mapping.bytes, path: path)
        try offsets.skip(Self.headerBytes + 8 * row)
        let (from, to) = (try offsets.next(Int64.self), try offsets.next(Int64.self))
        guard from >= 0, from <= to, to <= Int64(entryCount), row > 0 || from == 0,
            row < rowCount - 1 || to == Int64(entryCount)
        else {
            throw malformed(
                "expected ascending offsets from 0 to \(entryCount), found \(from) and \(to)", row)
        }
        let count = Int(to - from)
        var (ids, values) = (offsets, offsets)
        let start = Self.headerBytes + 8 * (rowCount + 1)
        try ids.skip(start + 4 * Int(from) - ids.position)
        try values.skip(start + 4 * (entryCount + Int(from)) - values.position)
        var components: [UInt32] = []
        var weights: [Float] = []
        components.reserveCapacity(count)
        weights.reserveCapacity(count)
        for _ in 0..<count {
            let component = try ids.next(Int32.self)
            guard component >= 0, Int(component) < columnCount else {
                throw malformed("expected a component below \(columnCount), found \(component)", row)
            }
            components.append(UInt32(component))
            weights.append(Float(bitPattern: try values.next(UInt32.self)))
        }
        do throws(GranaryError) {
            return try SparseVector(components: components, weights: weights, duplicates: duplicates)
        } catch {
            throw GranaryError(error.code, error.message, path: path, line: UInt64(row) + 1)
        }
    }

    private func malformed(_ message: String, _ row: Int) -> GranaryError {
        GranaryError(.malformedInput, message, path: path, line: UInt64(row) + 1)
    }
}
