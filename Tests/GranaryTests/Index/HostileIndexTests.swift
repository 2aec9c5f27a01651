import Granary
import GranaryStorage
import TestSupport
import Testing

/// Bytes that no writer makes, with every checksum right: nothing but the engine's own checks stands
/// between them and a trap.
@Suite struct HostileIndexTests {
    /// Segments with blocks and with impact-ordered lists, tokens, payloads, deletes; uint8 weights have
    /// steps besides.
    private static func files(_ weights: WeightType, tokens: Bool, wide: Bool) throws -> [String: [UInt8]] {
        let collection = try Collection.random(
            documents: 90, components: 40, stride: wide ? 90_000_000 : 1, seed: 111)
        let test = try TestIndex(
            Schema(weights: weights, dense: DenseSchema(dimensions: 5, element: tokens ? .int8 : .float32)))
        try test.write(.small(exactBelow: 30, blocksFrom: 45, segmentDocuments: 50, calibrationQueries: 2)) {
            (writer) throws(GranaryError) in
            for (number, var document) in collection.documents.enumerated() {
                // Places in the one segment, plain row numbers in the other.
                if number % 4 > 0 || number >= 50 { document.dense = [1, -2, 0, Float(number), 0.5] }
                if tokens {
                    let named = document.sparse.weightOfComponent.map { ("t\($0.key)", $0.value) }
                    document.sparse = try SparseVector(tokens: named)
                }
                try writer.upsert(document)
            }
        }
        try test.write { (writer) throws(GranaryError) in
            for document in collection.documents.prefix(9) { try writer.delete(id: document.id) }
        }
        return try test.files()
    }

    /// Opens, uses, verifies and writes: errors are fine, traps are not.
    private static func use(_ fileSystem: TestFileSystem) throws {
        let index: Index
        do throws(GranaryError) { index = try Index.open(at: TestIndex.path, fileSystem: fileSystem) } catch {
            return
        }
        if let snapshot = try? index.snapshot() {
            try DamagedIndex.exercise(snapshot)
            _ = errorCode { try snapshot.verify(.full) }
        }
        guard let writer = try? index.writer(.small(calibrationQueries: 1)) else { return }
        defer { writer.close() }
        let vectors = [
            try SparseVector(["t1": 1, "t2": 500, "new": 2]),
            try SparseVector(components: [0, 1, 7], weights: [1, 900, 3]),
        ]
        for (number, vector) in vectors.enumerated() {
            _ = errorCode { try writer.upsert(Document(id: .number(UInt64(number) * 3), sparse: vector)) }
        }
        _ = errorCode { try writer.delete(id: "d1") }
        _ = errorCode { _ = try writer.commit() }
        if let snapshot = try? index.snapshot() { try DamagedIndex.exercise(snapshot) }
    }

    /// A change of a section's bytes, by number.
    private static func change(_ bytes: [UInt8], _ way: Int, _ random: inout TestRandom) -> [UInt8]? {
        var bytes = bytes
        func place(_ size: Int) -> Int { random.int(0...max(0, bytes.count / size - 1)) * size }
        switch way {
        case 0: return nil
        case 1: return []
        case 2: return Array(bytes.prefix(random.int(0...bytes.count)))
        case 3: return bytes + [UInt8](repeating: 0xff, count: random.int(1...100))
        case 4: return [UInt8](repeating: 0xff, count: bytes.count)
        case 5: return [UInt8](repeating: 0, count: bytes.count)
        case 6: return bytes.reversed()
        case 7, 8, 9:
            let start = place(4)
            let value = [UInt32.max, 0x7fff_ffff, UInt32(random.int(0...200))][way - 7]
            for byte in 0..<4 where start + byte < bytes.count {
                bytes[start + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte))
            }
            return bytes
        default:
            if bytes.isEmpty { return [1] }
            for _ in 0..<random.int(1...12) {
                bytes[random.int(0...bytes.count - 1)] = UInt8(random.int(0...255))
            }
            return bytes
        }
    }

    @Test(arguments: [
        (WeightType.float16, true, false), (.uint8, false, false), (.float32, false, true),
    ]) func changedSectionsNeverTrap(_ weights: WeightType, _ tokens: Bool, _ wide: Bool) throws {
        let files = try Self.files(weights, tokens: tokens, wide: wide)
        let source = try TestFileSystem(files: files, in: TestIndex.path)
        let manifest = try IndexDirectory.latestManifest(fileSystem: source, path: TestIndex.path)
        var random = TestRandom(seed: 112)
        var images = 0
        for (place, record) in manifest.files.enumerated() {
            let container = try Container.open(
                fileSystem: source, directory: TestIndex.path, record: record)
            for section in container.sections {
                for way in 0..<11 {
                    let fileSystem = try IndexImage.rewrite(
                        files, directory: TestIndex.path,
                        section: { file, candidate, bytes in
                            guard file == place, candidate.id == section.id else { return bytes }
                            return Self.change(bytes, way, &random)
                        })
                    try Self.use(fileSystem)
                    images += 1
                }
            }
        }
        #expect(images > 300)
    }

    @Test func aRewrittenIndexIsWhole() throws {
        let files = try Self.files(.float16, tokens: true, wide: false)
        let fileSystem = try IndexImage.rewrite(files, directory: TestIndex.path)
        try Index.open(at: TestIndex.path, fileSystem: fileSystem).snapshot().verify(.full)
    }

    @Test func hostileManifestsNeverTrap() throws {
        let files = try Self.files(.uint8, tokens: false, wide: false)
        let changes: [(inout Manifest) -> Void] = [
            { $0.nextSequence = .max },
            { $0.nextSegmentOrdinal = .max },
            {
                $0.nextSequence = .max; $0.segments[0].firstSequence = .max - 100;
                $0.segments[0].lastSequence = .max - 1
            },
            {
                $0.segments[0].firstSequence = 1 << 63; $0.nextSequence = .max;
                $0.segments[0].lastSequence = 1 << 63
            },
            { $0.generation = .max },
            { $0.generation = .max - 1 },
            { $0.segments[0].documents = .max },
            { $0.segments[0].documents = 0 },
            { $0.segments[0].dead = $0.segments[0].documents },
            { $0.segments[0].dead = 1 },
            { $0.segments[0].deadFile = 0 },
            {
                $0.segments[0].deadFile = nil; $0.segments[0].dead = 0
            },
            { $0.segments[0].files = [] },
            { $0.segments[0].files = [0] },
            { $0.segments[0].files = [1, 0] },
            { $0.segments[0].files = [0, 0] },
            { $0.segments[0].files = $0.segments[1].files },
            {
                $0.segments[1].files = $0.segments[0].files;
                $0.segments[1].documents = $0.segments[0].documents
            },
            { $0.segments.swapAt(0, 1) },
            { $0.segments.removeAll() },
            { $0.segments.append($0.segments[0]) },
            { $0.schema = [1, 1, 0, 0, 0, 0, 0, 0] },
            { $0.schema = [] },
            { $0.schema = [9, 9, 0, 0, 0, 0, 0, 0] },
            {
                let none = Identifier128(high: 0, low: 0)
                $0.files.append(FileRecord(id: none, kind: .blocks, length: .max, rootHash: none))
            },
            { $0.files[0].length = .max },
            { $0.files.swapAt(0, 1) },
        ]
        for change in changes {
            // Some are refused as soon as they are written.
            guard let image = try? IndexImage.rewrite(files, directory: TestIndex.path, manifest: change)
            else {
                continue
            }
            try Self.use(image)
        }
    }

    @Test func weightsOfAnotherTypeThanTheSchemasAreFound() throws {
        let files = try Self.files(.float16, tokens: false, wide: false)
        let fileSystem = try IndexImage.rewrite(
            files, directory: TestIndex.path, manifest: { $0.schema[0] = WeightType.uint8.rawValue })
        let index = try Index.open(at: TestIndex.path, fileSystem: fileSystem)
        #expect(errorCode { _ = try index.snapshot() } == .corrupt)
        #expect(errorCode { _ = try index.writer() } == .corrupt)
    }

    @Test func everyDisorderOfTheTableOfKeysIsFound() throws {
        let files = try Self.files(.float16, tokens: false, wide: false)
        for (name, size) in [("key hashes", 8), ("key ordinals", 4)] {
            for (from, to) in [(0, 1), (20, 21), (0, 40), (5, 5)] {
                let fileSystem = try IndexImage.rewrite(
                    files, directory: TestIndex.path,
                    section: { file, section, bytes in
                        guard file == 0, section.id.name == name else { return bytes }
                        var changed = bytes
                        for byte in 0..<size { changed.swapAt(from * size + byte, to * size + byte) }
                        if from == to { changed[from * size] ^= 1 }
                        return changed
                    })
                let snapshot = try Index.open(at: TestIndex.path, fileSystem: fileSystem).snapshot()
                let error = errorCode { try snapshot.verify(.full) }
                #expect(error == .corrupt, "\(name) \(from), \(to)")
            }
        }
    }

    @Test func codecsOfANewerVersionAreRefused() throws {
        let files = try Self.files(.float16, tokens: false, wide: false)
        for name in ["rows", "postings", "summaries", "component lookup"] {
            let fileSystem = try IndexImage.rewrite(
                files, directory: TestIndex.path, codec: { $0.id.name == name ? 9 : $0.codec })
            let index = try Index.open(at: TestIndex.path, fileSystem: fileSystem)
            #expect(errorCode { _ = try index.snapshot() } == .unsupportedVersion, "\(name)")
        }
    }

    @Test func aRepairOfFilesBeyondEveryDiskLosesTheirSegments() throws {
        let files = try Self.files(.float16, tokens: false, wide: false)
        let fileSystem = try IndexImage.rewrite(
            files, directory: TestIndex.path,
            manifest: { manifest in
                for place in manifest.files.indices { manifest.files[place].length = .max }
            })
        let plan = try Index.repairPlan(at: TestIndex.path, fileSystem: fileSystem)
        #expect(plan.lost.count == 2)
        #expect(plan.documents == 0)
    }

    @Test func aLargeComponentInASmallFileAsksForNoListOfItsLength() throws {
        let files = try Self.files(.float16, tokens: true, wide: false)
        let fileSystem = try IndexImage.rewrite(
            files, directory: TestIndex.path,
            section: { _, section, bytes in
                guard section.id.name == "components", bytes.count > 4 else { return bytes }
                return [0xff, 0xff, 0xff, 0x03] + bytes.dropFirst(4)
            })
        let snapshot = try Index.open(at: TestIndex.path, fileSystem: fileSystem).snapshot()
        #expect(errorCode { _ = try snapshot.vocabulary() } == .tooLarge)
    }
}
