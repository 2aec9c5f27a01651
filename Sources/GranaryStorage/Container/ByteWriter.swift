/// Little-endian bytes of a small structure, one value after the other.
public struct ByteWriter: Sendable {
    /// What has been written.
    public var bytes: [UInt8] = []

    /// An empty writer.
    public init() {}

    /// Adds a number.
    public mutating func append<Value: FixedWidthInteger>(_ value: Value) {
        // SAFETY: an integer's bytes are all initialised; they are copied during the call.
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    /// Adds bytes.
    public mutating func append(_ source: RawSpan) {
        // SAFETY: the bytes are copied during the call.
        unsafe source.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }

    /// Adds an identifier's 16 bytes.
    public mutating func append(_ identifier: Identifier128) { bytes.append(contentsOf: identifier.bytes) }

    /// Adds a length (u32) and bytes.
    public mutating func append(counted value: [UInt8]) {
        append(UInt32(value.count))
        bytes.append(contentsOf: value)
    }

    /// Adds zeros up to a length.
    public mutating func pad(to length: Int) {
        if bytes.count < length {
            bytes.append(contentsOf: [UInt8](repeating: 0, count: length - bytes.count))
        }
    }
}

/// Reads little-endian values from bytes that may say anything.
public struct ByteReader: ~Escapable {
    private let span: RawSpan
    private let path: String
    private let section: String?
    /// Bytes read so far.
    public private(set) var position = 0

    /// Reads `bytes`; errors will name `path` and `section`.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan, path: String, section: String? = nil) {
        span = bytes
        self.path = path
        self.section = section
    }

    /// Bytes left.
    public var remaining: Int { span.byteCount - position }

    /// The next number.
    ///
    /// - Throws: `truncated`.
    public mutating func next<Value: FixedWidthInteger & BitwiseCopyable>(
        _ type: Value.Type
    ) throws(GranaryError) -> Value {
        let size = MemoryLayout<Value>.size
        guard size <= remaining else { throw short(of: size) }
        // SAFETY: `size` bytes are left, as checked; an unaligned load has no alignment to keep.
        let value = unsafe span.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: Value.self)
        position += size
        return Value(littleEndian: value)
    }

    /// The next identifier.
    public mutating func nextIdentifier() throws(GranaryError) -> Identifier128 {
        Identifier128(bytes: try nextBytes(16))
    }

    /// The next bytes.
    public mutating func nextBytes(_ count: Int) throws(GranaryError) -> [UInt8] {
        guard count >= 0, count <= remaining else { throw short(of: count) }
        var copy = ByteWriter()
        copy.append(span.extracting(position..<position + count))
        position += count
        return copy.bytes
    }

    /// Bytes that a length (u32) precedes.
    public mutating func nextCounted(limit: Int) throws(GranaryError) -> [UInt8] {
        let count = Int(try next(UInt32.self))
        guard count <= limit else {
            throw GranaryError(
                .corrupt, "expected up to \(limit) bytes, found a length of \(count)", path: path,
                section: section,
                byteOffset: UInt64(position))
        }
        return try nextBytes(count)
    }

    /// Passes over bytes.
    public mutating func skip(_ count: Int) throws(GranaryError) {
        guard count >= 0, count <= remaining else { throw short(of: count) }
        position += count
    }

    private func short(of count: Int) -> GranaryError {
        GranaryError(
            .truncated, "expected \(count) more bytes, found \(remaining)", path: path, section: section,
            byteOffset: UInt64(position))
    }
}
