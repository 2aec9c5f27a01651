import GranaryStorage

/// A candidate with the scores of its halves, on the way to one score.
struct FusedCandidate {
    /// The document, and its sparse score.
    var entry: TopK.Entry
    /// nil when it has no dense vector.
    var dense: Float?
    /// What it is ranked by.
    var score: Float = 0
}

extension Fusion {
    /// Gives all candidates their score and returns the best k, best first, ties by insertion.
    ///
    /// - Parameter candidates: by descending sparse score.
    /// - Throws: `invalidArgument` for weights so large that a score is infinite, or no number.
    func best(_ k: Int, of candidates: [FusedCandidate]) throws(GranaryError) -> [FusedCandidate] {
        var ranked = candidates
        switch self {
        case .dense:
            // What has no vector cannot be verified.
            ranked.removeAll { $0.dense == nil }
            for place in ranked.indices { ranked[place].score = ranked[place].dense ?? 0 }
        case .linear(let sparse, let dense):
            let missing = ranked.compactMap(\.dense).min() ?? 0
            for place in ranked.indices {
                ranked[place].score = Self.linear(
                    sparse, ranked[place].entry.score, dense, ranked[place].dense ?? missing)
            }
        case .reciprocalRank(let k, let sparse, let dense):
            for place in ranked.indices { ranked[place].score = sparse / (k + Float(place + 1)) }
            let order = ranked.indices.filter { ranked[$0].dense != nil }.sorted { left, right in
                let (a, b) = (ranked[left].dense ?? 0, ranked[right].dense ?? 0)
                return a != b ? a > b : ranked[left].entry.sequence < ranked[right].entry.sequence
            }
            for (rank, place) in order.enumerated() { ranked[place].score += dense / (k + Float(rank + 1)) }
        case .normalized(let sparse, let dense):
            let sparseScale = Scale(ranked.map(\.entry.score))
            let denseScale = Scale(ranked.compactMap(\.dense))
            for place in ranked.indices {
                ranked[place].score = Self.linear(
                    sparse, sparseScale.normalized(ranked[place].entry.score), dense,
                    ranked[place].dense.map(denseScale.normalized) ?? 0)
            }
        }
        if let beyond = ranked.first(where: { !$0.score.isFinite }) {
            throw GranaryError(
                .invalidArgument, "expected weights that make finite scores, found \(beyond.score) by \(self)"
            )
        }
        var top = TopK(k)
        for (place, candidate) in ranked.enumerated() {
            top.push(
                TopK.Entry(
                    score: candidate.score, sequence: candidate.entry.sequence, segment: 0,
                    ordinal: UInt32(place)))
        }
        return top.sorted.map { ranked[Int($0.ordinal)] }
    }

    /// Two weighted scores, added in float32.
    static func linear(_ sparse: Float, _ sparseScore: Float, _ dense: Float, _ denseScore: Float) -> Float {
        sparse * sparseScore + dense * denseScore
    }

    /// Maps the scores of the candidates to 0...1.
    private struct Scale {
        private let smallest: Float
        private let width: Float

        init(_ scores: [Float]) {
            smallest = scores.min() ?? 0
            width = (scores.max() ?? 0) - smallest
        }

        func normalized(_ score: Float) -> Float { width > 0 ? (score - smallest) / width : 1 }
    }
}
