import GranaryStorage

/// Exact answers in BigANN's `.gt` layout: the rows of the best k documents of each query.
///
/// Little-endian: uint32 queries, uint32 k; int32 rows [queries × k]; float32 scores [queries × k].
public struct GroundTruth: Sendable {
    /// Queries.
    public let queryCount: Int
    /// Answers for each query.
    public let k: Int
    private let rows: [Int32]
    private let allScores: [Float]
    private static let headerBytes = 8

    /// Loads a file.
    ///
    /// - Throws: `malformedInput` when its length is not what its counts ask for, errors of reading.
    public static func open(
        _ path: String, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GranaryError) -> GroundTruth {
        let file = try fileSystem.openForReading(path)
        defer { file.close() }
        let length = try file.length()
        let head = try file.read(at: 0, count: headerBytes)
        var reader = ByteReader(head.rawBytes, path: path)
        let (queries, k) = (Int(try reader.next(UInt32.self)), Int(try reader.next(UInt32.self)))
        let (count, overflow) = queries.multipliedReportingOverflow(by: k)
        guard !overflow, count <= Int.max / 8 - 1, length == UInt64(headerBytes + 8 * count) else {
            throw GranaryError(
                .malformedInput,
                "expected 8 bytes for each of \(queries) × \(k) answers, found \(length) in all",
                path: path)
        }
        // Read, not mapped: a mapped file that somebody shortens meanwhile would end the process.
        let bytes = try file.read(at: UInt64(headerBytes), count: 8 * count)
        reader = ByteReader(bytes.rawBytes, path: path)
        var rows: [Int32] = []
        var scores: [Float] = []
        rows.reserveCapacity(count)
        scores.reserveCapacity(count)
        for _ in 0..<count { rows.append(try reader.next(Int32.self)) }
        for _ in 0..<count { scores.append(Float(bitPattern: try reader.next(UInt32.self))) }
        return GroundTruth(queryCount: queries, k: k, rows: rows, allScores: scores)
    }

    /// The rows of a query's answers, best first; empty for a query that is not there.
    public func ids(_ query: Int) -> ArraySlice<Int32> {
        (0..<queryCount).contains(query) ? rows[query * k..<(query + 1) * k] : []
    }

    /// The scores of a query's answers, in the same order.
    public func scores(_ query: Int) -> ArraySlice<Float> {
        (0..<queryCount).contains(query) ? allScores[query * k..<(query + 1) * k] : []
    }
}
