public import Granary

/// The answers that an index must give, computed from the stored weights without any of its code.
public struct BruteForce: Sendable {
    /// Live documents in order of insertion.
    private let documents: [(id: DocumentKey, weights: [UInt32: Float])]

    /// - Parameter documents: with their weights as stored, in order of insertion.
    public init(_ documents: [Document]) {
        self.documents = documents.map { ($0.id, $0.sparse.weightOfComponent) }
    }

    /// What a snapshot stores, in order of insertion.
    public init(stored snapshot: Snapshot) throws(GranaryError) {
        var documents: [Document] = []
        try snapshot.forEachDocument { documents.append($0) }
        self.init(documents)
    }

    /// The best k by the definition of a score: products and sums in float32, in ascending order of
    /// component.
    public func search(_ query: SparseVector, k: Int) -> [Hit] {
        let asked = query.weightOfComponent.sorted { $0.key < $1.key }
        var scored: [(order: Int, hit: Hit)] = []
        for (order, document) in documents.enumerated() {
            var sum: Float = 0
            for (component, weight) in asked { sum += weight * (document.weights[component] ?? 0) }
            if sum > 0 { scored.append((order, Hit(id: document.id, score: sum))) }
        }
        scored.sort { $0.hit.score != $1.hit.score ? $0.hit.score > $1.hit.score : $0.order < $1.order }
        return scored.prefix(k).map(\.hit)
    }

    /// The best k scores in float64.
    public func scores(_ query: SparseVector, k: Int) -> [Double] {
        let asked = query.weightOfComponent
        let scores = documents.map { document in
            asked.reduce(0.0) { $0 + Double($1.value) * Double(document.weights[$1.key] ?? 0) }
        }
        return Array(scores.filter { $0 > 0 }.sorted(by: >).prefix(k))
    }

    /// The share of the true best k that some hits reach, ties included.
    public func recall(_ hits: [Hit], _ query: SparseVector, k: Int) -> Double {
        let truth = search(query, k: k)
        guard let least = truth.last?.score else { return 1 }
        return Double(hits.count { $0.score >= least }) / Double(truth.count)
    }
}

extension Float {
    /// What the schema promises to store of a weight, for the types that round each weight by itself; 0
    /// when it is too small to be stored.
    public func stored(as type: WeightType) -> Float { type == .float16 ? Float(Float16(self)) : self }
}
