import GranaryStorage
import TestSupport
import Testing

/// A data file whose bytes a test may damage.
struct DamagedFile {
    let index: Identifier128
    let record: FileRecord
    let bytes: [UInt8]

    /// A sound one.
    init(kind: FileKind = .blocks, seed: UInt64 = 1, index: Identifier128? = nil) throws {
        let fileSystem = MemoryFileSystem(seed: seed)
        try fileSystem.createDirectory("/d")
        self.index = index ?? fileSystem.randomIdentifier()
        record = try SampleIndex.file(fileSystem, "/d", index: self.index, kind: kind)
        let file = try fileSystem.openForReading("/d/\(record.name)")
        bytes = try file.read(at: 0, count: Int(file.length()))
    }

    /// The code of what opening and verifying bytes in the place of the file throws; nil for nothing.
    func code(_ bytes: [UInt8], record: FileRecord? = nil) -> GranaryError.Code? {
        let record = record ?? self.record
        let fileSystem = MemoryFileSystem(["/d/\(record.name)": .file(bytes: bytes, number: 1)], seed: 1)
        return codeThrown {
            try Container.open(fileSystem: fileSystem, directory: "/d", record: record).verify()
        }
    }

    /// The same, with checksums and manifest made to agree with the bytes.
    func codeRepaired(_ bytes: [UInt8]) -> GranaryError.Code? {
        guard let (bytes, root) = RepairedBytes.container(bytes) else { return .corrupt }
        var record = record
        (record.length, record.rootHash) = (UInt64(bytes.count), root)
        return code(bytes, record: record)
    }
}

@Suite("A damaged data file")
struct ContainerDamageTests {
    private let file: DamagedFile
    private let expected: Set<GranaryError.Code> = [
        .truncated, .wrongFile, .unsupportedVersion, .checksumMismatch, .corrupt,
    ]

    init() throws { file = try DamagedFile() }

    @Test("is recognised whichever bit is flipped")
    func everyBit() throws {
        #expect(file.code(file.bytes) == nil)
        var bytes = file.bytes
        for position in bytes.indices {
            for bit in 0..<8 {
                bytes[position] ^= 1 << bit
                let code = file.code(bytes)
                if code.map(expected.contains) != true {
                    Issue.record("bit \(bit) of byte \(position): \(code.map { "\($0)" } ?? "not noticed")")
                }
                bytes[position] ^= 1 << bit
            }
        }
    }

    @Test("is recognised at whatever length it is cut, even if the manifest says the same length")
    func everyLength() throws {
        for length in 0..<file.bytes.count {
            let bytes = Array(file.bytes[..<length])
            #expect(file.code(bytes) == .truncated, "\(length) bytes")
            var record = file.record
            record.length = UInt64(length)
            if file.code(bytes, record: record).map(expected.contains) != true {
                Issue.record("\(length) bytes, and the manifest says so")
            }
        }
    }

    @Test("is recognised when it is longer than it was")
    func extended() throws {
        for more in [1, 63, 64, 4096] {
            #expect(file.code(file.bytes + [UInt8](repeating: 0, count: more)) == .wrongFile)
        }
        #expect(file.code(file.bytes + file.bytes) == .wrongFile)
    }

    @Test("is recognised when a sector is lost, filled with garbage or is its neighbour's")
    func sectors() throws {
        for start in stride(from: 0, to: file.bytes.count, by: 512) {
            let range = start..<min(file.bytes.count, start + 512)
            for replacement in [
                [UInt8](repeating: 0, count: range.count), [UInt8](repeating: 0xa5, count: range.count),
                Array(file.bytes[..<range.count]), Array(file.bytes.suffix(range.count)),
            ] where replacement != Array(file.bytes[range]) {
                var bytes = file.bytes
                bytes.replaceSubrange(range, with: replacement)
                #expect(file.code(bytes) != nil, "sector at \(start)")
            }
        }
    }

    @Test("is recognised when it is another file: of this index, of another, of another kind, of none")
    func swapped() throws {
        let sibling = try DamagedFile(seed: 2, index: file.index)
        #expect(sibling.bytes.count == file.bytes.count)
        #expect(file.code(sibling.bytes) == .wrongFile)
        let foreign = try DamagedFile(seed: 3)
        #expect(file.code(foreign.bytes) == .wrongFile)
        let other = try DamagedFile(kind: .summary, index: file.index)
        #expect(file.code(other.bytes) == .wrongFile)
        #expect(
            file.code(Array("hello".utf8) + [UInt8](repeating: 32, count: file.bytes.count - 5)) == .wrongFile
        )
        // The kind and the id in the header, each alone, behind right checksums.
        for offset in [8, 32] {
            var bytes = file.bytes
            bytes[offset] ^= 3
            #expect(file.codeRepaired(bytes) == .wrongFile, "byte \(offset)")
        }
        // The index that it was made for may be another: files are attached to others.
        var bytes = file.bytes
        bytes[16] ^= 3
        #expect(file.codeRepaired(bytes) == nil)
        var record = file.record
        record.rootHash = sibling.record.rootHash
        #expect(file.code(file.bytes, record: record) == .wrongFile)
    }

    /// The checks that a file makes of itself come before those against the manifest.
    @Test("is not taken for another file when its header, its section table or its checksums are damaged")
    func damagedStructure() throws {
        let footer = file.bytes.count - 64
        let table = Int(RepairedBytes.number(at: footer, 8, in: file.bytes))
        let checksums = Int(RepairedBytes.number(at: table + 32, 8, in: file.bytes))
        // Kind and id in the header, what is behind a section's name, the checksum of a block.
        for place in [8, 32, table + 63, checksums] {
            var bytes = file.bytes
            bytes[place] ^= 3
            #expect(file.code(bytes) == .checksumMismatch, "byte \(place)")
        }
    }

    @Test("is refused when another major version wrote it", arguments: [0, 2, 256, .max] as [UInt16])
    func otherMajorVersion(_ major: UInt16) throws {
        var bytes = file.bytes
        RepairedBytes.put(major, at: 10, in: &bytes)
        #expect(file.codeRepaired(bytes) == .unsupportedVersion)
        // Whose checksums may be others as well.
        #expect(file.code(bytes) == .unsupportedVersion)
    }

    @Test("is read when only the minor version is newer", arguments: [1, 7, .max] as [UInt16])
    func newerMinorVersion(_ minor: UInt16) throws {
        var bytes = file.bytes
        RepairedBytes.put(minor, at: 12, in: &bytes)
        #expect(file.codeRepaired(bytes) == nil)
    }

    @Test("never traps, whatever its numbers say, when the checksums are right")
    func hostileNumbers() throws {
        #expect(file.codeRepaired(file.bytes) == nil)
        let footer = file.bytes.count - 64
        let table = Int(RepairedBytes.number(at: footer, 8, in: file.bytes))
        // Section entries: u32 id, u16 codec, u8 shift, u8, u64 offset, count, elements, checksums, name.
        var fields = [(footer, 8), (footer + 8, 4), (footer + 16, 8), (10, 2)]
        for entry in [table, table + 64] {
            fields += [(entry, 4), (entry + 6, 1), (entry + 8, 8), (entry + 16, 8), (entry + 32, 8)]
        }
        let size = UInt64(file.bytes.count)
        var values: [UInt64] = [0, 1, 2, 63, 64, 4095, 4096, 8192, .max, UInt64.max - 1, UInt64.max - 4095]
        values += [31, 32, 62, 63].map { (shift: UInt64) in UInt64(1) << shift }
        values += [size, size - 1, size - 64, size + 1, UInt64(table), UInt64(table - 1), UInt64(Int64.max)]
        var refused = 0
        for (offset, count) in fields {
            for value in values {
                var bytes = file.bytes
                for byte in 0..<count {
                    bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))
                }
                if bytes != file.bytes, let code = file.codeRepaired(bytes) {
                    refused += 1
                    #expect(expected.contains(code), "\(value) at \(offset): \(code)")
                }
            }
        }
        #expect(refused > 200)
    }

    @Test("is refused when sections overlap or leave no room to read behind, to the byte")
    func places() throws {
        let footer = file.bytes.count - 64
        let table = Int(RepairedBytes.number(at: footer, 8, in: file.bytes))
        let checksums = Int(RepairedBytes.number(at: table + 32, 8, in: file.bytes))
        func code(_ changes: [(Int, UInt64)]) -> GranaryError.Code? {
            var bytes = file.bytes
            for (offset, value) in changes { RepairedBytes.put(value, at: offset, in: &bytes) }
            return file.codeRepaired(bytes)
        }
        // Both sections begin at a border of 4096 bytes, and 64 bytes behind each may be read. A length that
        // the structure allows fails at the checksum of the section's bytes.
        let (first, second) = (table, table + 64)
        #expect(code([(first + 16, 4032)]) == .checksumMismatch)
        #expect(code([(first + 16, 4033)]) == .corrupt)
        #expect(code([(first + 16, 4096)]) == .corrupt)
        #expect(code([(second + 16, UInt64(checksums - 8192 - 64))]) != .corrupt)
        #expect(code([(second + 16, UInt64(checksums - 8192 - 63))]) == .corrupt)
        #expect(code([(second + 8, 4096)]) == .corrupt)
        #expect(code([(first + 8, 0)]) == .corrupt)
        #expect(code([(first + 8, 4097)]) == .corrupt)
        #expect(code([(first + 8, 8192), (second + 8, 4096)]) == .corrupt)
        #expect(code([(first + 32, UInt64(checksums + 4))]) == .corrupt)
        #expect(code([(second + 32, UInt64(checksums))]) == .corrupt)
        var twice = file.bytes
        RepairedBytes.put(UInt32(SampleIndex.letters.rawValue), at: second, in: &twice)
        #expect(file.codeRepaired(twice) == .corrupt)
        for shift: UInt8 in [0, 8, 25, 64, 255] {
            var bytes = file.bytes
            bytes[first + 6] = shift
            #expect(file.codeRepaired(bytes) == .corrupt, "shift \(shift)")
        }
    }

    @Test("never traps on random damage behind right checksums", arguments: [1, 2, 3, 4] as [UInt64])
    func randomDamage(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let footer = file.bytes.count - 64
        let table = Int(RepairedBytes.number(at: footer, 8, in: file.bytes))
        for round in 0..<Effort.rounds(2000) {
            var bytes = file.bytes
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let place = Bool.random(using: &generator) ? table..<bytes.count : 0..<64
                bytes[Int.random(in: place, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            if let code = file.codeRepaired(bytes) {
                #expect(expected.contains(code), "seed \(seed), round \(round): \(code)")
            }
        }
    }

    @Test("names file, section and place")
    func namesThePlace() throws {
        var bytes = file.bytes
        bytes[4096 + 17] ^= 1
        let fileSystem = MemoryFileSystem(["/d/\(file.record.name)": .file(bytes: bytes, number: 1)], seed: 1)
        let container = try Container.open(
            fileSystem: fileSystem, directory: "/d", record: file.record)
        let error = #expect(throws: GranaryError.self) { try container.verify() }
        #expect(error?.code == .checksumMismatch)
        #expect(error?.path == "/d/\(file.record.name)")
        #expect(error?.section == "letters")
        #expect(error?.byteOffset == 0)
        bytes = file.bytes
        bytes[1000] = 1
        let gap = MemoryFileSystem(["/d/\(file.record.name)": .file(bytes: bytes, number: 1)], seed: 1)
        let other = try Container.open(
            fileSystem: gap, directory: "/d", record: file.record)
        #expect(#expect(throws: GranaryError.self) { try other.verify() }?.byteOffset == 1000)
    }
}
