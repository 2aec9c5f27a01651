/// A sparse vector: components (or tokens) with positive weights, in ascending order, each at most once.
///
/// Components are numbers of the caller's vocabulary; tokens are its words, which an index turns into
/// components. One vector uses one of the two. Source: the output of a learned sparse encoder such as SPLADE.
public struct SparseVector: Sendable, Hashable {
    /// What to do with a component that appears twice in one vector.
    public enum Duplicates: String, Sendable, CaseIterable {
        /// An error, `duplicateComponent`.
        case reject
        /// The larger weight counts.
        case max
        /// The weights are added.
        case sum
    }

    /// The entries, in ascending order of component, or of token (by its UTF-8 bytes).
    public enum Entries: Sendable, Hashable {
        /// Component numbers and, position by position, their weights.
        case components([UInt32], [Float])
        /// Tokens and, position by position, their weights.
        case tokens([String], [Float])
    }

    /// The largest weight that can be stored: the largest finite float16.
    public static let maximumWeight: Float = 65504

    /// The entries: sorted, unique, without zeros.
    public let entries: Entries

    /// The number of non-zero entries (nnz).
    public var count: Int {
        switch entries {
        case .components(let components, _): components.count
        case .tokens(let tokens, _): tokens.count
        }
    }

    /// Makes a vector of numbered components, in any order. Zero weights are dropped.
    ///
    /// - Throws: `invalidWeight` for a weight that is not in 0...65504, `duplicateComponent`,
    ///   `invalidArgument` when the two arrays differ in length. Complexity: O(n log n), O(n) when already in
    ///   order.
    public init(
        components: [UInt32], weights: [Float], duplicates: Duplicates = .reject
    ) throws(GranaryError) {
        let (keys, values) = try Self.normalised(components, weights, duplicates, before: <)
        entries = .components(keys, values)
    }

    /// Makes a vector of tokens, in any order. Zero weights are dropped.
    ///
    /// - Throws: as `init(components:weights:duplicates:)`.
    public init(tokens: [(String, Float)], duplicates: Duplicates = .reject) throws(GranaryError) {
        let (keys, values) = try Self.normalised(
            tokens.map(\.0), tokens.map(\.1), duplicates,
            before: { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        entries = .tokens(keys, values)
    }

    /// Makes a vector of tokens.
    ///
    /// - Throws: `invalidWeight` for a weight that is not in 0...65504.
    public init(_ tokens: [String: Float]) throws(GranaryError) {
        try self.init(tokens: tokens.map { ($0.key, $0.value) })
    }

    /// A vector whose entries are known to be in order, unique and valid.
    init(sortedComponents components: [UInt32], weights: [Float]) {
        entries = .components(components, weights)
    }

    /// A vector whose tokens are known to be unique and whose weights are valid.
    init(storedTokens tokens: [(String, Float)]) {
        let sorted = tokens.sorted { $0.0.utf8.lexicographicallyPrecedes($1.0.utf8) }
        entries = .tokens(sorted.map(\.0), sorted.map(\.1))
    }

    /// Checks weights, sorts by key, settles duplicates and drops zeros.
    ///
    /// Keys are equal when neither stands before the other: tokens differ when their bytes do, whereas `==`
    /// of strings takes two forms of one letter for the same.
    private static func normalised<Key>(
        _ keys: [Key], _ weights: [Float], _ duplicates: Duplicates, before: (Key, Key) -> Bool
    ) throws(GranaryError) -> ([Key], [Float]) {
        guard keys.count == weights.count else {
            throw GranaryError(
                .invalidArgument,
                "expected as many weights as components, found \(weights.count) for \(keys.count)")
        }
        var sorted = true
        for position in keys.indices {
            let weight = weights[position]
            guard weight >= 0, weight <= maximumWeight else {
                throw GranaryError(
                    .invalidWeight,
                    "expected a weight from 0 to 65504, found \(weight) for component \(keys[position])")
            }
            if weight == 0 || (position > 0 && !before(keys[position - 1], keys[position])) { sorted = false }
        }
        if sorted { return (keys, weights) }
        let order = keys.indices.sorted {
            before(keys[$0], keys[$1]) || (!before(keys[$1], keys[$0]) && $0 < $1)
        }
        var outKeys: [Key] = []
        var outWeights: [Float] = []
        outKeys.reserveCapacity(keys.count)
        outWeights.reserveCapacity(keys.count)
        for position in order {
            let (key, weight) = (keys[position], weights[position])
            guard let last = outKeys.last, !before(last, key) else {
                outKeys.append(key)
                outWeights.append(weight)
                continue
            }
            switch duplicates {
            case .reject:
                throw GranaryError(.duplicateComponent, "expected each component once, found \(key) again")
            case .max: outWeights[outWeights.count - 1] = Swift.max(outWeights[outWeights.count - 1], weight)
            case .sum: outWeights[outWeights.count - 1] += weight
            }
        }
        if let sum = outWeights.first(where: { $0 > maximumWeight }) {
            throw GranaryError(.invalidWeight, "expected a sum of duplicates up to 65504, found \(sum)")
        }
        let kept = outWeights.indices.filter { outWeights[$0] > 0 }
        return (kept.map { outKeys[$0] }, kept.map { outWeights[$0] })
    }
}
