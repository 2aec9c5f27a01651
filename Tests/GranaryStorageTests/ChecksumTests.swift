import GranaryStorage
import Testing

@Suite("Checksums")
struct ChecksumTests {
    private static let check = Array("123456789".utf8)

    @Test(
        "CRC-32C has the check value of its catalogue entry at every level", arguments: 0...Checksum.bestLevel
    )
    func checkValue(_ level: Int32) {
        #expect(Self.crc(Self.check, level) == 0xe306_9283)
        #expect(Self.crc([], level) == 0)
        // RFC 3720, B.4.
        #expect(Self.crc([UInt8](repeating: 0, count: 32), level) == 0x8a91_36aa)
        #expect(Self.crc([UInt8](repeating: 0xff, count: 32), level) == 0x62a8_ab43)
        #expect(Self.crc((0..<32).map { UInt8($0) }, level) == 0x46dd_794e)
    }

    @Test(
        "CRC-32C agrees with its definition for every length, offset and level",
        arguments: 0...Checksum.bestLevel)
    func levelsAgree(_ level: Int32) {
        var generator = SeededGenerator(seed: 11)
        let bytes = (0..<320).map { _ in UInt8.random(in: 0...255, using: &generator) }
        for start in 0..<9 {
            for end in start...bytes.count {
                let part = Array(bytes[start..<end])
                let found = Checksum.crc32c(bytes.rawBytes.extracting(start..<end), level: level)
                #expect(found == Self.bitByBit(part), "bytes \(start)..<\(end)")
            }
        }
    }

    @Test("CRC-32C of parts, continued, is that of the whole", arguments: 0...Checksum.bestLevel)
    func continues(_ level: Int32) {
        let bytes = (0..<100).map { UInt8($0 * 7 % 256) }
        let whole = Self.crc(bytes, level)
        for cut in 0...bytes.count {
            let first = Checksum.crc32c(bytes.rawBytes.extracting(0..<cut), level: level)
            let both = Checksum.crc32c(
                bytes.rawBytes.extracting(cut..<bytes.count), continuing: first, level: level)
            #expect(both == whole, "cut at \(cut)")
        }
    }

    // Computed with hashlib.blake2s(bytes, digest_size=16) of Python 3.
    @Test(
        "BLAKE2s gives the known answers",
        arguments: [
            ([UInt8](), "64550d6ffe2c0a01a14aba1eade0200c"),
            (Array("abc".utf8), "aa4938119b1dc7b87cbad0ffd200d0ae"),
            ((0..<64).map { UInt8($0) }, "dc66ca8f03865801b0ffe06ed8a1a90e"),
            ((0..<65).map { UInt8($0) }, "399d3e92ccfcedcdde9bf4c2be14cf8c"),
            ([UInt8](repeating: 97, count: 128), "5a1e693761dbefe8462c536ebe4dc575"),
            ((0..<1000).map { UInt8($0 % 251) }, "f308bf57110a2e5f3c81a0ef22925035"),
        ])
    func blake2s(_ bytes: [UInt8], _ digest: String) {
        #expect("\(Checksum.blake2s128(bytes))" == digest)
        for cut in stride(from: 0, through: bytes.count, by: 13) {
            #expect(
                "\(Checksum.blake2s128(Array(bytes[..<cut]), Array(bytes[cut...])))" == digest,
                "cut at \(cut)")
        }
    }

    @Test("an identifier is its 32 digits and its 16 bytes, and nothing else is one")
    func identifiers() {
        let identifier = Identifier128(high: 0x0123_4567_89ab_cdef, low: 0xfe)
        #expect("\(identifier)" == "0123456789abcdef00000000000000fe")
        #expect(Identifier128(hex: "0123456789abcdef00000000000000fe") == identifier)
        #expect(
            identifier.bytes == [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0, 0, 0, 0, 0, 0, 0, 0xfe])
        for text in ["", "0123456789ABCDEF00000000000000fe", "+123456789abcdef00000000000000fe", "0123", "é"]
        {
            #expect(Identifier128(hex: text) == nil, "\(text)")
        }
    }

    private static func crc(_ bytes: [UInt8], _ level: Int32) -> UInt32 {
        let span = bytes.rawBytes
        return Checksum.crc32c(span, level: level)
    }

    private static func bitByBit(_ bytes: [UInt8]) -> UInt32 {
        var crc = ~UInt32(0)
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0x82f6_3b78 : 0) }
        }
        return ~crc
    }
}
