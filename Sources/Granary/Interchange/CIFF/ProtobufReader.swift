import GranaryStorage

/// Messages of Protocol Buffers in a file, read in order as they stand: nothing is kept but what is asked
/// for.
///
/// Every message has an end in the file, which nothing inside it may pass; lengths are checked against it
/// before anything is allocated. Source: the encoding guide of Protocol Buffers.
struct ProtobufReader: ~Copyable {
    /// How a field's value stands behind its tag.
    enum WireType: UInt64 {
        case varint = 0
        case fixed64 = 1
        case counted = 2
        case fixed32 = 5
    }

    /// The tag of a field.
    struct Field: Equatable {
        var number: UInt64
        var type: WireType
    }

    private var stream: ByteStream

    init(_ path: String, fileSystem: any FileSystem) throws(GranaryError) {
        stream = try ByteStream.open(path, fileSystem: fileSystem)
    }

    /// The file.
    var path: String { stream.path }
    /// The file's length, in bytes.
    var length: UInt64 { stream.length }
    /// Bytes from the beginning of the file to what comes next.
    var offset: UInt64 { stream.offset }

    /// Enters a message whose length comes next, and gives its end.
    ///
    /// - Parameter end: where what surrounds it ends.
    mutating func message(before end: UInt64) throws(GranaryError) -> UInt64 {
        let length = try varint(before: end)
        guard length <= end - offset else {
            throw GranaryError(
                .truncated, "expected a message of \(length) bytes, found \(end - offset)", path: path,
                byteOffset: offset)
        }
        return offset + length
    }

    /// The next field of a message; nil at its end.
    ///
    /// - Throws: `malformedInput` for a field number out of range, or a kind of field that version 3 of the
    ///   language does not have.
    mutating func field(before end: UInt64) throws(GranaryError) -> Field? {
        guard offset < end else { return nil }
        let tag = try varint(before: end)
        guard let type = WireType(rawValue: tag & 7), tag >> 3 > 0, tag >> 3 < 1 << 29 else {
            throw malformed("a field of a message, found a tag of \(tag)")
        }
        return Field(number: tag >> 3, type: type)
    }

    /// A number of up to 64 bits, seven a byte, the low ones first.
    mutating func varint(before end: UInt64) throws(GranaryError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard offset < end, let byte = try stream.next() else {
                throw GranaryError(
                    .truncated, "expected a number, found the end", path: path, byteOffset: offset)
            }
            guard shift < 63 || byte < 2 else { break }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw malformed("a number of up to 64 bits, found more")
    }

    /// The value of a field of type int32.
    ///
    /// - Throws: `malformedInput` for another kind of value, or one that has no place in 32 bits: what other
    ///   readers cut off silently.
    mutating func int32(_ field: Field, before end: UInt64) throws(GranaryError) -> Int32 {
        let value = try int64(field, before: end)
        guard let narrow = Int32(exactly: value) else {
            throw malformed("a number of 32 bits in field \(field.number), found \(value)")
        }
        return narrow
    }

    /// The value of a field of type int64.
    ///
    /// - Throws: `malformedInput` for another kind of value.
    mutating func int64(_ field: Field, before end: UInt64) throws(GranaryError) -> Int64 {
        guard field.type == .varint else { throw malformed("a number in field \(field.number)") }
        return Int64(bitPattern: try varint(before: end))
    }

    /// The value of a field of type string.
    ///
    /// - Throws: `malformedInput` for another kind of value or bytes that are not UTF-8, `tooLarge` for more
    ///   than `limit` bytes.
    mutating func string(
        _ field: Field, limit: Int, before end: UInt64
    ) throws(GranaryError) -> String {
        let count = try enter(field, before: end) - offset
        guard count <= UInt64(limit) else {
            throw GranaryError(
                .tooLarge, "expected up to \(limit) bytes in field \(field.number), found \(count)",
                path: path, byteOffset: offset)
        }
        guard let text = String(validating: try stream.bytes(Int(count)), as: UTF8.self) else {
            throw malformed("UTF-8 in field \(field.number)")
        }
        return text
    }

    /// Enters the message in a field, and gives its end.
    mutating func enter(_ field: Field, before end: UInt64) throws(GranaryError) -> UInt64 {
        guard field.type == .counted else { throw malformed("bytes with a length in field \(field.number)") }
        return try message(before: end)
    }

    /// Passes over the value of a field.
    mutating func skip(_ field: Field, before end: UInt64) throws(GranaryError) {
        let count: UInt64
        switch field.type {
        case .varint:
            _ = try varint(before: end)
            return
        case .fixed64: count = 8
        case .fixed32: count = 4
        case .counted: count = try message(before: end) - offset
        }
        guard count <= end - offset else {
            throw GranaryError(
                .truncated, "expected \(count) bytes in field \(field.number), found \(end - offset)",
                path: path, byteOffset: offset)
        }
        try stream.skip(count)
    }

    /// An error at the place that has been reached.
    func malformed(_ expected: String) -> GranaryError {
        GranaryError(.malformedInput, "expected \(expected)", path: path, byteOffset: offset)
    }
}
