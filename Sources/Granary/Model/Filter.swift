/// Which documents a search may find. It acts before their vectors are read, and never makes a search return
/// fewer than k hits while k documents match it and share a component with the query.
///
/// A document without a value of a field matches nothing that asks for the field, and so it matches the `not`
/// of that. Snapshots keep what their last few filters matched: searching again with one of them costs
/// nothing more; a new one costs a step for each document that it matches.
public indirect enum Filter: Sendable, Equatable {
    /// The documents with these ids. Ids that no document has add nothing.
    case allow([DocumentKey])
    /// All but the documents with these ids.
    case deny([DocumentKey])
    /// The documents of which a value of a field equals one.
    case equals(String, FieldValue)
    /// The documents of which a value of a field lies in a range.
    case range(String, FieldRange)
    /// The documents of which a value of a field is one of some; none of an empty list.
    case oneOf(String, [FieldValue])
    /// The documents that match all; of an empty list, every document.
    case and([Filter])
    /// The documents that match any; of an empty list, none.
    case or([Filter])
    /// The documents that do not match.
    case not(Filter)

    /// Filters nest at most this deep.
    public static let largestDepth = 64
}

/// A value that a filter compares with.
public enum FieldValue: Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral
{
    /// For fields of strings. Compared by the bytes of its UTF-8.
    case string(String)
    /// For fields of integers, and, as the nearest float64, of numbers.
    case integer(Int64)
    /// For fields of numbers; not NaN.
    case number(Double)
    /// For fields of booleans.
    case boolean(Bool)

    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An integer.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// A boolean.
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
}

/// An end of a range of values.
public enum FieldBound: Sendable, Equatable {
    /// No end.
    case unbounded
    /// The range ends with a value.
    case including(FieldValue)
    /// The range ends before, or begins after, a value.
    case excluding(FieldValue)
}

/// Values between two ends.
public struct FieldRange: Sendable, Equatable {
    /// The lower end.
    public var lower: FieldBound
    /// The upper end.
    public var upper: FieldBound

    /// The values between two ends; without ends, all values.
    public init(lower: FieldBound = .unbounded, upper: FieldBound = .unbounded) {
        self.lower = lower
        self.upper = upper
    }

    /// The values from one to another, both included.
    public init(from lower: FieldValue, through upper: FieldValue) {
        self.init(lower: .including(lower), upper: .including(upper))
    }
}
