/// How the numbers in Anserini's JSON vectors are meant. Anserini itself cuts off what is behind the point.
public enum VectorWeights: String, Sendable, CaseIterable {
    /// Numbers with a fraction.
    case float
    /// Whole numbers; a fraction is an error.
    case int
}
