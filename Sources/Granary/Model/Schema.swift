/// How the weights of forward rows are stored. The scores that a search returns are those of the stored
/// weights.
public enum WeightType: UInt8, Sendable, CaseIterable {
    /// IEEE 754 half precision, rounded to nearest even: 2 bytes a weight.
    case float16 = 1
    /// IEEE 754 single precision, as given: 5 bytes a weight (4 and the code that search reads).
    case float32 = 2
    /// 8 bits with one step per component, set when the index gets its first documents: 1 byte a weight.
    case uint8 = 3
}

/// How blocks of payloads are compressed.
public enum PayloadCompression: UInt8, Sendable, CaseIterable {
    /// Stored as they are.
    case none = 0
    /// Zstandard (RFC 8878), level 3.
    case zstd = 1
    /// LZ4 block format: larger, faster to read.
    case lz4 = 2
}

/// What is fixed for the life of an index.
public struct Schema: Sendable, Equatable {
    /// How weights are stored.
    public var weights: WeightType
    /// How payloads are compressed.
    public var payloadCompression: PayloadCompression
    /// The verification vectors; nil in an index of sparse vectors only.
    public var dense: DenseSchema?
    /// What filters can ask for, up to 64.
    public var fields: [Field]

    /// Makes a schema.
    public init(
        weights: WeightType = .float16, payloadCompression: PayloadCompression = .zstd,
        dense: DenseSchema? = nil, fields: [Field] = []
    ) {
        self.weights = weights
        self.payloadCompression = payloadCompression
        self.dense = dense
        self.fields = fields
    }
}
