import GranaryStorage

/// Fields of Protocol Buffers as bytes. As version 3 of the language has it, zero and nothing are not
/// written.
struct ProtobufWriter {
    /// What has been written.
    private(set) var bytes: [UInt8] = []

    /// Adds a number, seven bits a byte, the low ones first.
    mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Adds a field of a number.
    mutating func append(_ field: UInt8, _ value: UInt64) {
        guard value != 0 else { return }
        bytes.append(field << 3)
        append(varint: value)
    }

    /// Adds a field of a float64.
    mutating func append(_ field: UInt8, _ value: Double) {
        guard value != 0 else { return }
        bytes.append(field << 3 | 1)
        var number = ByteWriter()
        number.append(value.bitPattern)
        bytes += number.bytes
    }

    /// Adds a field of a string.
    mutating func append(_ field: UInt8, _ value: String) {
        guard !value.isEmpty else { return }
        append(counted: field, UInt64(value.utf8.count))
        bytes += Array(value.utf8)
    }

    /// Adds the tag and the length of a field of a message.
    mutating func append(counted field: UInt8, _ length: UInt64) {
        bytes.append(field << 3 | 2)
        append(varint: length)
    }

    /// Adds a message with its length before it.
    mutating func append(message: ProtobufWriter) {
        append(varint: UInt64(message.bytes.count))
        bytes += message.bytes
    }

    /// Forgets what was written.
    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Bytes of a number.
    static func width(_ value: UInt64) -> UInt64 {
        max(1, UInt64(64 - value.leadingZeroBitCount + 6) / 7)
    }

    /// Bytes of a field of a number.
    static func fieldWidth(_ value: UInt64) -> UInt64 { value == 0 ? 0 : 1 + width(value) }
}
