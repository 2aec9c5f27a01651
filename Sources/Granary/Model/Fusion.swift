/// How the scores of the two halves of a document become one. A half that a candidate lacks, in the document or
/// in the query, adds nothing; one that it has is always computed exactly, never guessed.
public enum Fusion: Sendable, Equatable {
    /// The dense score alone: the sparse half finds, the dense half decides. Candidates without a dense vector
    /// come behind all others, by their sparse score.
    case dense
    /// Σ weight × score.
    case linear(sparse: Float, dense: Float)
    /// Σ weight / (k + rank), ranks from 1 among the candidates (Cormack, Clarke, Büttcher, SIGIR 2009).
    case reciprocalRank(k: Float, sparse: Float, dense: Float)
    /// Σ weight × (score − smallest) / (largest − smallest), over the candidates.
    case normalized(sparse: Float, dense: Float)
}
