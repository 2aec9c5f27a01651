import GranaryStorage

/// How the scores of the two halves of a candidate become one. Both are computed exactly from the vectors as
/// stored, never guessed.
public enum Fusion: Sendable, Equatable {
    /// The dense score alone: the sparse half finds, the dense half decides. Candidates without a dense
    /// vector are left out.
    case dense
    /// Σ weight × score. A candidate without a dense vector counts as the worst that has one.
    case linear(sparse: Float, dense: Float)
    /// Σ weight / (k + rank), ranks from 1 among the candidates (Cormack, Clarke, Büttcher, SIGIR 2009). A
    /// candidate without a dense vector has no rank there, and gets nothing for it.
    case reciprocalRank(k: Float, sparse: Float, dense: Float)
    /// Σ weight × (score − smallest) / (largest − smallest), over the candidates. A candidate without a dense
    /// vector counts as the worst that has one.
    case normalized(sparse: Float, dense: Float)

    /// - Throws: `invalidArgument` for weights that are no finite numbers, and a k below 0.
    func validate() throws(GranaryError) {
        let isSound =
            switch self {
            case .dense: true
            case .linear(let sparse, let dense), .normalized(let sparse, let dense):
                sparse.isFinite && dense.isFinite
            case .reciprocalRank(let k, let sparse, let dense):
                k.isFinite && k >= 0 && sparse.isFinite && dense.isFinite
            }
        guard isSound else {
            throw GranaryError(
                .invalidArgument, "expected finite weights and a k of at least 0, found \(self)")
        }
    }
}
