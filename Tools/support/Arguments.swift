public import ArgumentParser
public import Granary

extension SparseVector.Duplicates: ExpressibleByArgument {}

extension ReadMethod: ExpressibleByArgument {}

extension WeightType: ExpressibleByArgument {
    /// The type of a name: `float16`, `float32`, `uint8`.
    public init?(argument: String) {
        guard let type = Self.allCases.first(where: { "\($0)" == argument }) else { return nil }
        self = type
    }
    /// The names.
    public static var allValueStrings: [String] { allCases.map { "\($0)" } }
    /// The name.
    public var defaultValueDescription: String { "\(self)" }
}

extension PayloadCompression: ExpressibleByArgument {
    /// The compression of a name: `zstd`, `lz4`, `none`.
    public init?(argument: String) {
        guard let compression = Self.allCases.first(where: { "\($0)" == argument }) else { return nil }
        self = compression
    }
    /// The names.
    public static var allValueStrings: [String] { allCases.map { "\($0)" } }
    /// The name.
    public var defaultValueDescription: String { "\(self)" }
}

extension VectorFormat: ExpressibleByArgument {}

extension VectorWeights: ExpressibleByArgument {}

extension DenseElement: ExpressibleByArgument {
    /// The type of a name: `float32`, `float16`, `bfloat16`, `int8`.
    public init?(argument: String) {
        guard let element = Self.allCases.first(where: { "\($0)" == argument }) else { return nil }
        self = element
    }
    /// The names.
    public static var allValueStrings: [String] { allCases.map { "\($0)" } }
    /// The name.
    public var defaultValueDescription: String { "\(self)" }
}

extension DenseMetric: ExpressibleByArgument {
    /// The metric of a name: `ip`, `cosine`, `l2`.
    public init?(argument: String) {
        guard let metric = Self.allCases.first(where: { $0.argument == argument }) else { return nil }
        self = metric
    }
    /// The names.
    public static var allValueStrings: [String] { allCases.map(\.argument) }
    /// The name.
    public var defaultValueDescription: String { argument }

    private var argument: String {
        switch self {
        case .innerProduct: "ip"
        case .cosine: "cosine"
        case .euclidean: "l2"
        }
    }
}

extension Field: ExpressibleByArgument {
    /// A field as `NAME:KIND` or `NAME:KIND:PATH`.
    public init?(argument: String) {
        let parts = argument.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, let kind = Kind.allCases.first(where: { "\($0)" == parts[1] }) else {
            return nil
        }
        self.init(String(parts[0]), kind, path: parts.count == 3 ? String(parts[2]) : nil)
    }
}
