import Granary

/// The bytes that the fuzzer made, read from the front; zeros at the end.
public struct Input: Sendable {
    /// All bytes.
    public let bytes: [UInt8]
    private var position = 0

    /// Copies the fuzzer's bytes.
    public init(_ data: UnsafePointer<UInt8>?, _ size: Int) {
        bytes = Array(UnsafeBufferPointer(start: data, count: data == nil ? 0 : size))
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
        (0..<Value.bitWidth / 8).reduce(Value(0)) { value, place in value | Value(byte()) << Value(8 * place)
        }
    }

    /// A number below a bound.
    public mutating func below(_ bound: Int) -> Int { bound > 0 ? Int(number(UInt32.self)) % bound : 0 }

    /// What is left.
    public mutating func rest() -> [UInt8] {
        defer { position = bytes.count }
        return Array(bytes.dropFirst(position))
    }
}

/// Something that must never happen did: ends the process so that the fuzzer keeps the input.
public func report(_ finding: String) -> Never { fatalError("FINDING: \(finding)") }

extension MemoryFileSystem {
    /// Makes a file of bytes.
    public func add(_ path: String, _ bytes: [UInt8]) throws(GranaryError) {
        let file = try create(path)
        let span = bytes.span
        try file.write(span.bytes, at: 0)
        try file.sync()
        file.close()
    }
}
