import GranaryStorage

/// Scores documents by their dense vectors: rows in the order of their files, a file at a time.
struct DenseScorer {
    private let segments: [SegmentReader]
    /// As the metric takes it.
    let vector: [Float]
    /// By segment: the number of its first file among those of all segments.
    private let firstFile: [Int]
    private let files: [DenseFile]

    /// - Throws: `invalidArgument` for a schema without dense vectors, and for a query that is not one of it.
    init(_ segments: [SegmentReader], _ vector: [Float], schema: Schema) throws(GranaryError) {
        guard let dense = schema.dense else {
            throw GranaryError(
                .invalidArgument, "expected a query without a dense vector: the index has none")
        }
        self.segments = segments
        self.vector = try DenseRowCodec(dense).prepare(vector)
        var files: [DenseFile] = []
        firstFile = segments.map { segment in
            defer { files += segment.dense?.files ?? [] }
            return files.count
        }
        self.files = files
    }

    /// Where the vector of a document is; nil when it has none.
    func place(_ entry: TopK.Entry) throws(GranaryError) -> Place? {
        let segment = Int(entry.segment)
        guard let dense = segments[segment].dense, let place = try dense.place(entry.ordinal) else {
            return nil
        }
        let (file, row) = dense.locate(place)
        return Place(file: firstFile[segment] + file, row: row)
    }

    /// A row of a file of any segment.
    struct Place {
        var file: Int
        var row: Int
    }

    /// The largest score that a row of these files can have under the inner product or cosine: |query| ×
    /// |row|, with room for rounding.
    func bound() -> Float {
        let norm = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        let largest = files.reduce(0.0) { max($0, Double($1.facts.largestNorm)) }
        // A sum of d products in float32 is off by at most d × 2^-23 of the sum of their absolute values.
        return Float(norm * largest * (1 + Double(vector.count + 16) * 0x1p-23)).nextUp
    }

    /// Begins to read the vectors of some documents of a segment. What is wrong is found when they are
    /// scored.
    func prefetch(_ segment: Int, _ ordinals: [UInt32]) {
        guard let dense = segments[segment].dense else { return }
        var rows = [[Int]](repeating: [], count: dense.files.count)
        for ordinal in ordinals {
            guard let place = try? dense.place(ordinal) else { continue }
            let (file, row) = dense.locate(place)
            rows[file].append(row)
        }
        for (file, rows) in zip(dense.files, rows) where !rows.isEmpty { file.prefetch(rows.sorted()) }
    }

    /// Writes the scores of some rows to `scores`, each at its position.
    ///
    /// - Parameter wanted: rows and positions.
    /// - Throws: `checksumMismatch`, `corrupt`, errors of reading. Complexity: a sort, and a read of each
    ///   row.
    func score(
        _ wanted: [(place: Place, position: Int)], into scores: inout [Float?]
    ) throws(GranaryError) {
        let order = wanted.sorted {
            ($0.place.file, $0.place.row) < ($1.place.file, $1.place.row)
        }
        var start = 0
        while start < order.count {
            let file = order[start].place.file
            let end = order[start...].firstIndex { $0.place.file != file } ?? order.count
            let rows = order[start..<end].map(\.place.row)
            var next = start
            try files[file].score(rows, vector) { score in
                scores[order[next].position] = score
                next += 1
            }
            start = end
        }
    }
}
