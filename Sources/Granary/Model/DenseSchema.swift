import GranaryStorage

/// How the values of verification vectors are stored. Scores are those of the stored values.
public enum DenseElement: UInt8, Sendable, CaseIterable {
    /// IEEE 754 single precision, as given: 4 bytes a value.
    case float32 = 1
    /// IEEE 754 half precision, rounded to nearest even: 2 bytes a value.
    case float16 = 2
    /// The upper half of a float32, rounded to nearest even: 2 bytes a value.
    case bfloat16 = 3
    /// 8 bits, with one scale (largest absolute value / 127) a vector: 1 byte a value and 4 a vector.
    case int8 = 4

    /// Bytes of one value.
    public var bytes: Int {
        switch self {
        case .float32: 4
        case .float16, .bfloat16: 2
        case .int8: 1
        }
    }
}

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

    /// - Throws: `invalidArgument` for dimensions out of range.
    func validate() throws(GranaryError) {
        guard (1...Self.largestDimensions).contains(dimensions) else {
            throw GranaryError(
                .invalidArgument, "expected 1...\(Self.largestDimensions) dimensions, found \(dimensions)")
        }
    }
}
