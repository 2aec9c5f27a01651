/// Layouts of files of dense vectors. All are little-endian, and a row has as many values as every other.
public enum VectorFormat: String, Sendable, CaseIterable {
    /// uint32 rows, uint32 dimensions; float32 values, row by row. Source: the BigANN benchmarks.
    case fbin
    /// As `fbin`, with float16 values.
    case f16bin
    /// Each row: int32 dimensions, float32 values; no header. Source: the TEXMEX corpora.
    case fvecs
    /// A matrix of NumPy, format versions 1 to 3, in C order, of float16, float32 or float64.
    case npy

    /// The format that a path's extension tells, in letters of either case; nil for any other.
    public init?(path: String) {
        let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        guard let dot = name.lastIndex(of: ".") else { return nil }
        self.init(rawValue: name[name.index(after: dot)...].lowercased())
    }

    /// The format that is asked for, or else that of the path.
    ///
    /// - Throws: `invalidArgument` where neither tells one.
    static func resolve(_ format: VectorFormat?, path: String) throws(GranaryError) -> VectorFormat {
        if let format = format ?? VectorFormat(path: path) { return format }
        let names = allCases.map { ".\($0.rawValue)" }.joined(separator: ", ")
        throw GranaryError(
            .invalidArgument, "expected a file of dense vectors that ends in one of \(names), or a format",
            path: path)
    }
}

/// How one value of a row stands in a file.
enum VectorElement {
    case float16, float32, float64

    /// Bytes of one value.
    var bytes: Int {
        switch self {
        case .float16: 2
        case .float32: 4
        case .float64: 8
        }
    }
}

/// Where the rows of a file of dense vectors lie, and what they are made of.
struct VectorLayout {
    var rowCount: Int
    var dimensions: Int
    var element: VectorElement = .float32
    /// Where the first row begins.
    var start: Int
    /// Whether each row repeats the number of its values, as an int32.
    var isCounted = false

    /// Bytes of one row.
    var rowBytes: Int { dimensions * element.bytes + (isCounted ? 4 : 0) }

    /// Checks the counts, and that the file has the bytes that they ask for and no more.
    ///
    /// - Throws: `malformedInput`.
    func validate(length: UInt64, path: String) throws(GranaryError) {
        let largest = DenseSchema.largestDimensions
        guard dimensions <= largest, dimensions > 0 || rowCount == 0 else {
            throw GranaryError(
                .malformedInput, "expected rows of 1 to \(largest) values, found \(dimensions)", path: path)
        }
        // Rows are below 2^63 and a row below 2^17 bytes.
        let (rows, overflow) = rowCount.multipliedReportingOverflow(by: rowBytes)
        let (expected, isOver) = rows.addingReportingOverflow(start)
        guard rowCount >= 0, !overflow, !isOver, UInt64(expected) == length else {
            throw GranaryError(
                .malformedInput,
                "expected \(start) bytes and \(rowBytes) for each of \(rowCount) rows of \(dimensions) values, "
                    + "found \(length)",
                path: path)
        }
    }
}
