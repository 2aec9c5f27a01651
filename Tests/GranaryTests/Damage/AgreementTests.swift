import Granary
import GranaryStorage
import TestSupport
import Testing

/// Files that are sound one by one and contradict each other or their manifest, every checksum right.
@Suite struct AgreementTests {
    private static func document(_ id: String, _ weight: Float = 1) throws(GranaryError) -> Document {
        Document(
            id: .string(id), sparse: try SparseVector(components: [1, 2], weights: [weight, 3]),
            dense: [weight, 2])
    }

    /// Two segments, the second with fewer documents; "b" of the first is replaced in the second.
    private static func files() throws -> [String: [UInt8]] {
        let test = try TestIndex(Schema(dense: DenseSchema(dimensions: 2, element: .float32)))
        for ids in [["a", "b", "c"], ["b", "d"]] {
            try test.write { (writer) throws(GranaryError) in
                for id in ids { try writer.upsert(try document(id, Float(ids.count))) }
            }
        }
        return try test.files()
    }

    private static func index(
        _ files: [String: [UInt8]], _ change: @escaping (inout Manifest) -> Void
    ) throws -> (index: Index, disk: TestFileSystem) {
        let disk = try IndexImage.rewrite(files, directory: TestIndex.path, manifest: change)
        return (try Index.open(at: TestIndex.path, fileSystem: disk), disk)
    }

    /// Gives the first segment its deleted document back.
    private static func revive(_ manifest: inout Manifest) {
        guard let dead = manifest.segments[0].deadFile else { return }
        manifest.files.remove(at: Int(dead))
        (manifest.segments[0].deadFile, manifest.segments[0].dead) = (nil, 0)
        for segment in manifest.segments.indices {
            manifest.segments[segment].files = manifest.segments[segment].files.map {
                $0 > dead ? $0 - 1 : $0
            }
        }
    }

    @Test func aFileOfTwoSegmentsOrTwiceInOneOrInNoneIsRefused() throws {
        let changes: [@Sendable (inout Manifest) -> Void] = [
            { manifest in
                var copy = manifest.segments[1]
                copy.ordinal = manifest.nextSegmentOrdinal
                manifest.nextSegmentOrdinal += 1
                manifest.segments.append(copy)
            },
            { manifest in
                let dense = manifest.segments[1].files[2]
                manifest.segments[1].files += [UInt32](repeating: dense, count: 1000)
            },
            { $0.segments.removeLast() },
            { manifest in
                let none = Identifier128(high: 0, low: 0)
                manifest.files.append(FileRecord(id: none, kind: .dead, length: .max, rootHash: none))
            },
        ]
        for change in changes {
            let (index, disk) = try Self.index(try Self.files(), change)
            #expect(errorCode { _ = try index.snapshot() } == .corrupt)
            #expect(errorCode { _ = try index.writer(.small()) } != nil)
            #expect(
                errorCode { _ = try Index.repairPlan(at: TestIndex.path, fileSystem: disk) } == .corrupt)
        }
    }

    @Test func aKeyThatIsLiveInTwoSegmentsIsFoundAndRepaired() throws {
        let (index, disk) = try Self.index(try Self.files(), Self.revive)
        let error = #expect(throws: GranaryError.self) { try index.snapshot().verify(.full) }
        #expect(error?.code == .corrupt && error?.section == "keys")
        let plan = try Index.repairPlan(at: TestIndex.path, fileSystem: disk)
        #expect(plan.lost.count == 1 && plan.lost.first?.documents == 2 && plan.documents == 3)
        _ = try Index.repair(plan, fileSystem: disk)
        let repaired = try index.snapshot()
        try repaired.verify(.full)
        #expect(repaired.documentCount == 3)
        #expect(try Index.repairPlan(at: TestIndex.path, fileSystem: disk).isSound)
    }

    @Test func anIndexWithAKeyThatIsLiveTwiceIsNotAttached() throws {
        let (source, disk) = try Self.index(try Self.files(), Self.revive)
        let index = try Index.create(at: "other", schema: source.schema, fileSystem: disk)
        let writer = try index.writer(.small())
        defer { writer.close() }
        #expect(errorCode { _ = try writer.attach([TestIndex.path]) } == .corrupt)
        #expect(try writer.refresh().documentCount == 0)
    }

    @Test func aSequenceNumberOfTwoLiveDocumentsIsFoundAndRepaired() throws {
        let (index, disk) = try Self.index(try Self.files()) { manifest in
            let first = manifest.segments[0].firstSequence
            manifest.segments[1].lastSequence -= manifest.segments[1].firstSequence - first
            manifest.segments[1].firstSequence = first
        }
        let error = #expect(throws: GranaryError.self) { try index.snapshot().verify(.full) }
        #expect(error?.code == .corrupt && error?.section == "insertions")
        let plan = try Index.repairPlan(at: TestIndex.path, fileSystem: disk)
        // Two live documents each.
        #expect(plan.lost.count == 1 && plan.documents == 2)
        _ = try Index.repair(plan, fileSystem: disk)
        try index.snapshot().verify(.full)
    }

    @Test func sequenceNumbersBetweenThoseOfAnotherSegmentAreSound() throws {
        let test = try TestIndex()
        for ids in [["a", "b"], ["c", "d"]] {
            try test.write { (writer) throws(GranaryError) in
                for id in ids {
                    try writer.upsert(
                        Document(id: .string(id), sparse: try SparseVector(components: [1], weights: [1])))
                    for _ in 0..<5 { try writer.delete(id: "none") }
                }
            }
        }
        let (index, _) = try Self.index(try test.files()) { manifest in
            manifest.segments[1].firstSequence -= 9
            manifest.segments[1].lastSequence -= 9
        }
        try index.snapshot().verify(.full)
        let writer = try index.writer(.small())
        try writer.merge(to: 1)
        writer.close()
        var ids: [DocumentKey] = []
        let merged = try index.snapshot()
        try merged.verify(.full)
        try merged.forEachDocument { ids.append($0.id) }
        #expect(ids == ["a", "c", "b", "d"])
    }

    @Test(arguments: ["list maxima", "list flags"], [0, 1000])
    func whatStandsBesideAListAndIsNotTrueIsFound(_ name: String, _ blocksFrom: Int) throws {
        var options = WriterOptions.small(exactBelow: 10, blocksFrom: blocksFrom, calibrationQueries: 2)
        options.build.postingsPerDocument = 2
        let collection = try Collection.random(documents: 90, components: 12, seed: 113)
        let test = try TestIndex(collection.documents, options: options)
        let snapshot = try test.index.snapshot()
        #expect((snapshot.statistics().segments[0].blocks > 0) == (blocksFrom == 0))
        try snapshot.verify(.full)
        var changes = 0
        let disk = try IndexImage.rewrite(
            try test.files(), directory: TestIndex.path,
            section: { _, section, bytes in
                guard section.id.name == name else { return bytes }
                // Half of each maximum; every list whole.
                let changed =
                    name == "list flags"
                    ? bytes.map { _ in UInt8(1) }
                    : bytes.enumerated().map { $0 % 4 == 3 ? $1 - 1 : $1 }
                changes += changed == bytes ? 0 : 1
                return changed
            })
        #expect(changes == 1)
        let damaged = try Index.open(at: TestIndex.path, fileSystem: disk).snapshot()
        let error = #expect(throws: GranaryError.self) { try damaged.verify(.full) }
        #expect(error?.code == .corrupt && error?.section == name)
    }

    /// A value of another document, one too few, one too many; a merge takes them from the payloads anew.
    @Test(arguments: [[0, 2], [0], [0, 1, 2]]) func fieldsThatContradictPayloadsAreFound(_ found: [Int])
        throws
    {
        let test = try TestIndex(Schema(fields: [Field("n", .integer)]))
        try test.write { (writer) throws(GranaryError) in
            for (number, value) in [7, 7, 8].enumerated() {
                try writer.upsert(
                    Document(
                        id: .number(UInt64(number)), sparse: try SparseVector(["x": 1]),
                        payload: Array("{\"n\": \(value)}".utf8)))
            }
        }
        let disk = try IndexImage.rewrite(
            try test.files(), directory: TestIndex.path,
            section: { _, section, bytes in
                switch section.id.name {
                case "field ordinals": (found + [2]).flatMap { [UInt8($0), 0, 0, 0] }
                case "field runs": [0, found.count, found.count + 1].flatMap { [UInt8($0), 0, 0, 0] }
                default: bytes
                }
            })
        let index = try Index.open(at: TestIndex.path, fileSystem: disk)
        let error = #expect(throws: GranaryError.self) { try index.snapshot().verify(.full) }
        #expect(error?.code == .corrupt && error?.section == "field ordinals")
        let writer = try index.writer(.small())
        defer { writer.close() }
        try writer.upsert(Document(id: .number(3), sparse: SparseVector(["x": 1])))
        _ = try writer.commit()
        try writer.merge(to: 1)
        let merged = try index.snapshot()
        try merged.verify(.full)
        var query = Query(sparse: try SparseVector(["x": 1]), k: 9, exact: true)
        query.filter = .equals("n", .integer(7))
        #expect(try merged.search(query).map(\.id) == [.number(0), .number(1)])
    }

    @Test func aRowThatIsLongerThanTheLongestIsFound() throws {
        let disk = try IndexImage.rewrite(
            try Self.files(), directory: TestIndex.path,
            section: { _, section, bytes in
                guard section.id.name == "dense" else { return bytes }
                var bytes = bytes
                RepairedBytes.put(Float(0.5).bitPattern, at: 20, in: &bytes)
                return bytes
            })
        let snapshot = try Index.open(at: TestIndex.path, fileSystem: disk).snapshot()
        let error = #expect(throws: GranaryError.self) { try snapshot.verify(.full) }
        #expect(error?.code == .corrupt && error?.section == "dense")
    }

    /// The sum of as many impacts has room in 16 bits only where a document has fewer.
    @Test func aQueryOfAsManyComponentsAsHavePlacesFindsTheBestOfAnySegment() throws {
        let most: UInt32 = 65_535
        func document(_ number: UInt32, _ weight: Float) throws(GranaryError) -> Document {
            let components = number % 3 * 30_000..<(number % 3 + 1) * 30_000
            return Document(
                id: .number(UInt64(number)),
                sparse: try SparseVector(
                    components: Array(components), weights: components.map { _ in weight }))
        }
        let test = try TestIndex(Schema())
        for numbers in [UInt32(0)..<3, 3..<6] {
            let options = WriterOptions.small(exactBelow: 1, blocksFrom: 1000, calibrationQueries: 0)
            try test.write(options) { (writer) throws(GranaryError) in
                for number in numbers { try writer.upsert(try document(number, Float(number + 1))) }
            }
        }
        let snapshot = try test.index.snapshot()
        func query(_ count: UInt32) throws(GranaryError) -> SparseVector {
            try SparseVector(components: Array(0..<count), weights: (0..<count).map { _ in 1 })
        }
        let expected: [Float] = [150_000, 120_000, 60_000]
        for query in [
            Query(sparse: try query(most), k: 3, exact: true),
            Query(sparse: try query(most), k: 3, settings: .everything),
        ] { #expect(try snapshot.search(query).map(\.score) == expected) }
        let tooMany = try query(most + 1)
        #expect(errorCode { _ = try snapshot.search(Query(sparse: tooMany, k: 3)) } == .tooLarge)
        #expect(errorCode { _ = try snapshot.score(tooMany, ids: [.number(0)]) } == .tooLarge)
    }

    /// Several documents of a segment may have one key, all but one of them dead.
    @Test func aRepairOfManyDocumentsOfOneKeyKeepsTheNewestAndDoesNotCompareEachWithEach() throws {
        let count = 6000
        let test = try TestIndex()
        try test.write { (writer) throws(GranaryError) in
            for number in 0..<count {
                try writer.upsert(
                    Document(
                        id: .number(UInt64(number)),
                        sparse: try SparseVector(components: [1], weights: [Float(number + 1)])))
            }
        }
        try test.write { (writer) throws(GranaryError) in
            for number in 1..<count { try writer.delete(id: .number(UInt64(number))) }
        }
        let key = [UInt8(1)] + [UInt8](repeating: 0, count: 8)
        let hash = Checksum.blake2s128(key).high
        let disk = try IndexImage.rewrite(
            try test.files(), directory: TestIndex.path,
            section: { _, section, bytes in
                switch section.id.name {
                case "keys": return (0..<count).flatMap { _ in key }
                case "key hashes":
                    var bytes = bytes
                    for place in 0..<count { RepairedBytes.put(hash, at: 8 * place, in: &bytes) }
                    return bytes
                case "key ordinals":
                    var bytes = bytes
                    for place in 0..<count { RepairedBytes.put(UInt32(place), at: 4 * place, in: &bytes) }
                    return bytes
                default: return bytes
                }
            })
        let index = try Index.open(at: TestIndex.path, fileSystem: disk)
        try index.snapshot().verify(.full)
        // Without the deletes, the newest is the one that is live.
        let files = try disk.files(in: TestIndex.path)
        let damaged = try IndexImage.rewrite(
            files, directory: TestIndex.path,
            section: { _, section, bytes in section.id.name == "dead" ? [] : bytes })
        let plan = try Index.repairPlan(at: TestIndex.path, fileSystem: damaged)
        #expect(plan.lost.isEmpty && plan.revived.count == 1 && plan.documents == 1)
        _ = try Index.repair(plan, fileSystem: damaged)
        let repaired = try Index.open(at: TestIndex.path, fileSystem: damaged).snapshot()
        try repaired.verify(.full)
        #expect(
            try repaired.document(id: .number(0))?.sparse
                == SparseVector(components: [1], weights: [Float(count)]))
    }
}
