import GranaryStorage
import Synchronization

/// The tokens of an index and their components, as its writer knows them: those of all segments, and new ones
/// in order of appearance. Shared with the building threads, which ask for tokens while the writer waits.
final class Vocabulary: Sendable {
    /// A token by its bytes: `==` of strings takes two forms of one letter for the same.
    private struct Token: Hashable {
        let string: String

        static func == (left: Token, right: Token) -> Bool {
            left.string.utf8.elementsEqual(right.string.utf8)
        }

        // Equal bytes make equal strings, so their hash will do.
        func hash(into hasher: inout Hasher) { hasher.combine(string) }
    }

    private struct State {
        private var componentOf: [Token: UInt32] = [:]
        private(set) var tokenOf: [UInt32: String] = [:]
        /// Above every component that has a token; `UInt64` because the largest component has one above it.
        var next: UInt64 = 0

        func component(of token: String) -> UInt32? { componentOf[Token(string: token)] }

        /// Names a component; false, and nothing changes, where one of the two goes with another already.
        mutating func name(_ component: UInt32, _ token: String) -> Bool {
            if let known = tokenOf[component] { return known.utf8.elementsEqual(token.utf8) }
            guard self.component(of: token) == nil else { return false }
            componentOf[Token(string: token)] = component
            tokenOf[component] = token
            next = max(next, UInt64(component) + 1)
            return true
        }

        /// Learns the tokens of a segment.
        ///
        /// - Returns: the first local component whose name contradicts those known; nil when none does.
        /// - Throws: `corrupt` for components that have no token.
        mutating func learn(_ segment: SegmentReader) throws(GranaryError) -> UInt32? {
            for local in 0..<segment.facts.components {
                guard let component = segment.names.component(local), let token = segment.names.token(local)
                else { throw segment.malformed(.tokens, at: Int(local)) }
                if !name(component, token) { return local }
            }
            return nil
        }
    }
    /// Whether documents have named components; nil until the first document decides.
    private let named: Mutex<Bool?>
    private let state: Mutex<State>

    /// - Parameter tokens: names of the components 0, 1, … for an index that has none yet.
    /// - Throws: `invalidArgument` when the index already numbers its components or names them differently;
    ///   `corrupt` for segments that contradict each other, which no writer makes.
    init(segments: [SegmentReader] = [], tokens: [String]? = nil) throws(GranaryError) {
        named = Mutex(nil)
        state = Mutex(State())
        try learn(segments, contradiction: .corrupt)
        guard let tokens else { return }
        guard named.withLock({ $0 }) != false else {
            throw GranaryError(.invalidArgument, "expected no vocabulary: this index numbers its components")
        }
        named.withLock { $0 = true }
        try state.withLock { (state) throws(GranaryError) in
            for (position, token) in tokens.enumerated() {
                guard let component = UInt32(exactly: position), state.name(component, token) else {
                    throw GranaryError(
                        .invalidArgument,
                        "expected the vocabulary of this index, found \"\(token)\" for component \(position)",
                        line: UInt64(position) + 1)
                }
            }
        }
    }

    /// Learns the tokens of some segments.
    ///
    /// - Parameter contradiction: what to throw when they contradict those known, or each other: of another
    ///   index's `invalidArgument`, of the same index's `corrupt`. Nothing is learnt then.
    func learn(
        _ segments: [SegmentReader], contradiction: GranaryError.Code = .invalidArgument
    ) throws(GranaryError) {
        var decided = named.withLock { $0 }
        var learnt = state.withLock { $0 }
        for segment in segments where segment.facts.components > 0 {
            let isNamed = segment.names.hasTokens
            guard decided ?? isNamed == isNamed else {
                throw GranaryError(
                    contradiction,
                    isNamed
                        ? "expected components without names, as here, found a vocabulary"
                        : "expected named components, as here, found numbers",
                    path: segment.blocks.path, section: SectionID.tokens.name)
            }
            decided = isNamed
            guard isNamed, let local = try learnt.learn(segment) else { continue }
            let (component, token) = (segment.names.component(local), segment.names.token(local))
            throw GranaryError(
                contradiction,
                "expected the vocabulary of this index, found \"\(token ?? "")\" for component "
                    + "\(component ?? 0)", path: segment.blocks.path, section: SectionID.tokens.name)
        }
        named.withLock { $0 = decided }
        state.withLock { $0 = learnt }
    }

    /// Whether components have tokens.
    var hasTokens: Bool { named.withLock { $0 == true } }

    /// The token of a component.
    func token(_ component: UInt32) -> String? { state.withLock { $0.tokenOf[component] } }

    /// A document's vector by ascending component; new tokens get components.
    ///
    /// - Throws: `invalidArgument` when the index names its components and the vector does not, or the other
    ///   way round.
    func resolve(_ vector: SparseVector) throws(GranaryError) -> ([UInt32], [Float]) {
        switch vector.entries {
        case .components(let components, let weights):
            if components.isEmpty { return ([], []) }
            let isNamed = named.withLock {
                $0 = $0 ?? false; return $0 == true
            }
            if isNamed {
                let unknown = state.withLock { state in components.first { state.tokenOf[$0] == nil } }
                if let unknown {
                    throw GranaryError(
                        .invalidArgument, "expected a component of the vocabulary, found \(unknown)")
                }
            }
            return (components, weights)
        case .tokens(let tokens, let weights):
            if tokens.isEmpty { return ([], []) }
            let isNamed = named.withLock {
                $0 = $0 ?? true; return $0 == true
            }
            guard isNamed else { return try Self.decimal(tokens, weights) }
            let components = try state.withLock { (state) throws(GranaryError) in
                var components: [UInt32] = []
                components.reserveCapacity(tokens.count)
                for token in tokens {
                    let known = state.component(of: token)
                    guard let component = known ?? UInt32(exactly: state.next) else {
                        throw GranaryError(
                            .tooLarge, "expected up to 4294967296 tokens, found \"\(token)\" beyond")
                    }
                    if known == nil { _ = state.name(component, token) }
                    components.append(component)
                }
                return components
            }
            return Self.sorted(components, weights)
        }
    }

    /// Tokens of an index without a vocabulary: components in decimal.
    private static func decimal(_ tokens: [String], _ weights: [Float]) throws(GranaryError) -> (
        [UInt32], [Float]
    ) {
        var components: [UInt32] = []
        for token in tokens {
            guard let component = UInt32(token) else {
                throw GranaryError(
                    .invalidArgument,
                    "expected a component in decimal (this index has no vocabulary), found \"\(token)\"")
            }
            components.append(component)
        }
        guard Set(components).count == components.count else {
            throw GranaryError(
                .duplicateComponent, "expected each component once, found two spellings of one")
        }
        return sorted(components, weights)
    }

    private static func sorted(_ components: [UInt32], _ weights: [Float]) -> ([UInt32], [Float]) {
        let order = components.indices.sorted { components[$0] < components[$1] }
        return (order.map { components[$0] }, order.map { weights[$0] })
    }
}
