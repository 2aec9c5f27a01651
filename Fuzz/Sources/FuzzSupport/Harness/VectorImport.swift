import Granary

/// The readers of files that have no documents: dense vectors, and ground truth. What one takes comes back
/// the same after it is written; where a layout leaves no choice, as the same bytes.
enum VectorImport {
    private static let mostRows = 1000

    /// Reads a file of dense vectors, writes it and reads it again.
    static func check(_ format: VectorFormat, _ bytes: [UInt8]) throws {
        guard let (rows, dimensions) = try allowing({ try read(format, bytes) }) else { return }
        try Finding.unless(
            rows.allSatisfy { $0.count == dimensions && $0.allSatisfy(\.isFinite) },
            "a row has another length, or values that are no numbers")
        guard rows.count < mostRows else { return }
        if let last = rows.last {
            let alone = try read(format, bytes, only: rows.count - 1..<rows.count + 1).rows
            try Finding.unless(alone == [last], "a row read alone is another")
        }
        let written: [UInt8]
        let again: [[Float]]
        do throws(GranaryError) {
            let encoder = try VectorFileEncoder(format, rowCount: rows.count, dimensions: dimensions)
            var file = encoder.header
            for row in rows { file += try encoder.row(row) }
            written = file
            again = try read(format, written).rows
        } catch { throw Finding("written vectors cannot be read: \(error)") }
        try Finding.unless(again == rows, "vectors change when they are written and read")
        try Finding.unless(format == .npy || written == bytes, "a file changes when it is read and written")
    }

    /// The rows of a file, as many as are looked at; or those of a range.
    private static func read(
        _ format: VectorFormat, _ bytes: [UInt8], only range: Range<Int>? = nil
    ) throws(GranaryError) -> (rows: [[Float]], dimensions: Int) {
        let system = MemoryFileSystem()
        try system.add("./input", bytes)
        let file = try VectorFile.open("./input", format: format, fileSystem: system)
        var rows: [[Float]] = []
        var cursor = file.rows(range ?? 0..<file.rowCount)
        while rows.count < mostRows, let row = try cursor.next() { rows.append(row) }
        return (rows, file.dimensions)
    }

    /// Reads a file of exact answers and compares it with its bytes.
    static func checkTruth(_ bytes: [UInt8]) throws {
        let system = MemoryFileSystem()
        try system.add("./input", bytes)
        guard let truth = try allowing({ try GroundTruth.open("./input", fileSystem: system) }) else {
            return
        }
        var (rows, scores) = (ByteWriter(), ByteWriter())
        // Without answers there may be any number of queries.
        for query in 0..<(truth.k == 0 ? min(2, truth.queryCount) : truth.queryCount) {
            try Finding.unless(
                truth.ids(query).count == truth.k && truth.scores(query).count == truth.k,
                "a query has another number of answers")
            for row in truth.ids(query) { rows.append(row) }
            for score in truth.scores(query) { scores.append(score.bitPattern) }
        }
        try Finding.unless(
            rows.bytes + scores.bytes == Array(bytes.dropFirst(8)), "answers are others than the file's")
        try Finding.unless(
            truth.ids(truth.queryCount).isEmpty && truth.scores(-1).isEmpty, "a query that is not there")
    }
}
