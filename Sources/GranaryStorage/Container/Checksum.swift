internal import CGranary

/// The two checksums of the formats.
public enum Checksum {
    /// CRC-32C (Castagnoli) of bytes: finds every error of up to 32 neighbouring bits in a block.
    ///
    /// - Parameter level: 0 the table, 1 the processor's instruction; the same value.
    public static func crc32c(_ bytes: RawSpan, continuing crc: UInt32 = 0, level: Int32 = bestLevel)
        -> UInt32
    {
        // SAFETY: the kernel reads exactly the bytes of the span.
        unsafe bytes.withUnsafeBytes { unsafe granary_crc32c(crc, $0.baseAddress, $0.count, level) }
    }

    /// The best level of this processor.
    public static let bestLevel = granary_crc32c_best_level()

    /// How many bytes are zero before the first that is not.
    static func leadingZeros(_ bytes: RawSpan) -> Int {
        // SAFETY: the kernel reads exactly the bytes of the span.
        unsafe bytes.withUnsafeBytes { unsafe granary_zeros($0.baseAddress, $0.count) }
    }

    /// BLAKE2s of 16 bytes (RFC 7693) of the parts, one after the other.
    public static func blake2s128(_ parts: [UInt8]...) -> Identifier128 {
        var state = granary_blake2s()
        unsafe granary_blake2s_begin(&state)
        for part in parts {
            // SAFETY: the kernel reads exactly the bytes of the array.
            unsafe part.withUnsafeBytes { unsafe granary_blake2s_update(&state, $0.baseAddress, $0.count) }
        }
        var digest = [UInt8](repeating: 0, count: 16)
        // SAFETY: the digest has the 16 bytes that the kernel writes.
        unsafe granary_blake2s_finish(&state, &digest)
        return Identifier128(bytes: digest)
    }
}
