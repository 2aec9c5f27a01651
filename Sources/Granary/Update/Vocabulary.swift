import GranaryStorage
import Synchronization

/// The tokens of an index and their components, as its writer knows them: those of all segments, and new ones
/// in order of appearance. Shared with the building threads, which ask for tokens while the writer waits.
final class Vocabulary: Sendable {
    private struct State {
        var componentOf: [String: UInt32] = [:]
        var tokenOf: [UInt32: String] = [:]
        var next: UInt32 = 0
    }
    /// Whether documents have named components; nil until the first document decides.
    private let named: Mutex<Bool?>
    private let state: Mutex<State>

    /// - Parameter tokens: names of the components 0, 1, … for an index that has none yet.
    /// - Throws: `invalidArgument` when the index already numbers its components or names them differently.
    init(segments: [SegmentReader], tokens: [String]?) throws(GranaryError) {
        var state = State()
        var named: Bool?
        for segment in segments where segment.facts.components > 0 {
            named = segment.names.hasTokens
            guard segment.names.hasTokens else { continue }
            for local in 0..<segment.facts.components {
                guard let component = segment.names.component(local), let token = segment.names.token(local)
                else {
                    throw segment.malformed(.tokens, at: Int(local))
                }
                state.componentOf[token] = component
                state.tokenOf[component] = token
                state.next = max(state.next, component &+ 1)
            }
        }
        if let tokens {
            guard named != false else {
                throw GranaryError(
                    .invalidArgument, "expected no vocabulary: this index numbers its components")
            }
            named = true
            for (component, token) in tokens.enumerated() {
                guard state.tokenOf[UInt32(component)] ?? token == token,
                    state.componentOf[token] ?? UInt32(component) == component
                else {
                    throw GranaryError(
                        .invalidArgument,
                        "expected the vocabulary of this index, found \"\(token)\" for component \(component)",
                        line: UInt64(component) + 1)
                }
                state.componentOf[token] = UInt32(component)
                state.tokenOf[UInt32(component)] = token
            }
            state.next = max(state.next, UInt32(tokens.count))
        }
        self.named = Mutex(named)
        self.state = Mutex(state)
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
            let components = state.withLock { state in
                tokens.map { token in
                    if let known = state.componentOf[token] { return known }
                    let new = state.next
                    state.next += 1
                    state.componentOf[token] = new
                    state.tokenOf[new] = token
                    return new
                }
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
