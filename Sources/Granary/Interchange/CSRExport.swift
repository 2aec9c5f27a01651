import GranaryStorage

/// The rows of a snapshot as a matrix: what `CSRFile` reads.
extension Snapshot {
    /// Writes all live documents, in order of insertion, in BigANN's `.csr` layout.
    ///
    /// Components keep the numbers that the index has for them, weights are those stored. Reads every row
    /// three times and holds none.
    /// - Parameter write: takes the bytes in order.
    /// - Throws: `unsupported` for a component over 2^31 − 1, which the layout cannot say, `corrupt` for
    ///   damaged bytes, and what `write` throws.
    public func exportCSR(_ write: ([UInt8]) throws(GranaryError) -> Void) throws(GranaryError) {
        var columns: UInt32 = 0
        var entries: Int64 = 0
        for segment in segments {
            for local in 0..<segment.facts.components {
                columns = max(columns, (segment.names.component(local) ?? 0) &+ 1)
            }
        }
        try forEachRow { (components, _) throws(GranaryError) in
            entries += Int64(components.count)
            if let last = components.last, last > Int32.max {
                throw GranaryError(
                    .unsupported, "expected components up to 2147483647 for a .csr file, found \(last)")
            }
        }
        var header = Self.bytes(UInt64(documentCount))
        header += Self.bytes(UInt64(columns))
        header += Self.bytes(UInt64(entries))
        try write(header + Self.bytes(UInt64(0)))
        var offset: UInt64 = 0
        try forEachRow { (components, _) throws(GranaryError) in
            offset += UInt64(components.count)
            try write(Self.bytes(offset))
        }
        try forEachRow { (components, _) throws(GranaryError) in
            try write(components.flatMap { Self.bytes($0) })
        }
        try forEachRow { (_, weights) throws(GranaryError) in
            try write(weights.flatMap { Self.bytes($0.bitPattern) })
        }
    }

    /// Calls `body` with the key of each live document, in order of insertion: the ids of the rows of
    /// `exportCSR`.
    public func forEachKey(_ body: (DocumentKey) throws(GranaryError) -> Void) throws(GranaryError) {
        try forEachLive { (segment, ordinal) throws(GranaryError) in try body(try segment.key(ordinal)) }
    }

    /// The tokens of the components 0, 1, … up to the largest; nil where no document has the component.
    /// Empty without a vocabulary.
    ///
    /// - Throws: `tooLarge` for a component of 2^26 or more, or of 2^20 or more and over 256 times as large
    ///   as there are tokens, since the list has a place for each smaller one; `corrupt` for damaged bytes.
    public func vocabulary() throws(GranaryError) -> [String?] {
        var tokens: [String?] = []
        // A number in a small file must not ask for a list of any length.
        let known = segments.reduce(0) { $0 + Int($1.facts.components) }
        let limit = min(Self.largestVocabulary, max(Self.smallestLimit, 256 * known))
        for segment in segments where segment.names.hasTokens {
            for local in 0..<segment.facts.components {
                guard let component = segment.names.component(local), let token = segment.names.token(local)
                else {
                    throw segment.malformed(.tokens, at: Int(local))
                }
                guard component < limit else {
                    throw GranaryError(
                        .tooLarge,
                        "expected components below \(limit) for a list of tokens, found \(component)")
                }
                let missing = Int(component) + 1 - tokens.count
                if missing > 0 { tokens += [String?](repeating: nil, count: missing) }
                tokens[Int(component)] = token
            }
        }
        return tokens
    }

    private static let largestVocabulary = 1 << 26
    /// What a list of tokens may have however few tokens there are.
    private static let smallestLimit = 1 << 20

    /// Calls `body` with the row of each live document, by ascending component, in order of insertion.
    func forEachRow(_ body: ([UInt32], [Float]) throws(GranaryError) -> Void) throws(GranaryError) {
        try forEachLive { (segment, ordinal) throws(GranaryError) in
            let entries = try segment.entries(ordinal)
            var pairs: [(component: UInt32, weight: Float)] = []
            pairs.reserveCapacity(entries.components.count)
            for (local, weight) in zip(entries.components, entries.weights) {
                guard let component = segment.names.component(local) else {
                    throw segment.malformed(.components, at: Int(local))
                }
                pairs.append((component, weight))
            }
            pairs.sort { $0.component < $1.component }
            try body(pairs.map(\.component), pairs.map(\.weight))
        }
    }

    private static func bytes(_ value: some FixedWidthInteger & UnsignedInteger) -> [UInt8] {
        (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}
