import GranaryStorage

/// The sections that tell which components a segment has: its own numbers (local, dense, most frequent first)
/// to components, back, and to tokens where the index has a vocabulary.
enum ComponentSections {
    /// Lookup is an array by component when that is at most this many times larger than the components
    /// themselves.
    private static let directFactor = 4
    /// Codecs of the lookup section.
    static let directCodec: UInt16 = 1
    static let sortedCodec: UInt16 = 2

    static func write(_ componentOf: [UInt32], context: BuildContext, to file: ContainerWriter)
        throws(GranaryError)
    {
        try file.write(.components, componentOf)
        let largest = Int(componentOf.max() ?? 0)
        if largest < directFactor * componentOf.count + 1024 {
            var local = [UInt32](repeating: .max, count: componentOf.isEmpty ? 0 : largest + 1)
            for (number, component) in componentOf.enumerated() { local[Int(component)] = UInt32(number) }
            try file.write(.componentLookup, local, codec: directCodec)
        } else {
            let order = componentOf.indices.sorted { componentOf[$0] < componentOf[$1] }
            try file.write(
                .componentLookup, order.map { componentOf[$0] } + order.map { UInt32($0) }, codec: sortedCodec
            )
        }
        if context.hasVocabulary() { try writeTokens(componentOf, context: context, to: file) }
    }

    private static func writeTokens(
        _ componentOf: [UInt32], context: BuildContext, to file: ContainerWriter
    ) throws(GranaryError) {
        var starts: [UInt32] = [0]
        var tokens: [[UInt8]] = []
        var bytes = 0
        try file.beginSection(.tokens)
        for component in componentOf {
            let token = Array((context.token(component) ?? String(component)).utf8)
            try file.append(token)
            tokens.append(token)
            bytes += token.count
            guard let start = UInt32(exactly: bytes) else {
                throw GranaryError(.tooLarge, "expected a segment of less than 4 GiB of tokens")
            }
            starts.append(start)
        }
        try file.endSection(elements: UInt64(tokens.count))
        try file.write(.tokenStarts, starts)
        let order = tokens.indices.sorted { tokens[$0].lexicographicallyPrecedes(tokens[$1]) }
        try file.write(.tokenOrder, order.map { UInt32($0) })
    }
}

/// The components of a segment, mapped.
struct ComponentNames: Sendable {
    let count: Int
    private let components: Section
    private let lookup: Section
    private let tokens: (bytes: Section, starts: Section, order: Section)?

    init(_ file: Container, count: Int) throws(GranaryError) {
        self.count = count
        components = try file.section(.components, words: count)
        lookup = try file.section(.componentLookup)
        let sorted = lookup.codec == ComponentSections.sortedCodec
        guard sorted || lookup.codec == ComponentSections.directCodec, lookup.count % 4 == 0,
            !sorted || lookup.count == 8 * count
        else {
            throw GranaryError(
                .corrupt,
                "expected a lookup of codec 1 or 2 for \(count) components, found codec \(lookup.codec) and \(lookup.count) bytes",
                path: file.path, section: SectionID.componentLookup.name)
        }
        if let bytes = file.sectionIfPresent(.tokens) {
            tokens = (
                bytes, try file.section(.tokenStarts, words: count + 1),
                try file.section(.tokenOrder, words: count)
            )
        } else {
            tokens = nil
        }
    }

    /// Whether components have tokens.
    var hasTokens: Bool { tokens != nil }

    /// The component of a local number.
    func component(_ local: UInt32) -> UInt32? {
        let words = Kernels.words(components.bytes)
        return Int(local) < words.count ? words[Int(local)] : nil
    }

    /// The local number of a component, if the segment has it. Complexity: O(1), or O(log n) for scattered
    /// components.
    func local(of component: UInt32) -> UInt32? {
        let words = Kernels.words(lookup.bytes)
        let found: UInt32
        if lookup.codec == ComponentSections.directCodec {
            guard Int(component) < words.count else { return nil }
            found = words[Int(component)]
        } else {
            var (low, high) = (0, count)
            while low < high {
                let middle = (low + high) / 2
                if words[middle] < component { low = middle + 1 } else { high = middle }
            }
            guard low < count, words[low] == component else { return nil }
            found = words[count + low]
        }
        return Int(found) < count ? found : nil
    }

    /// A component that leads to the local number of another one; nil in a sound table. Searches take what an
    /// array says as it is.
    func misledComponent() -> UInt32? {
        // The scattered ones are as many as the components, each of which is found.
        guard lookup.codec == ComponentSections.directCodec else { return nil }
        let words = Kernels.words(lookup.bytes)
        for component in words.indices where words[component] < count {
            guard self.component(words[component]) == UInt32(component) else { return UInt32(component) }
        }
        return nil
    }

    /// Those of some components that the segment has: local number × 2^32 + position, ascending.
    func locals(of wanted: [UInt32]) -> [UInt64] {
        var found: [UInt64] = []
        found.reserveCapacity(wanted.count)
        let words = Kernels.words(lookup.bytes)
        let isDirect = lookup.codec == ComponentSections.directCodec
        for position in wanted.indices {
            let component = wanted[position]
            let local: UInt32
            if isDirect {
                guard Int(component) < words.count, words[Int(component)] < count else { continue }
                local = words[Int(component)]
            } else {
                guard let searched = self.local(of: component) else { continue }
                local = searched
            }
            found.append(UInt64(local) << 32 | UInt64(position))
        }
        found.sort()
        return found
    }

    /// The bytes of a local number's token.
    private func tokenBytes(_ local: UInt32) -> [UInt8]? {
        guard let tokens else { return nil }
        let starts = Kernels.words(tokens.starts.bytes)
        guard Int(local) + 1 < starts.count else { return nil }
        let (from, to) = (Int(starts[Int(local)]), Int(starts[Int(local) + 1]))
        guard from <= to, to <= tokens.bytes.count else { return nil }
        let span = tokens.bytes.bytes
        return (from..<to).compactMap { span.byte(at: $0) }
    }

    /// The token of a local number; nil without a vocabulary or for damaged bytes.
    func token(_ local: UInt32) -> String? {
        tokenBytes(local).flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// Whether the token of a local number stands before some bytes; nil for a damaged table.
    private func precedes(_ local: UInt32, _ wanted: [UInt8]) -> Bool? {
        guard let tokens else { return nil }
        let starts = Kernels.words(tokens.starts.bytes)
        guard Int(local) + 1 < starts.count else { return nil }
        let (from, to) = (Int(starts[Int(local)]), Int(starts[Int(local) + 1]))
        guard from <= to, to <= tokens.bytes.count else { return nil }
        let span = tokens.bytes.bytes
        for (position, byte) in wanted.enumerated() {
            guard from + position < to, let own = span.byte(at: from + position) else { return true }
            if own != byte { return own < byte }
        }
        return false
    }

    /// The local number of a token. Complexity: O(log n).
    func local(ofToken token: String) -> UInt32? {
        guard let tokens else { return nil }
        let order = Kernels.words(tokens.order.bytes)
        let wanted = Array(token.utf8)
        var (low, high) = (0, order.count)
        while low < high {
            let middle = (low + high) / 2
            guard let isBefore = precedes(order[middle], wanted) else { return nil }
            if isBefore { low = middle + 1 } else { high = middle }
        }
        guard low < order.count, tokenBytes(order[low]) == wanted else { return nil }
        return order[low]
    }
}
