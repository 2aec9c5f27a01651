import GranaryStorage
import TestSupport
import Testing

@testable import Granary

/// Dense vectors on their way into files, through merges, and back.
@Suite struct DenseStorageTests {
    static let schemas = DenseElement.allCases.flatMap { element in
        DenseMetric.allCases.map { Schema(dense: DenseSchema(dimensions: 37, element: element, metric: $0)) }
    }

    static func vector(_ seed: UInt64, _ dimensions: Int = 37) -> [Float] {
        var random = TestRandom(seed: seed &+ 1)
        return (0..<dimensions).map { _ in Float(random.next() % 2001) / 1000 - 1 }
    }

    static func document(_ id: UInt64, version: UInt64 = 0, dense: Bool = true) throws(GranaryError)
        -> Document
    {
        Document(
            id: .number(id), sparse: try SparseVector(components: [1, UInt32(id) + 2], weights: [1, 2]),
            dense: dense ? vector(id + 1000 * version) : nil)
    }

    /// What the vectors are after they have been stored, to within the element's precision.
    private func expect(
        _ snapshot: Snapshot, has versions: [UInt64: UInt64?], _ schema: DenseSchema
    ) throws {
        let precision: Float =
            switch schema.element {
            case .float32: 1e-6
            case .float16: 1e-3
            case .bfloat16, .int8: 1e-2
            }
        #expect(snapshot.documentCount == versions.count)
        for (id, version) in versions {
            let stored = try #require(try snapshot.document(id: .number(id))).dense
            guard let version else {
                #expect(stored == nil)
                continue
            }
            var wanted = Self.vector(id + 1000 * version, schema.dimensions)
            if schema.metric == .cosine {
                let norm = wanted.reduce(0) { $0 + $1 * $1 }.squareRoot()
                wanted = wanted.map { $0 / norm }
            }
            let found = try #require(stored)
            #expect(zip(found, wanted).allSatisfy { abs($0 - $1) <= precision })
        }
    }

    @Test(arguments: schemas) func comeBackAsTheyWereStored(_ schema: Schema) throws {
        let test = try TestIndex(schema)
        let dense = try #require(schema.dense)
        var versions: [UInt64: UInt64?] = [:]
        for round: UInt64 in 0..<4 {
            try test.write { (writer) throws(GranaryError) in
                for id in round * 20..<round * 20 + 50 {
                    let has = (id + round) % 5 > 0
                    try writer.upsert(try Self.document(id, version: round, dense: has))
                    versions.updateValue(has ? round : nil, forKey: id)
                }
                try writer.delete(id: .number(round))
                versions[round] = nil
            }
            try expect(try test.index.snapshot(), has: versions, dense)
        }
        try test.write { (writer) throws(GranaryError) in try writer.merge() }
        let merged = try test.index.snapshot()
        #expect(merged.statistics().segments.count == 1)
        try expect(merged, has: versions, dense)
        try merged.verify(.full)
    }

    @Test func haveNoFileWhereNoDocumentHasOne() throws {
        let test = try TestIndex(Schema(dense: DenseSchema(dimensions: 37)))
        try test.write { (writer) throws(GranaryError) in
            for id: UInt64 in 0..<10 { try writer.upsert(try Self.document(id, dense: false)) }
        }
        #expect(try test.files().keys.allSatisfy { !$0.hasSuffix(".dense") })
        try test.write { (writer) throws(GranaryError) in try writer.upsert(try Self.document(3)) }
        #expect(try test.files().keys.filter { $0.hasSuffix(".dense") }.count == 1)
        try expect(
            try test.index.snapshot(),
            has: [0: nil, 1: nil, 2: nil, 3: 0, 4: nil, 5: nil, 6: nil, 7: nil, 8: nil, 9: nil],
            DenseSchema(dimensions: 37))
    }

    @Test func areSeenAfterARefreshAndMergedIntoTheFile() throws {
        let schema = DenseSchema(dimensions: 37, element: .int8)
        let test = try TestIndex(Schema(dense: schema))
        let writer = try test.index.writer(.small())
        defer { writer.close() }
        var versions: [UInt64: UInt64?] = [:]
        for round: UInt64 in 0..<12 {
            for id in round..<round + 3 {
                try writer.upsert(try Self.document(id, version: round))
                versions[id] = round
            }
            try expect(try writer.refresh(), has: versions, schema)
        }
        _ = try writer.commit()
        let snapshot = try test.index.snapshot()
        try expect(snapshot, has: versions, schema)
        try snapshot.verify(.full)
    }

    /// A merge goes on using a large file that is mostly live, and copies one that is small or mostly dead.
    @Test func stayInTheirFileThroughAMerge() throws {
        let schema = DenseSchema(dimensions: 4096, element: .float32)
        let test = try TestIndex(Schema(dense: schema))
        func document(_ id: UInt64, _ value: Float) throws(GranaryError) -> Document {
            var vector = [Float](repeating: 0, count: 4096)
            (vector[0], vector[4095]) = (Float(id), value)
            return Document(
                id: .number(id), sparse: try SparseVector(components: [1], weights: [1]), dense: vector)
        }
        func denseFiles() throws -> Set<String> {
            Set(try test.index.snapshot().manifest.files.filter { $0.kind == .dense }.map(\.name))
        }
        let writer = try test.index.writer(.small())
        defer { writer.close() }
        for id: UInt64 in 0..<1100 { try writer.upsert(try document(id, 1)) }
        _ = try writer.commit()
        let large = try denseFiles()
        for id: UInt64 in 1000..<1200 { try writer.upsert(try document(id, 2)) }
        _ = try writer.commit()
        try writer.merge()
        let shared = try denseFiles()
        #expect(shared.count == 2 && shared.isSuperset(of: large))
        func check(_ snapshot: Snapshot, _ newest: Range<UInt64>, _ value: Float) throws {
            try snapshot.verify(.full)
            for id: UInt64 in stride(from: 0, to: 1200, by: 37) {
                let vector = try #require(try snapshot.document(id: .number(id))?.dense)
                #expect(vector[0] == Float(id))
                #expect(vector[4095] == (newest.contains(id) ? value : id >= 1000 ? 2 : 1))
            }
        }
        try check(try test.index.snapshot(), 0..<0, 0)
        // A backup and an attached copy have the shared file too.
        try test.index.snapshot().backup(to: "copy")
        try check(try Index.open(at: "copy", fileSystem: test.fileSystem).snapshot(), 0..<0, 0)
        for id: UInt64 in 0..<400 { try writer.upsert(try document(id, 3)) }
        _ = try writer.commit()
        try writer.merge()
        #expect(try denseFiles().isDisjoint(with: large))
        try check(try test.index.snapshot(), 0..<400, 3)
        let other = try TestIndex(Schema(dense: schema), fileSystem: test.fileSystem, at: "other")
        try other.write { (writer) throws(GranaryError) in try writer.attach(["copy"]) }
        try check(try other.index.snapshot(), 0..<0, 0)
    }

    @Test func refuseWhatIsNoVectorOfTheSchema() throws {
        let sparse = try SparseVector(components: [1], weights: [1])
        func code(_ schema: DenseSchema?, _ vector: [Float]) throws -> (GranaryError.Code?, String) {
            let test = try TestIndex(Schema(dense: schema))
            let writer = try test.index.writer(.small())
            defer { writer.close() }
            do throws(GranaryError) {
                try writer.upsert(Document(id: "a", sparse: sparse, dense: vector))
                return (nil, "")
            } catch { return (error.code, error.message) }
        }
        let schema = DenseSchema(dimensions: 3, element: .float16, metric: .cosine)
        for (vector, text) in [
            ([1, 2], "3 dimensions, found 2"), ([1, .nan, 0], "nan at dimension 1"),
            ([0, 0, 0], "above zero"), ([1, 2, .infinity], "inf at dimension 2"),
        ] as [([Float], String)] {
            let (found, message) = try code(schema, vector)
            #expect(found == .invalidArgument && message.contains(text) && message.contains("document a"))
        }
        let large = try code(DenseSchema(dimensions: 2, element: .float16), [0, 70_000])
        #expect(large.0 == .invalidArgument)
        #expect(try code(nil, [1]).1.contains("the schema has none"))
        #expect(throws: GranaryError.self) { try TestIndex(Schema(dense: DenseSchema(dimensions: 0))) }
        #expect(throws: GranaryError.self) { try TestIndex(Schema(dense: DenseSchema(dimensions: 8193))) }
    }
}
