/// The live documents of some segments in order of insertion: by sequence number, whatever segment they are
/// in.
///
/// Memory: 4 bytes a document.
struct LiveOrder {
    private let readers: [SegmentReader]
    /// By segment: its live ordinals, the one inserted last first.
    private var rest: [[UInt32]]

    init(_ readers: [SegmentReader]) {
        self.readers = readers
        rest = readers.map { reader in
            let live = (0..<UInt32(reader.documentCount)).filter { reader.dead?.contains($0) != true }
            return live.sorted { reader.sequence($0) > reader.sequence($1) }
        }
    }

    /// Live documents that are still to come.
    var count: Int { rest.reduce(0) { $0 + $1.count } }

    /// The next document: the position of its segment, its ordinal and its sequence number.
    mutating func next() -> (segment: Int, ordinal: UInt32, sequence: UInt64)? {
        var first: (segment: Int, ordinal: UInt32, sequence: UInt64)?
        for segment in rest.indices {
            guard let ordinal = rest[segment].last else { continue }
            let sequence = readers[segment].sequence(ordinal)
            if let first, first.sequence <= sequence { continue }
            first = (segment, ordinal, sequence)
        }
        if let first { rest[first.segment].removeLast() }
        return first
    }
}
