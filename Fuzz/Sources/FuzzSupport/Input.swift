public import GranaryStorage

/// The bytes that the fuzzer made, read from the front; zeros at the end.
public struct Input: Sendable {
    /// All bytes.
    public let bytes: [UInt8]
    private var position = 0

    /// Some bytes.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Copies the fuzzer's bytes.
    ///
    /// - Parameters:
    ///   - data: where they begin; nil for none.
    ///   - size: how many can be read there.
    @unsafe public init(_ data: UnsafePointer<UInt8>?, _ size: Int) {
        // SAFETY: the caller says how many bytes there are; they are copied at once.
        bytes = unsafe Array(UnsafeBufferPointer(start: data, count: data == nil ? 0 : size))
    }

    /// Whether bytes are left.
    public var isEmpty: Bool { position >= bytes.count }

    /// The next byte.
    public mutating func byte() -> UInt8 {
        defer { position += 1 }
        return position < bytes.count ? bytes[position] : 0
    }

    /// The next number.
    public mutating func number<Value: FixedWidthInteger & UnsignedInteger>(_ type: Value.Type) -> Value {
        var value: Value = 0
        for place in 0..<Value.bitWidth / 8 { value |= Value(byte()) << Value(8 * place) }
        return value
    }

    /// A number below a bound, from one byte.
    public mutating func below(_ bound: Int) -> Int { bound > 0 ? Int(byte()) % bound : 0 }

    /// One of some things.
    public mutating func one<Element>(of elements: [Element]) -> Element { elements[below(elements.count)] }

    /// Up to so many of the bytes that are left.
    public mutating func next(_ count: Int) -> [UInt8] {
        defer { position += count }
        return Array(bytes.dropFirst(position).prefix(count))
    }

    /// What is left.
    public mutating func rest() -> [UInt8] {
        defer { position = bytes.count }
        return Array(bytes.dropFirst(position))
    }
}

extension MemoryFileSystem {
    /// Makes a file of bytes.
    public func add(_ path: String, _ bytes: [UInt8]) throws(GranaryError) {
        let file = try create(path)
        try file.write(bytes.rawBytes, at: 0)
        try file.sync()
        file.close()
    }
}
