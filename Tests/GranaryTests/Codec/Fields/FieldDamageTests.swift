import Granary
import TestSupport
import Testing

/// Columns of fields with bytes that no writer makes, every checksum right.
@Suite struct FieldDamageTests {
    private static let facts = Result {
        FactDocuments(
            try Collection.random(documents: 150, components: 40, entries: 5...20, seed: 91).documents,
            seed: 92)
    }
    private static let files = Result {
        try TestIndex(
            try facts.get().documents, schema: Schema(fields: FactDocuments.fields),
            options: .small(exactBelow: 30, calibrationQueries: 2)
        ).files()
    }

    /// The index with other bytes in some sections.
    private static func image(_ change: @escaping (String, Int, [UInt8]) -> [UInt8]?) throws -> TestFileSystem
    {
        try IndexImage.rewrite(
            try files.get(), directory: TestIndex.path,
            section: { _, section, bytes in
                guard section.id.rawValue >= 256 else { return bytes }
                return change(section.id.name, Int(section.id.rawValue - 256) / 4, bytes)
            })
    }

    /// The code of the error of opening or a full verification.
    private static func fault(_ fileSystem: TestFileSystem) -> GranaryError.Code? {
        errorCode {
            try Index.open(at: TestIndex.path, fileSystem: fileSystem).snapshot().verify(.full)
        }
    }

    @Test func changedColumnsNeverTrap() throws {
        let facts = try Self.facts.get()
        var random = TestRandom(seed: 93)
        let filters =
            (0..<12).map { _ in facts.filter(&random) }
            + FactDocuments.fields.map { .range($0.name, FieldRange()) }
        let query = try SparseVector(components: Array(0..<40), weights: [Float](repeating: 1, count: 40))
        var refused = 0
        for name in ["field values", "field text starts", "field runs", "field ordinals"] {
            for field in FactDocuments.fields.indices {
                for way in 0..<14 {
                    let fileSystem = try Self.image { section, number, bytes in
                        guard section == name, number == field else { return bytes }
                        return Self.change(bytes, way, &random)
                    }
                    let index = try Index.open(at: TestIndex.path, fileSystem: fileSystem)
                    guard let snapshot = try? index.snapshot() else { continue }
                    for filter in filters {
                        var asked = Query(sparse: query, k: 5)
                        asked.filter = filter
                        if errorCode({ _ = try snapshot.search(asked) }) == .corrupt { refused += 1 }
                    }
                    _ = errorCode { try snapshot.verify(.full) }
                    // A merge copies columns.
                    guard let writer = try? index.writer(.small()) else { continue }
                    let document = Document(id: 1, sparse: query, payload: Array("{\"year\": 1}".utf8))
                    _ = errorCode {
                        try writer.upsert(document)
                        _ = try writer.commit()
                        try writer.merge(to: 1)
                    }
                    writer.close()
                }
            }
        }
        #expect(refused > 100)
    }

    private static func change(_ bytes: [UInt8], _ way: Int, _ random: inout TestRandom) -> [UInt8]? {
        var bytes = bytes
        switch way {
        case 0: return nil
        case 1: return []
        case 2: return Array(bytes.prefix(random.int(0...bytes.count)))
        case 3: return Array(bytes.prefix(bytes.count / 16 * 8))
        case 4: return [UInt8](repeating: 0xff, count: bytes.count)
        case 5: return [UInt8](repeating: 0, count: bytes.count)
        case 6: return bytes.reversed()
        case 7: return bytes + [UInt8](repeating: 0, count: 8)
        default:
            guard bytes.count >= 4 else { return [1] }
            let start = random.int(0...bytes.count / 4 - 1) * 4
            let value = [UInt32.max, 0x7fff_ffff, 0, UInt32(random.int(0...200))][way % 4]
            for byte in 0..<4 { bytes[start + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte)) }
            return bytes
        }
    }

    @Test func aFullVerificationFindsWhatAColumnMayNotSay() throws {
        #expect(Self.fault(try Self.image { _, _, bytes in bytes }) == nil)
        func swapped(_ bytes: [UInt8], _ a: Int, _ b: Int, _ size: Int) -> [UInt8] {
            var bytes = bytes
            for byte in 0..<size { bytes.swapAt(a * size + byte, b * size + byte) }
            return bytes
        }
        func with(_ bytes: [UInt8], _ place: Int, _ value: UInt8) -> [UInt8] {
            var bytes = bytes
            bytes[place] = value
            return bytes
        }
        // Fields: 0 language and 4 tags are strings, 1 year, 2 price, 3 draft.
        let changes: [(String, Int, ([UInt8]) -> [UInt8])] = [
            ("field values", 1, { swapped($0, 0, 1, 8) }), ("field values", 1, { swapped($0, 0, 20, 8) }),
            ("field values", 1, { with($0, 8, $0[0]) }),
            ("field values", 2, { [UInt8](repeating: 0xff, count: 8) + $0.dropFirst(8) }),
            ("field values", 2, { [UInt8](repeating: 0, count: 8) + $0.dropFirst(8) }),
            ("field values", 3, { with($0, 8, 2) }), ("field values", 0, { with($0, 0, 0xff) }),
            ("field values", 4, { with($0, 0, UInt8(ascii: "z")) }),
            ("field text starts", 0, { with($0, 8, $0[8] &+ 1) }),
            ("field text starts", 4, { swapped($0, 1, 2, 4) }),
            ("field runs", 1, { with($0, 4, $0[8]) }), ("field runs", 2, { with($0, 0, 1) }),
            ("field runs", 3, { with($0, 8, $0[8] - 1) }),
            ("field ordinals", 1, { with($0, 0, 150) }),
            ("field ordinals", 3, { swapped($0, 3, 4, 4) }), ("field ordinals", 3, { with($0, 4, $0[0]) }),
        ]
        for (number, (name, field, change)) in changes.enumerated() {
            let fileSystem = try Self.image { section, place, bytes in
                section == name && place == field ? change(bytes) : bytes
            }
            #expect(Self.fault(fileSystem) == .corrupt, "change \(number) of \(name) \(field)")
        }
    }

    @Test func columnsThatDoNotGoWithTheSchemaAreRefused() throws {
        let files = try Self.files.get()
        // Another kind of the first field, which its name follows.
        let other = try IndexImage.rewrite(
            files, directory: TestIndex.path, manifest: { $0.schema[8] = Field.Kind.boolean.rawValue })
        #expect(Self.fault(other) == .corrupt)
        let none = try IndexImage.rewrite(
            files, directory: TestIndex.path, manifest: { $0.schema = Array($0.schema.prefix(6)) + [0, 0] })
        #expect(Self.fault(none) == .corrupt)
        let newer = try IndexImage.rewrite(
            files, directory: TestIndex.path,
            codec: { $0.id.name == "field values" ? 9 : $0.codec })
        #expect(Self.fault(newer) == .unsupportedVersion)
        let runs = try IndexImage.rewrite(
            files, directory: TestIndex.path,
            codec: { $0.id.name == "field runs" ? 9 : $0.codec })
        #expect(Self.fault(runs) == .unsupportedVersion)
    }
}
