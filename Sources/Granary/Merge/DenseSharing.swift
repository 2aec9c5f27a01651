import GranaryStorage

/// Which `.dense` files a new segment, or a new list of vectors, leaves as they are: vectors are heavy, so
/// that copying them in every tier would cost more than everything else. Dead rows go when there are many,
/// and small files go together.
enum DenseSharing {
    /// A file with a larger share of rows that no document has is copied without them.
    private static let largestDeadShare = 0.25
    /// Files that one segment shares at most: a look-up of a row goes through them.
    private static let mostFiles = 8

    /// The files that stay, the largest first.
    ///
    /// - Parameters:
    ///   - files: with the number of rows that are still used of each.
    ///   - smallestBytes: files with fewer bytes of rows are copied.
    static func kept(
        _ files: some Sequence<(file: DenseFile, rows: Int)>, smallestBytes: Int
    ) -> [DenseFile] {
        var kept: [DenseFile] = []
        for (file, rows) in files
        where file.vectorBytes >= smallestBytes
            && Double(rows) >= (1 - largestDeadShare) * Double(file.rowCount)
        { kept.append(file) }
        kept.sort {
            ($0.vectorBytes, $0.container.record.name) > ($1.vectorBytes, $1.container.record.name)
        }
        return Array(kept.prefix(mostFiles))
    }
}

/// Dense rows that come from other segments: those of shared files stay where they are, the others are
/// copied.
struct MergedDenseRows: DenseRows {
    private(set) var shared: [DenseFile] = []
    private let inputs: [DenseVectors?]
    /// By input and file of it: the place of its first row among those of the shared files; nil for a file
    /// that is copied.
    private var bases: [[Int?]]
    /// By row of the builder: the input and the ordinal there. Empty when no input has vectors.
    private var documents: [(input: UInt32, ordinal: UInt32)] = []
    private let isEmpty: Bool
    /// The input of a document without a vector.
    private static let noInput = UInt32.max

    init(_ inputs: [DenseVectors?]) {
        self.inputs = inputs
        bases = inputs.map { [Int?](repeating: nil, count: $0?.files.count ?? 0) }
        isEmpty = inputs.allSatisfy { $0 == nil }
    }

    /// Adds the next row of the builder.
    mutating func append(input: Int, ordinal: UInt32) {
        if !isEmpty { documents.append((UInt32(input), ordinal)) }
    }

    /// Adds the next row of the builder, of a document without a vector.
    mutating func appendNone() {
        if !isEmpty { documents.append((Self.noInput, 0)) }
    }

    /// Chooses, once all rows are there, the files that are shared.
    ///
    /// - Parameter mayShare: whether a file may be.
    /// - Throws: `corrupt` for places beyond the rows.
    mutating func share(
        _ options: BuildOptions, where mayShare: (FileRecord) -> Bool = { _ in true }
    ) throws(GranaryError) {
        var uses = inputs.map { [Int](repeating: 0, count: $0?.files.count ?? 0) }
        for row in documents.indices {
            if let (input, file, _) = try locate(row) { uses[input][file] += 1 }
        }
        // By name, since inputs may have files in common.
        var files: [String: (file: DenseFile, rows: Int)] = [:]
        for (input, uses) in zip(inputs, uses) {
            for (file, rows) in zip(input?.files ?? [], uses) where mayShare(file.container.record) {
                files[file.container.record.name, default: (file, 0)].rows += rows
            }
        }
        shared = DenseSharing.kept(files.values, smallestBytes: options.smallestSharedDense)
        var starts: [String: Int] = [:]
        var next = 0
        for file in shared {
            starts[file.container.record.name] = next
            next += file.rowCount
        }
        bases = inputs.map { $0?.files.map { starts[$0.container.record.name] } ?? [] }
    }

    func origin(_ row: Int) throws(GranaryError) -> DenseOrigin {
        guard let (input, file, number) = try locate(row) else { return .none }
        return bases[input][file].map { .shared($0 + number) } ?? .own
    }

    func withBytes(
        _ row: Int, _ body: (RawSpan) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        guard let (input, file, number) = try locate(row), let dense = inputs[input] else { return }
        let source = dense.files[file]
        try source.verify(CollectionOfOne(number))
        try source.withRow(number) { (row) throws(GranaryError) in
            // The output would carry on what no writer makes.
            guard source.codec.isSound(row) else { throw source.malformed(number) }
            try body(row)
        }
    }

    /// The input of a row, the file of that, and the row there; nil for a document without a vector.
    private func locate(_ row: Int) throws(GranaryError) -> (input: Int, file: Int, row: Int)? {
        guard !isEmpty else { return nil }
        let (input, ordinal) = documents[row]
        guard input != Self.noInput, let dense = inputs[Int(input)], let place = try dense.place(ordinal)
        else { return nil }
        let (file, number) = dense.locate(place)
        return (Int(input), file, number)
    }
}

/// The dense rows of a segment of which some are replaced.
struct RevisedDenseRows: DenseRows {
    /// What it had.
    let old: MergedDenseRows
    /// What is new.
    let fresh: SpilledDenseRows
    /// By ordinal: the number of its row among the new ones, or `keeps`.
    let replacements: [UInt32]
    /// Says that a document keeps what it has.
    static let keeps = UInt32.max

    /// - Parameter dead: what needs no vector any more.
    /// - Throws: `corrupt` for places beyond the rows.
    init(
        _ dense: DenseVectors?, dead: Tombstones, replacements: [UInt32], by fresh: SpilledDenseRows,
        _ options: BuildOptions
    ) throws(GranaryError) {
        var old = MergedDenseRows([dense])
        for (ordinal, replacement) in replacements.enumerated() {
            if replacement == Self.keeps, !dead.contains(UInt32(ordinal)) {
                old.append(input: 0, ordinal: UInt32(ordinal))
            } else {
                old.appendNone()
            }
        }
        try old.share(options)
        self.old = old
        self.fresh = fresh
        self.replacements = replacements
    }

    var shared: [DenseFile] { old.shared }

    func origin(_ row: Int) throws(GranaryError) -> DenseOrigin {
        let number = replacements[row]
        return number == Self.keeps ? try old.origin(row) : fresh.origin(Int(number))
    }

    func withBytes(
        _ row: Int, _ body: (RawSpan) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        let number = replacements[row]
        if number == Self.keeps {
            try old.withBytes(row, body)
        } else {
            try fresh.withBytes(Int(number), body)
        }
    }
}
