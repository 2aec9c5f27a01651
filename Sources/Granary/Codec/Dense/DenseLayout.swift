/// Where the rows of a `.dense` file lie in its section of vectors (`Formats/dense.md`).
///
/// Rows have one stride, and none lies across a border of 4096 bytes unless it is larger than that: a row is
/// one page to read and one checksum to compare.
struct DenseLayout: Sendable, Equatable {
    /// Bytes of the values of a row.
    let valueBytes: Int
    /// Bytes of a row with its scale, rounded up.
    let stride: Int
    /// Rows on a page; 0 when a row is larger than one.
    let rowsPerPage: Int
    /// Where a row has its scale; nil for elements that have none.
    let scaleOffset: Int?

    /// A page of the vectors section, which is also what one of its checksums covers.
    static let pageBytes = 4096

    init(_ schema: DenseSchema) {
        valueBytes = schema.dimensions * schema.element.bytes
        let padded = (valueBytes + 3) / 4 * 4
        scaleOffset = schema.element == .int8 ? padded : nil
        let used = padded + (scaleOffset == nil ? 0 : 4)
        stride = used <= Self.pageBytes ? used : (used + 63) / 64 * 64
        rowsPerPage = Self.pageBytes / stride
    }

    /// Where a row begins.
    func offset(_ row: Int) -> Int {
        rowsPerPage > 0
            ? row / rowsPerPage * Self.pageBytes + row % rowsPerPage * stride : row * stride
    }

    /// Bytes of a section of so many rows.
    func length(rows: Int) -> Int { rows == 0 ? 0 : offset(rows - 1) + stride }

    /// The pages that a row lies on.
    func pages(_ row: Int) -> ClosedRange<Int> {
        let start = offset(row)
        return start / Self.pageBytes...(start + stride - 1) / Self.pageBytes
    }
}
