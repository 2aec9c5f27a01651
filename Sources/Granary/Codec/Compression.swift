internal import CLZ4
internal import CZstd
import GranaryStorage

/// Blocks of payloads, compressed and back: the door to the two compression libraries.
package enum Compression {
    /// The largest block that is written or read, in bytes before compression.
    static let largestBlock = 32 << 20
    /// The largest payload, in bytes.
    static let largestPayload = 16 << 20
    private static let zstdLevel: Int32 = 3

    /// - Throws: `tooLarge` when the library has no memory.
    package static func compress(_ bytes: [UInt8], _ method: PayloadCompression) throws(GranaryError)
        -> [UInt8]
    {
        let bound: Int
        switch method {
        case .none: return bytes
        case .zstd: bound = ZSTD_compressBound(bytes.count)
        case .lz4: bound = Int(LZ4_compressBound(Int32(truncatingIfNeeded: bytes.count)))
        }
        var length = 0
        // SAFETY: the output has the bound that the library names for this input; what it did not fill is
        // dropped.
        let out = unsafe [UInt8](unsafeUninitializedCapacity: bound) { out, filled in
            unsafe bytes.withUnsafeBytes { bytes in
                switch method {
                case .none: break
                case .zstd:
                    let result = unsafe ZSTD_compress(
                        out.baseAddress, bound, bytes.baseAddress, bytes.count, zstdLevel)
                    length = ZSTD_isError(result) == 0 ? result : 0
                case .lz4:
                    length = Int(
                        unsafe LZ4_compress_default(
                            bytes.baseAddress, out.baseAddress, Int32(bytes.count), Int32(bound)))
                }
            }
            filled = length
        }
        guard length > 0 || bytes.isEmpty else {
            throw GranaryError(
                .tooLarge, "a block of \(bytes.count) bytes of payload could not be compressed")
        }
        return out
    }

    /// - Throws: `corrupt` when the bytes do not unpack to exactly `count` bytes.
    package static func decompress(
        _ bytes: RawSpan, _ method: PayloadCompression, count: Int, path: String
    ) throws(GranaryError) -> [UInt8] {
        func fail(_ message: String) -> GranaryError {
            GranaryError(.corrupt, message, path: path, section: SectionID.payloadBlocks.name)
        }
        guard count <= largestBlock else {
            throw fail("expected a block of up to \(largestBlock) bytes, found \(count)")
        }
        var length = -1
        // SAFETY: both libraries are told the room in `out` and the length of the input, and are made for
        // hostile input.
        let out = unsafe [UInt8](unsafeUninitializedCapacity: count) { out, filled in
            unsafe bytes.withUnsafeBytes { bytes in
                switch method {
                case .none:
                    guard bytes.count == count else { return }
                    unsafe UnsafeMutableRawBufferPointer(out).copyMemory(from: bytes)
                    length = count
                case .zstd:
                    let result = unsafe ZSTD_decompress(
                        out.baseAddress, count, bytes.baseAddress, bytes.count)
                    length = ZSTD_isError(result) == 0 ? result : -1
                case .lz4:
                    guard let size = Int32(exactly: bytes.count) else { return }
                    length = Int(
                        unsafe LZ4_decompress_safe(bytes.baseAddress, out.baseAddress, size, Int32(count)))
                }
            }
            filled = max(0, min(length, count))
        }
        guard length == count else { throw fail("a block of payloads does not unpack to its \(count) bytes") }
        return out
    }
}
