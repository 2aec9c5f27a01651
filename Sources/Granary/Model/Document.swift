/// The caller's name of a document: a string of 1 to 255 UTF-8 bytes, or a number. `"7"` and `7` are two
/// documents.
public enum DocumentKey: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    CustomStringConvertible
{
    /// A string of 1 to 255 UTF-8 bytes.
    case string(String)
    /// A number.
    case number(UInt64)

    /// A string key.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A numeric key.
    public init(integerLiteral value: UInt64) { self = .number(value) }

    /// The string itself, or the number in decimal.
    public var description: String {
        switch self {
        case .string(let string): string
        case .number(let number): String(number)
        }
    }
}

/// What an index stores under one key.
public struct Document: Sendable, Equatable {
    /// The caller's name of the document, unique in the index.
    public var id: DocumentKey
    /// The sparse vector that finds the document. An empty one is stored and found by no query.
    public var sparse: SparseVector
    /// The dense vector that verifies the document, of as many values as the schema says; nil for none.
    public var dense: [Float]?
    /// Bytes that come back with the document, up to 16 MiB; often JSON.
    public var payload: [UInt8]?

    /// Makes a document.
    public init(
        id: DocumentKey, sparse: SparseVector, dense: [Float]? = nil, payload: [UInt8]? = nil
    ) {
        self.id = id
        self.sparse = sparse
        self.dense = dense
        self.payload = payload
    }
}
