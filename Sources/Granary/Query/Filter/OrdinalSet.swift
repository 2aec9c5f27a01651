/// Documents of a segment, a bit each.
struct OrdinalSet: Sendable, Equatable {
    private(set) var words: [UInt64]
    private let documents: Int

    /// No documents, or all.
    init(documents: Int, isFull: Bool = false) {
        self.documents = documents
        words = [UInt64](repeating: isFull ? .max : 0, count: (documents + 63) / 64)
        if isFull { clearTail() }
    }

    /// How many documents there are.
    var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    @inline(__always)
    func contains(_ ordinal: UInt32) -> Bool {
        words[Int(ordinal >> 6)] &>> UInt64(ordinal & 63) & 1 == 1
    }

    /// Adds a document, which the segment has.
    @inline(__always)
    mutating func insert(_ ordinal: UInt32) { words[Int(ordinal >> 6)] |= 1 &<< UInt64(ordinal & 63) }

    mutating func formUnion(_ other: OrdinalSet) {
        for position in words.indices { words[position] |= other.words[position] }
    }

    mutating func formIntersection(_ other: OrdinalSet) {
        for position in words.indices { words[position] &= other.words[position] }
    }

    /// Takes out the documents whose bits are set.
    mutating func subtract(_ bits: [UInt64]) {
        for position in words.indices { words[position] &= ~bits[position] }
    }

    /// The documents that are not here.
    mutating func invert() {
        for position in words.indices { words[position] = ~words[position] }
        clearTail()
    }

    private mutating func clearTail() {
        if documents % 64 != 0 { words[words.count - 1] &= (1 << UInt64(documents % 64)) - 1 }
    }
}
