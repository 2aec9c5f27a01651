import GranaryStorage

/// The verification vectors of one segment: the rows of one or more `.dense` files, and where among them each
/// document has its own.
///
/// A place counts the rows of all files, one after the other. The last file says the places.
struct DenseVectors: Sendable {
    /// In the order of the manifest.
    let files: [DenseFile]
    /// By file: the place of its first row; one more at the end.
    private let starts: [Int]
    private let documents: Int

    /// - Throws: `corrupt` when the last file's places are not those of the segment.
    init(_ files: [DenseFile], documents: Int) throws(GranaryError) {
        self.files = files
        self.documents = documents
        var starts = [0]
        for file in files { starts.append(starts[starts.count - 1] + file.rowCount) }
        self.starts = starts
        guard let last = files.last else { return }
        let found = last.places == nil ? last.rowCount : Int(last.facts.documents)
        guard found == documents, last.places != nil || files.count == 1 else {
            throw GranaryError(
                .corrupt, "expected the vectors of \(documents) documents, found those of \(found)",
                path: last.container.path, section: SectionID.dense.name)
        }
    }

    /// Rows of all files.
    var rowCount: Int { starts[files.count] }

    /// Where a document has its vector; nil when it has none.
    ///
    /// - Throws: `corrupt` for a place beyond all rows.
    @inline(__always)
    func place(_ ordinal: UInt32) throws(GranaryError) -> Int? {
        guard let last = files.last, Int(ordinal) < documents else { return nil }
        guard let places = last.places else { return Int(ordinal) }
        let place = Kernels.words(places.bytes)[Int(ordinal)]
        if place == DenseFacts.noPlace { return nil }
        guard Int(place) < rowCount else {
            throw GranaryError(
                .corrupt, "expected a place below \(rowCount), found \(place)", path: last.container.path,
                section: SectionID.places.name, byteOffset: UInt64(ordinal) * 4)
        }
        return Int(place)
    }

    /// The file and row of a place.
    @inline(__always)
    func locate(_ place: Int) -> (file: Int, row: Int) {
        var file = 0
        while place >= starts[file + 1] { file += 1 }
        return (file, place - starts[file])
    }

    /// The vector of a document; nil when it has none.
    ///
    /// - Throws: `checksumMismatch`, `corrupt`.
    func vector(_ ordinal: UInt32) throws(GranaryError) -> [Float]? {
        guard let place = try place(ordinal) else { return nil }
        let (file, row) = locate(place)
        return try files[file].vector(row)
    }

    /// Checks what checksums cannot: that no two documents share a row, and that every value is finite.
    ///
    /// - Throws: `corrupt`, `cancelled`.
    func verifyContents(_ cancellation: Cancellation?) throws(GranaryError) {
        var taken = [Bool](repeating: false, count: rowCount)
        for ordinal in 0..<UInt32(documents) {
            if ordinal % 4096 == 0 { try cancellation?.check() }
            guard let place = try place(ordinal) else { continue }
            let (file, row) = locate(place)
            guard !taken[place] else {
                throw GranaryError(
                    .corrupt, "expected a row for each document, found place \(place) twice",
                    path: files[files.count - 1].container.path, section: SectionID.places.name,
                    byteOffset: UInt64(ordinal) * 4)
            }
            taken[place] = true
            let length = try files[file].vector(row).reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            // Searches stop early by it. What a sum of doubles loses is far below the half of a float's
            // digit.
            guard length <= Double(files[file].facts.largestNorm) * (1 + 0x1p-36) else {
                throw GranaryError(
                    .corrupt,
                    "expected rows up to \(files[file].facts.largestNorm) long, found one of \(length)",
                    path: files[file].container.path, section: SectionID.dense.name)
            }
        }
    }
}
