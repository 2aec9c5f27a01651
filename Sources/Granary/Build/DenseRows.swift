import GranaryStorage

/// The dense rows of a segment under construction, by number of the row in the builder.
protocol DenseRows {
    /// Files of other segments that the new one goes on using, rather than copy them.
    var shared: [DenseFile] { get }
    /// Where a document's vector is.
    func origin(_ row: Int) throws(GranaryError) -> DenseOrigin
    /// Hands over the bytes of a vector whose origin is `.own`.
    func withBytes(
        _ row: Int, _ body: (RawSpan) throws(GranaryError) -> Void
    ) throws(GranaryError)
}

/// Where the vector of a document of a segment under construction is.
enum DenseOrigin {
    /// Nowhere: the document has none.
    case none
    /// At this place among the rows of the shared files.
    case shared(Int)
    /// On its way into the segment's own file.
    case own
}

/// Writes the `.dense` file of a segment.
enum DenseFileWriter {
    /// Writes the rows that are not shared, in the order of the segment, and the places of all.
    ///
    /// - Parameter order: by ordinal: the builder's row.
    /// - Returns: nil when no document has a vector.
    /// - Throws: errors of reading and writing, `tooLarge`, `cancelled`. No file is left then.
    static func write(
        _ rows: some DenseRows, order: some Collection<UInt32>, schema: DenseSchema, context: BuildContext
    ) throws(GranaryError) -> FileRecord? {
        let codec = try DenseRowCodec(schema)
        var largestNorm: Float = 0
        let start = rows.shared.reduce(0) { $0 + $1.rowCount }
        var places: [UInt32] = []
        places.reserveCapacity(order.count)
        var (own, absent) = (0, 0)
        let file = try ContainerWriter(
            fileSystem: context.fileSystem, directory: context.directory, kind: .dense, index: context.index,
            id: context.fileSystem.randomIdentifier())
        try file.beginSection(.vectors)
        for (ordinal, row) in order.enumerated() {
            if ordinal % 1024 == 0 {
                try context.progress.report(.writing, UInt64(ordinal), UInt64(order.count))
            }
            switch try rows.origin(Int(row)) {
            case .none:
                absent += 1
                places.append(DenseFacts.noPlace)
            case .shared(let place): places.append(try word(place))
            case .own:
                places.append(try word(start + own))
                let gap = UInt64(codec.layout.offset(own)) - file.sectionLength
                if gap > 0 { try file.append([UInt8](repeating: 0, count: Int(gap))) }
                try rows.withBytes(Int(row)) { (bytes) throws(GranaryError) in
                    largestNorm = max(largestNorm, codec.largestNorm(of: bytes))
                    try file.append(bytes)
                }
                own += 1
            }
        }
        try file.endSection(elements: UInt64(own))
        guard absent < order.count else {
            file.abandon()
            return nil
        }
        // Where every document has its row and it is here, row numbers are ordinals.
        let isPlain = own == order.count && rows.shared.isEmpty
        if !isPlain { try file.write(.places, places) }
        try file.write(
            .dense,
            DenseFacts(
                rows: UInt32(own), documents: isPlain ? 0 : UInt32(order.count), schema: schema,
                largestNorm: largestNorm
            ).encoded)
        return try file.finish()
    }

    private static func word(_ place: Int) throws(GranaryError) -> UInt32 {
        guard let word = UInt32(exactly: place), word != DenseFacts.noPlace else {
            throw GranaryError(.tooLarge, "expected fewer than 2^32 vectors in the files of a segment")
        }
        return word
    }
}
