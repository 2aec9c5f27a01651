public import Granary

extension DenseMetric {
    /// The score of a stored vector by its definition, in float64. Of `cosine`, whose vectors are stored
    /// normalized, the query alone is divided by its length.
    public func definition(of stored: [Float], for query: [Float]) -> Double {
        let dot = zip(stored, query).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        switch self {
        case .innerProduct: return dot
        case .cosine: return dot / query.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        case .euclidean:
            return -zip(stored, query).reduce(0.0) {
                $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1))
            }.squareRoot()
        }
    }
}
