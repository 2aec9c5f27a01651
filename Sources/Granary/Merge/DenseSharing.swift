import GranaryStorage

/// Which `.dense` files a merge leaves as they are: vectors are heavy and never change, so that copying them in
/// every tier would cost more than everything else. Dead rows go when there are many, and small files go
/// together.
enum DenseSharing {
    /// Smaller files are copied.
    private static let smallestBytes = 16 << 20
    /// A file with a larger share of rows that no live document has is copied without them.
    private static let largestDeadShare = 0.25
    /// Files that one segment shares at most: a look-up of a row goes through them.
    private static let mostFiles = 8

    /// The files of the inputs that stay, the largest first.
    ///
    /// - Throws: `corrupt` for places beyond the rows.
    static func files(_ inputs: [SegmentReader]) throws(GranaryError) -> [DenseFile] {
        var kept: [DenseFile] = []
        for input in inputs {
            guard let dense = input.dense else { continue }
            var live = [Int](repeating: 0, count: dense.files.count)
            for ordinal in 0..<UInt32(input.documentCount) where input.dead?.contains(ordinal) != true {
                if let place = try dense.place(ordinal) { live[dense.locate(place).file] += 1 }
            }
            for (file, rows) in zip(dense.files, live)
            where file.container.record.length >= smallestBytes
                && Double(rows) >= (1 - largestDeadShare) * Double(file.rowCount)
            { kept.append(file) }
        }
        kept.sort { $0.container.record.length > $1.container.record.length }
        return Array(kept.prefix(mostFiles))
    }
}

/// The dense rows of a merge: those of shared files where they are, the others from their inputs.
struct MergedDenseRows: DenseRows {
    let shared: [DenseFile]
    private let inputs: [DenseVectors?]
    /// By input and file of it: the place of its first row among those of the shared files; nil for a file
    /// that is copied.
    private let bases: [[Int?]]
    /// By row of the builder: the input and the ordinal there. Empty when no input has vectors.
    private var documents: [(input: UInt32, ordinal: UInt32)] = []
    private let isEmpty: Bool

    init(_ inputs: [DenseVectors?], sharing shared: [DenseFile]) {
        self.inputs = inputs
        self.shared = shared
        var starts: [ObjectIdentifier: Int] = [:]
        var next = 0
        for file in shared {
            starts[ObjectIdentifier(file)] = next
            next += file.rowCount
        }
        bases = inputs.map { $0?.files.map { starts[ObjectIdentifier($0)] } ?? [] }
        isEmpty = inputs.allSatisfy { $0 == nil }
    }

    /// Adds the next row of the builder.
    mutating func append(input: Int, ordinal: UInt32) {
        if !isEmpty { documents.append((UInt32(input), ordinal)) }
    }

    func origin(_ row: Int) throws(GranaryError) -> DenseOrigin {
        guard !isEmpty else { return .none }
        let (input, ordinal) = documents[row]
        guard let dense = inputs[Int(input)], let place = try dense.place(ordinal) else { return .none }
        let (file, number) = dense.locate(place)
        return bases[Int(input)][file].map { .shared($0 + number) } ?? .own
    }

    func withBytes(
        _ row: Int, _ body: (RawSpan) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        let (input, ordinal) = documents[row]
        guard let dense = inputs[Int(input)], let place = try dense.place(ordinal) else { return }
        let (file, number) = dense.locate(place)
        try dense.files[file].verify(CollectionOfOne(number))
        try dense.files[file].withRow(number, body)
    }
}
