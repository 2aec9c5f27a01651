import GranaryStorage

/// How a key is stored: a byte 0 and the UTF-8 of a string, or a byte 1 and a number's 8 bytes,
/// little-endian.
extension DocumentKey {
    /// The stored bytes.
    ///
    /// - Throws: `invalidArgument` for a string that is empty or over 255 bytes.
    func encoded() throws(GranaryError) -> [UInt8] {
        switch self {
        case .string(let string):
            let bytes = Array(string.utf8)
            guard (1...255).contains(bytes.count) else {
                throw GranaryError(.invalidArgument, "expected an id of 1 to 255 bytes, found \(bytes.count)")
            }
            return [0] + bytes
        case .number(let number):
            return [1] + (0..<8).map { UInt8(truncatingIfNeeded: number &>> (8 * UInt64($0))) }
        }
    }

    /// The key of stored bytes; nil for bytes that no key has.
    init?(encoded bytes: RawSpan) {
        guard let kind = bytes.byte(at: 0) else { return nil }
        switch kind {
        case 0:
            let rest = (1..<bytes.byteCount).compactMap { bytes.byte(at: $0) }
            guard (1...255).contains(rest.count), let string = String(validating: rest, as: UTF8.self) else {
                return nil
            }
            self = .string(string)
        case 1:
            guard bytes.byteCount == 9 else { return nil }
            // SAFETY: the eight bytes were just counted; every pattern of bits is a number.
            self = .number(
                UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 1, as: UInt64.self)))
        default: return nil
        }
    }
}

/// What the table of keys is sorted by: 64 bits of a strong hash, so that equal hashes are next to impossible
/// by chance; the bytes are compared all the same.
struct KeyHash: Hashable, Comparable, Sendable {
    let full: Identifier128
    /// The part that is stored.
    var stored: UInt64 { full.high }

    init(_ encodedKey: [UInt8]) { full = Checksum.blake2s128(encodedKey) }

    static func < (a: KeyHash, b: KeyHash) -> Bool { (a.full.high, a.full.low) < (b.full.high, b.full.low) }
}
