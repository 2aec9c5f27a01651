import GranaryStorage
import TestSupport
import Testing

@Suite("A manifest")
struct ManifestTests {
    private let damage: Set<GranaryError.Code> = [
        .truncated, .wrongFile, .unsupportedVersion, .checksumMismatch, .corrupt,
    ]

    /// One with something in every field.
    static func sample() -> Manifest {
        func identifier(_ number: UInt64) -> Identifier128 { Identifier128(high: number, low: ~number) }
        var manifest = Manifest(index: identifier(1), schema: [2, 1, 0])
        manifest.generation = 7
        manifest.previousHash = identifier(2)
        manifest.nextSequence = 1000
        manifest.nextSegmentOrdinal = 5
        manifest.readOnlyCompatibleFlags = 0
        manifest.compatibleFlags = 0x8000_0001
        manifest.files = FileKind.allCases.map { kind in
            FileRecord(
                id: identifier(10 + UInt64(kind.rawValue)), kind: kind, length: 5000 + UInt64(kind.rawValue),
                rootHash: identifier(20))
        }
        manifest.segments = [
            SegmentRecord(
                files: [0, 1], deadFile: 3, documents: 10, dead: 4, firstSequence: 0, lastSequence: 20,
                ordinal: 1),
            SegmentRecord(
                files: [0, 1, 2], deadFile: nil, documents: 500, dead: 0, firstSequence: 500,
                lastSequence: 999, ordinal: 4),
        ]
        manifest.userData = Array("offsets".utf8)
        return manifest
    }

    private func code(_ bytes: [UInt8]) -> GranaryError.Code? {
        codeThrown { _ = try Manifest.decode(bytes, path: "/d/MANIFEST") }
    }

    @Test("is read as it was written")
    func roundTrip() throws {
        let empty = Manifest(index: Identifier128(high: 1, low: 2), schema: [])
        for manifest in [Self.sample(), empty] {
            let bytes = try manifest.encoded()
            #expect(try Manifest.decode(bytes, path: "m") == manifest)
            #expect(try manifest.encoded() == bytes)
        }
    }

    @Test("takes user data and a schema up to their limits, and not over them")
    func limits() throws {
        var manifest = Self.sample()
        manifest.userData = [UInt8](repeating: 1, count: Manifest.largestUserData)
        manifest.schema = [UInt8](repeating: 2, count: 1 << 16)
        #expect(try Manifest.decode(try manifest.encoded(), path: "m") == manifest)
        manifest.userData.append(1)
        #expect(codeThrown { _ = try manifest.encoded() } == .tooLarge)
        manifest.userData = []
        manifest.schema.append(1)
        #expect(codeThrown { _ = try manifest.encoded() } == .tooLarge)
        manifest.schema = []
        manifest.engineVersion = String(repeating: "v", count: 256)
        #expect(codeThrown { _ = try manifest.encoded() } == .tooLarge)
    }

    /// Changes after which the parts do not agree with each other.
    static let disagreements: [@Sendable (inout Manifest) -> Void] = [
        { $0.generation = 0 }, { $0.generation = .max }, { $0.files[1].id = $0.files[0].id },
        { $0.segments[0].files = [4] }, { $0.segments[0].files = [.max] }, { $0.segments[0].deadFile = 4 },
        { $0.segments[0].deadFile = nil }, { $0.segments[1].deadFile = 3 }, { $0.segments[0].dead = 11 },
        { $0.segments[0].firstSequence = 21 }, { $0.segments[1].lastSequence = 1000 },
        {
            ($0.segments[1].lastSequence, $0.nextSequence) = (500 + 1 << 32, 501 + 1 << 32)
        },
        { $0.segments[1].firstSequence = .max }, { $0.segments[1].documents = 501 },
        { $0.segments[1].documents = .max },
        { $0.segments[1].ordinal = 5 }, { $0.segments[1].ordinal = 1 }, { $0.nextSequence = 0 },
        { $0.nextSegmentOrdinal = 0 },
    ]

    @Test("whose parts do not agree is not written", arguments: disagreements.indices)
    func disagreement(_ position: Int) throws {
        var manifest = Self.sample()
        Self.disagreements[position](&manifest)
        #expect(codeThrown { _ = try manifest.encoded() } == .invalidArgument)
    }

    @Test("is recognised as damaged whichever bit is flipped")
    func everyBit() throws {
        var bytes = try Self.sample().encoded()
        for position in bytes.indices {
            for bit in 0..<8 {
                bytes[position] ^= 1 << bit
                let code = code(bytes)
                if code.map(damage.contains) != true {
                    Issue.record("bit \(bit) of byte \(position): \(code.map { "\($0)" } ?? "not noticed")")
                }
                bytes[position] ^= 1 << bit
            }
        }
    }

    @Test("is recognised as damaged at whatever length it is cut, also when its hash is right")
    func everyLength() throws {
        let bytes = try Self.sample().encoded()
        for length in 0..<bytes.count {
            let cut = Array(bytes[..<length])
            #expect(code(cut) == .truncated, "\(length) bytes")
            var closed = Array(bytes[..<max(0, length - 32)]) + bytes.suffix(32)
            closed = RepairedBytes.manifest(closed)
            if closed != bytes, code(closed).map(damage.contains) != true {
                Issue.record("\(length) bytes, repaired")
            }
        }
        for more in [1, 32, 500] { #expect(code(bytes + [UInt8](repeating: 0, count: more)) == .truncated) }
    }

    @Test("never traps on random damage behind a right hash", arguments: [1, 2, 3, 4] as [UInt64])
    func randomDamage(_ seed: UInt64) throws {
        let sound = try Self.sample().encoded()
        var generator = SeededGenerator(seed: seed)
        var refused = 0
        for round in 0..<Effort.rounds(2000) {
            var bytes = sound
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let value = [0, 1, 0x7f, 0x80, 0xff, UInt8.random(in: 0...255, using: &generator)]
                bytes[Int.random(in: 8..<bytes.count - 32, using: &generator)] =
                    value[Int.random(in: 0..<6, using: &generator)]
            }
            do throws(GranaryError) {
                // What can be read can be written, and is then the same.
                let manifest = try Manifest.decode(RepairedBytes.manifest(bytes), path: "m")
                #expect(try Manifest.decode(try manifest.encoded(), path: "m") == manifest)
            } catch {
                refused += 1
                #expect(damage.contains(error.code), "seed \(seed), round \(round): \(error)")
            }
        }
        #expect(refused > 1000)
    }

    @Test("of another major version is refused as such", arguments: [0, 2, 256, .max] as [UInt16])
    func otherMajorVersion(_ major: UInt16) throws {
        var bytes = try Self.sample().encoded()
        RepairedBytes.put(major, at: 8, in: &bytes)
        #expect(code(RepairedBytes.manifest(bytes)) == .unsupportedVersion)
        // Whose hash may be another as well.
        #expect(code(bytes) == .unsupportedVersion)
    }

    @Test("of a newer minor version is read", arguments: [1, 7, .max] as [UInt16])
    func newerMinorVersion(_ minor: UInt16) throws {
        var bytes = try Self.sample().encoded()
        RepairedBytes.put(minor, at: 10, in: &bytes)
        #expect(try Manifest.decode(RepairedBytes.manifest(bytes), path: "m") == Self.sample())
    }

    @Test("is refused for the features that a reader must know, and for no others", arguments: 0..<32)
    func flags(_ bit: UInt32) throws {
        let sound = try Self.sample().encoded()
        for (offset, expected) in [(16, GranaryError.Code.unsupportedVersion), (20, nil), (24, nil)] {
            var bytes = sound
            RepairedBytes.put(UInt32(1) << bit, at: offset, in: &bytes)
            #expect(code(RepairedBytes.manifest(bytes)) == expected, "flags at \(offset)")
        }
    }

    @Test("with a count that its bytes cannot hold is refused without room being made for it")
    func hugeCounts() throws {
        let sound = try Self.sample().encoded()
        for offset in 0..<sound.count - 35 {
            var bytes = sound
            RepairedBytes.put(UInt32.max, at: offset, in: &bytes)
            if let code = code(RepairedBytes.manifest(bytes)) {
                #expect(damage.contains(code), "offset \(offset)")
            }
        }
    }

    @Test("has a file name that gives its generation, and no other name does")
    func fileNames() {
        for generation: UInt64 in [0, 1, 0xabc, .max] {
            #expect(Manifest.generation(ofFileName: Manifest.fileName(generation)) == generation)
        }
        #expect(Manifest.fileName(167) == "MANIFEST-00000000000000a7")
        for name in [
            "MANIFEST-", "MANIFEST-a7", "MANIFEST-00000000000000A7", "MANIFEST-00000000000000a7.tmp",
            "MANIFEST-000000000000000a7", "manifest-00000000000000a7", "MANIFEST-+0000000000000a7", "",
        ] {
            #expect(Manifest.generation(ofFileName: name) == nil, "\(name)")
        }
    }
}
