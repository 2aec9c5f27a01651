public import Granary

/// Documents and queries made up from a seed.
public struct Collection: Sendable {
    /// In order of insertion.
    public var documents: [Document]
    /// Queries that resemble documents but are none.
    public var queries: [SparseVector]

    /// Independent rows: components with frequencies that fall off, weights spread over four magnitudes.
    public static func random(
        documents: Int, components: Int, entries: ClosedRange<Int> = 0...40, queries: Int = 20,
        stride: UInt32 = 1,
        seed: UInt64
    ) throws(GranaryError) -> Collection {
        var random = TestRandom(seed: seed)
        func vector(_ count: Int) throws(GranaryError) -> SparseVector {
            var weights: [UInt32: Float] = [:]
            for _ in 0..<count {
                let u = random.float(0...1)
                let component = UInt32(min(components - 1, Int(Float(components) * u * u * u)))
                weights[component * stride] = 4 * random.float(0.01...1) * random.float(0.01...1)
            }
            let keys = weights.keys.sorted()
            return try SparseVector(components: keys, weights: keys.map { weights[$0] ?? 0 })
        }
        var made: [Document] = []
        for number in 0..<documents {
            let id: DocumentKey = number % 3 == 0 ? .number(UInt64(number)) : .string("d\(number)")
            let payload: [UInt8]? = number % 4 == 1 ? Array("text \(number)".utf8) : nil
            made.append(Document(id: id, sparse: try vector(random.int(entries)), payload: payload))
        }
        var asked: [SparseVector] = []
        for _ in 0..<queries { asked.append(try vector(random.int(1...20))) }
        return Collection(documents: made, queries: asked)
    }

    /// Rows with the structure that real encoders give: each topic has components of its own, each document
    /// mixes a topic, a subtopic and components that all share.
    public static func topics(
        documents: Int, topics: Int = 60, components: Int = 3000, queries: Int = 60, seed: UInt64
    ) throws(GranaryError) -> Collection {
        var random = TestRandom(seed: seed)
        let pools = (0..<topics).map { _ in (0..<60).map { _ in UInt32(random.int(0...components - 1)) } }
        func vector(_ entries: ClosedRange<Int>) throws(GranaryError) -> SparseVector {
            let topic = pools[random.int(0...topics - 1)]
            let focus = random.int(0...topic.count - 1)
            var weights: [UInt32: Float] = [:]
            for _ in 0..<random.int(entries) {
                let u = random.float(0...1)
                let own = topic[(focus + Int(u * u * Float(topic.count))) % topic.count]
                let shared = UInt32(Float(components) * u * u * u * 0.999)
                let isOwn = random.int(0...9) < 7
                let weight = (isOwn ? 2.5 : 0.8) * random.float(0.1...1)
                weights[isOwn ? own : shared] = weight
            }
            let keys = weights.keys.sorted()
            return try SparseVector(components: keys, weights: keys.map { weights[$0] ?? 0 })
        }
        var made: [Document] = []
        for number in 0..<documents {
            made.append(Document(id: .number(UInt64(number)), sparse: try vector(30...70)))
        }
        var asked: [SparseVector] = []
        for _ in 0..<queries { asked.append(try vector(15...35)) }
        return Collection(documents: made, queries: asked)
    }
}

extension SparseVector {
    /// The entries by component; empty for a vector of tokens.
    public var weightOfComponent: [UInt32: Float] {
        guard case .components(let components, let weights) = entries else { return [:] }
        return Dictionary(uniqueKeysWithValues: zip(components, weights))
    }

    /// The entries by token; empty for a vector of components.
    public var weightOfToken: [String: Float] {
        guard case .tokens(let tokens, let weights) = entries else { return [:] }
        return Dictionary(uniqueKeysWithValues: zip(tokens, weights))
    }
}
