/// A value of a field as columns order it: numbers and booleans by 64 bits whose unsigned order is theirs,
/// strings by their bytes.
enum FieldKey: Sendable, Hashable {
    case bits(UInt64)
    case text([UInt8])

    private static let sign: UInt64 = 1 << 63

    /// The key of an integer.
    init(_ value: Int64) { self = .bits(UInt64(bitPattern: value) ^ Self.sign) }

    /// The key of a number, which is not NaN. Zero has no sign.
    init(_ value: Double) {
        let bits = (value == 0 ? 0 : value).bitPattern
        self = .bits(bits & Self.sign == 0 ? bits | Self.sign : ~bits)
    }

    /// The key of a boolean.
    init(_ value: Bool) { self = .bits(value ? 1 : 0) }

    /// The key of a string.
    init(_ value: String) { self = .text(Array(value.utf8)) }

    /// Whether this stands before another key of the same field.
    func precedes(_ other: FieldKey) -> Bool {
        switch (self, other) {
        case (.bits(let own), .bits(let other)): own < other
        case (.text(let own), .text(let other)): own.lexicographicallyPrecedes(other)
        default: false
        }
    }

    /// Whether 64 bits are the key of a value of a kind.
    static func isSound(_ bits: UInt64, _ kind: Field.Kind) -> Bool {
        switch kind {
        case .string: false
        case .integer: true
        case .number:
            Double(bitPattern: bits & sign == 0 ? ~bits : bits ^ sign).isFinite && bits != ~sign
        case .boolean: bits <= 1
        }
    }
}
