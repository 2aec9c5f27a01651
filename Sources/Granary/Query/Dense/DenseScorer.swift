import GranaryStorage

/// Scores documents by their dense vectors.
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

    /// Where the vectors of documents are; nil for those that have none.
    ///
    /// - Throws: `corrupt` for a place beyond all rows.
    func places(_ entries: [TopK.Entry]) throws(GranaryError) -> [Place?] {
        var places = [Place?](repeating: nil, count: entries.count)
        // Most neighbours are of one segment, which is looked up once.
        var (segment, vectors): (Int32, DenseVectors?) = (-1, nil)
        var first = 0
        for (position, entry) in entries.enumerated() {
            if entry.segment != segment {
                segment = entry.segment
                vectors = segments[Int(segment)].dense
                first = firstFile[Int(segment)]
            }
            guard let vectors, let place = try vectors.place(entry.ordinal) else { continue }
            let (file, row) = vectors.locate(place)
            places[position] = Place(file: Int32(first + file), row: UInt32(row))
        }
        return places
    }

    /// A row of a file of any segment.
    struct Place {
        var file: Int32
        var row: UInt32
    }

    /// The largest score that a row of these files can have under the inner product or cosine: |query| ×
    /// |row|, with room for rounding.
    func bound() -> Float {
        let norm = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        let largest = files.reduce(0.0) { max($0, Double($1.facts.largestNorm)) }
        // A sum of d products in float32 is off by at most d × 2^-23 of the sum of their absolute values, and
        // by 2^-150 for each product that is not a normal number.
        let count = Double(vector.count)
        return Float(norm * largest * (1 + (count + 16) * 0x1p-23) + count * 0x1p-150).nextUp
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
        for (file, rows) in zip(dense.files, rows) where !rows.isEmpty { file.prefetch(rows) }
    }

    /// Scores some documents, a file at a time.
    ///
    /// - Parameters:
    ///   - positions: of those documents.
    ///   - places: of all; those without a vector are passed over.
    ///   - isAhead: whether `prefetch` has been asked for most of them.
    ///   - scores: written at their positions.
    /// - Returns: how many have a vector.
    /// - Throws: `checksumMismatch`, `corrupt`, errors of reading. Complexity: a read of each row.
    func score(
        _ positions: Range<Int>, of places: [Place?], isAhead: Bool = false, into scores: inout [Float?]
    ) throws(GranaryError) -> Int {
        var wanted = [(rows: [Int], positions: [Int])](repeating: ([], []), count: files.count)
        var count = 0
        for position in positions {
            guard let place = places[position] else { continue }
            wanted[Int(place.file)].rows.append(Int(place.row))
            wanted[Int(place.file)].positions.append(position)
            count += 1
        }
        // Files are scored one after the other; all of them are read meanwhile.
        if !isAhead {
            for (file, wanted) in zip(files, wanted) where !wanted.rows.isEmpty { file.prefetch(wanted.rows) }
        }
        for (file, wanted) in zip(files, wanted) where !wanted.rows.isEmpty {
            for (position, score) in zip(wanted.positions, try file.scores(of: wanted.rows, vector)) {
                scores[position] = score
            }
        }
        return count
    }
}
