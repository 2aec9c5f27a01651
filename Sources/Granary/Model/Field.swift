import GranaryStorage

/// A value of documents that filters can ask for: a member of their payloads, which are JSON then.
///
/// A document has no value of a field when its payload is absent or not JSON, or when the member is absent or
/// of another type. The elements of an array are several values, and one that matches is enough.
public struct Field: Sendable, Equatable {
    /// The type of a field's values.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// A string of up to 1024 bytes of UTF-8. Order and equality are those of the bytes.
        case string = 1
        /// A number without a fraction, -2^63..<2^63.
        case integer = 2
        /// A number as float64; one beyond its range counts as absent.
        case number = 3
        /// `true` or `false`, which is the smaller.
        case boolean = 4
    }

    /// What filters call it: 1 to 255 bytes, unique in the schema.
    public var name: String
    /// The type of its values.
    public var kind: Kind
    /// Where it is in the payload: the names of members, from the outside in, joined by dots; 1 to 255 bytes.
    public var path: String

    /// The most fields of a schema.
    public static let largestCount = 64
    /// The longest value of a string field, in bytes.
    public static let largestString = 1024

    /// Makes a field.
    ///
    /// - Parameter path: nil takes the member of the field's name.
    public init(_ name: String, _ kind: Kind, path: String? = nil) {
        self.name = name
        self.kind = kind
        self.path = path ?? name
    }

    /// The names of `path`.
    var members: [String] { path.split(separator: ".", omittingEmptySubsequences: false).map(String.init) }
}

extension Schema {
    /// - Throws: `invalidArgument` for fields that cannot be.
    func validateFields() throws(GranaryError) {
        guard fields.count <= Field.largestCount else {
            throw GranaryError(
                .invalidArgument, "expected up to \(Field.largestCount) fields, found \(fields.count)")
        }
        for (position, field) in fields.enumerated() {
            guard (1...255).contains(field.name.utf8.count) else {
                throw GranaryError(
                    .invalidArgument,
                    "expected a field's name of 1 to 255 bytes, found \(field.name.utf8.count)")
            }
            guard self.field(named: field.name) == position else {
                throw GranaryError(
                    .invalidArgument, "expected each field once, found \"\(field.name)\" twice")
            }
            guard field.path.utf8.count <= 255, field.members.allSatisfy({ !$0.isEmpty }) else {
                throw GranaryError(
                    .invalidArgument,
                    "expected names joined by dots, of up to 255 bytes, for the path of field "
                        + "\"\(field.name)\", found \"\(field.path)\"")
            }
        }
    }

    /// The position of a field.
    func field(named name: String) -> Int? {
        // By bytes: `==` of strings takes two forms of one letter for the same.
        fields.firstIndex { $0.name.utf8.elementsEqual(name.utf8) }
    }
}
