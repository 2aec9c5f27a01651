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

    /// The element of a name, exactly as `name` gives it; nil for any other.
    public init?(name: String) {
        guard let element = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = element
    }

    /// Its name on command lines and in reports: `float32`, `float16`, `bfloat16`, `int8`.
    public var name: String {
        switch self {
        case .float32: "float32"
        case .float16: "float16"
        case .bfloat16: "bfloat16"
        case .int8: "int8"
        }
    }

    /// Bytes of one value.
    public var bytes: Int {
        switch self {
        case .float32: 4
        case .float16, .bfloat16: 2
        case .int8: 1
        }
    }
}
