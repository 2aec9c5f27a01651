import GranaryStorage

/// What makes two verification vectors alike. Larger scores are better, whatever the metric.
public enum DenseMetric: UInt8, Sendable, CaseIterable {
    /// Σ query × document.
    case innerProduct = 1
    /// The inner product of the vectors scaled to unit length. Documents' vectors are stored so.
    case cosine = 2
    /// The Euclidean distance, negated.
    case euclidean = 3
}

/// The verification vectors of an index.
public struct DenseSchema: Sendable, Equatable {
    /// Values of each vector.
    public var dimensions: Int
    /// How values are stored.
    public var element: DenseElement
    /// What makes two vectors alike.
    public var metric: DenseMetric

    /// The largest number of dimensions.
    public static let largestDimensions = 8192

    /// Makes a schema.
    ///
    /// - Parameter dimensions: 1 to 8192.
    public init(
        dimensions: Int, element: DenseElement = .float16, metric: DenseMetric = .innerProduct
    ) {
        self.dimensions = dimensions
        self.element = element
        self.metric = metric
    }

    /// For messages: `384 float16, innerProduct`, or `none`.
    static func text(_ schema: DenseSchema?) -> String {
        schema.map { "\($0.dimensions) \($0.element), \($0.metric)" } ?? "none"
    }

    /// - Throws: `invalidArgument` for dimensions out of range.
    func validate() throws(GranaryError) {
        guard (1...Self.largestDimensions).contains(dimensions) else {
            throw GranaryError(
                .invalidArgument, "expected 1...\(Self.largestDimensions) dimensions, found \(dimensions)")
        }
    }
}
