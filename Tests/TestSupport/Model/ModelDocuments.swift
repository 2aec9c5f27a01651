import Granary

/// The documents of random programs: each id has ten versions, and all follow from the two numbers.
package struct ModelDocuments: Sendable {
    package static let idCount = 40
    package static let versionCount = 10
    private static let componentCount = 12
    /// Names of all components, in their order.
    static let vocabulary = (0...componentCount).map { "word\($0)" }

    /// How components are named, and what weights they have.
    package enum Names: Sendable, CaseIterable {
        case numbers
        /// Tokens that get components in order of appearance.
        case tokens
        /// Tokens whose components are given beforehand.
        case vocabulary
        /// Numbers, and all weights of a component the same: 8 bits store them as they are.
        case constants
    }

    let names: Names
    /// As the writer gets them.
    private let given: [Document]
    /// With components, for brute force.
    private let numbered: [Document]

    private static let all = Dictionary(
        uniqueKeysWithValues: Names.allCases.map { names in (names, Result { try ModelDocuments(names) }) })

    /// Documents of one kind, made once.
    static func with(_ names: Names) throws -> ModelDocuments {
        guard let documents = all[names] else { throw ModelFailure("no documents of \(names)") }
        return try documents.get()
    }

    private init(_ names: Names) throws(GranaryError) {
        self.names = names
        var (given, numbered): ([Document], [Document]) = ([], [])
        for id in 0..<Self.idCount {
            for version in 0..<Self.versionCount {
                let pairs = Self.entries(id, version, names)
                let payload = Self.payload(id, version)
                let key = Self.key(id)
                numbered.append(Document(id: key, sparse: try Self.vector(pairs, .numbers), payload: payload))
                given.append(Document(id: key, sparse: try Self.vector(pairs, names), payload: payload))
            }
        }
        (self.given, self.numbered) = (given, numbered)
        queries = try (0...Self.lastQuery).map { (number) throws(GranaryError) in
            let pairs = Self.query(number, names)
            return Question(
                given: try Self.vector(pairs, names), numbered: try Self.vector(pairs, .numbers))
        }
    }

    func document(_ id: Int, _ version: Int) -> Document { given[id * Self.versionCount + version] }
    func numbered(_ id: Int, _ version: Int) -> Document { numbered[id * Self.versionCount + version] }

    static func key(_ id: Int) -> DocumentKey { id % 3 == 0 ? .number(UInt64(id)) : .string("d\(id)") }

    static let keys = (0..<idCount).map(key)
    static let numberOfKey = Dictionary(uniqueKeysWithValues: keys.enumerated().map { ($1, $0) })

    /// A query as it is given and with components.
    struct Question: Sendable {
        let given: SparseVector
        let numbered: SparseVector
    }

    package static let lastQuery = 30
    private let queries: [Question]

    func query(_ number: Int) -> Question { queries[number % queries.count] }

    /// The first is of one component, others have up to six, one of which no document may have.
    private static func query(_ number: Int, _ names: Names) -> [Int: Float] {
        var random = TestRandom(seed: 7000 + UInt64(number))
        var pairs: [Int: Float] = [0: 1]
        if number > 0 {
            for _ in 0..<random.int(1...6) { pairs[random.int(0...componentCount)] = weight(&random, names) }
        }
        return pairs
    }

    /// Version 0 has one entry. Even versions have weights of 1 only, so that ties are frequent; every
    /// ninth document is empty.
    private static func entries(_ id: Int, _ version: Int, _ names: Names) -> [Int: Float] {
        var random = TestRandom(seed: UInt64(id * versionCount + version))
        var pairs: [Int: Float] = version == 0 ? [0: 1] : [:]
        if version > 0, random.int(0...8) > 0 {
            for _ in 0..<random.int(1...6) {
                let component = random.int(0...componentCount - 1)
                pairs[component] = version % 2 == 0 ? 1 : weight(&random, names)
            }
        }
        guard names == .constants else { return pairs }
        // The largest code times a step that is a power of two.
        return Dictionary(
            uniqueKeysWithValues: pairs.keys.map { ($0, 255 / Float(1 << (6 + $0 % 4))) })
    }

    /// A weight that every type but `uint8` stores as it is. Tokens get components in an order that the
    /// model does not follow, so sums of their products are exact.
    private static func weight(_ random: inout TestRandom, _ names: Names) -> Float {
        switch names {
        case .numbers, .constants: Float(Float16(random.float(0.01...4)))
        case .tokens, .vocabulary: Float(random.int(1...32)) / 8
        }
    }

    private static func payload(_ id: Int, _ version: Int) -> [UInt8]? {
        version % 3 == 0 ? nil : Array("\(id) \(version)".utf8)
    }

    private static func vector(
        _ pairs: [Int: Float], _ names: Names
    ) throws(GranaryError) -> SparseVector {
        switch names {
        case .numbers, .constants:
            // Far apart, so that a component is not its own position; the last ones are too large for tables.
            let sorted = pairs.sorted { $0.key < $1.key }
            let components = sorted.map { $0.key < 9 ? UInt32($0.key) * 13 : UInt32($0.key) * 300_000_007 }
            return try SparseVector(components: components, weights: sorted.map(\.value))
        case .tokens, .vocabulary: return try SparseVector(tokens: pairs.map { ("word\($0.key)", $0.value) })
        }
    }
}
