import GranaryStorage
import TestSupport
import Testing

@testable import Granary

/// Searches with a dense vector, against plain computation over what is stored.
@Suite struct HybridSearchTests {
    /// An index of a few segments with deletes, in which some documents lack a half.
    private static func index(
        _ schema: DenseSchema, seed: UInt64
    ) throws -> (test: TestIndex, queries: [(SparseVector, [Float])]) {
        let collection = try Collection.topics(
            documents: 600, topics: 12, components: 500, queries: 12, seed: seed)
        let test = try TestIndex(Schema(dense: schema))
        var random = TestRandom(seed: seed)
        func vector() -> [Float] {
            (0..<schema.dimensions).map { _ in Float(random.int(-1000...1000)) / 500 }
        }
        for part in 0..<3 {
            try test.write(.small(exactBelow: 100)) { (writer) throws(GranaryError) in
                for number in part * 200..<part * 200 + 200 {
                    var document = collection.documents[number]
                    if number % 7 > 0 { document.dense = vector() }
                    if number % 11 == 3 { document.sparse = try SparseVector(components: [], weights: []) }
                    try writer.upsert(document)
                }
                if part > 0 { try writer.delete(id: collection.documents[part * 13].id) }
            }
        }
        return (test, collection.queries.map { ($0, vector()) })
    }

    static let cases = DenseElement.allCases.flatMap { element in DenseMetric.allCases.map { (element, $0) } }

    @Test(arguments: cases) func fuseAsTheDefinitionSays(_ element: DenseElement, _ metric: DenseMetric)
        throws
    {
        let schema = DenseSchema(dimensions: 24, element: element, metric: metric)
        let (test, queries) = try Self.index(schema, seed: 5)
        let snapshot = try test.index.snapshot()
        var order: [DocumentKey] = []
        var stored: [DocumentKey: Document] = [:]
        try snapshot.forEachDocument { document in
            order.append(document.id)
            stored[document.id] = document
        }
        let position = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
        let fusions: [Fusion] = [
            .dense, .linear(sparse: 0.3, dense: 1), .linear(sparse: 2, dense: 0.01),
            .linear(sparse: 1, dense: -0.5), .reciprocalRank(k: 60, sparse: 1, dense: 0.7),
            .normalized(sparse: 0.5, dense: 0.5),
        ]
        for (sparse, dense) in queries {
            let candidates = try snapshot.search(Query(sparse: sparse, k: 80, exact: true))
            let scores = candidates.map { hit in
                stored[hit.id]?.dense.map { metric.definition(of: $0, for: dense) }
            }
            for fusion in fusions {
                var query = Query(sparse: sparse, k: 10, exact: true)
                (query.dense, query.candidates, query.fusion) = (dense, 80, fusion)
                let hits = try snapshot.search(query)
                let expected = Self.fuse(candidates, scores, fusion)
                #expect(hits.count == min(10, expected.count))
                for (rank, hit) in hits.enumerated() {
                    let wanted = try #require(expected[hit.id])
                    #expect(abs(Double(hit.score) - wanted) <= 1e-4 * max(1, abs(wanted)))
                    // No candidate that was left out is better.
                    let better = expected.values.filter { $0 > wanted + 1e-4 * max(1, abs(wanted)) }
                    #expect(better.count <= rank)
                    if rank > 0, hits[rank - 1].score == hit.score {
                        #expect((position[hits[rank - 1].id] ?? 0) < (position[hit.id] ?? 0))
                    }
                }
            }
        }
    }

    /// The score of each candidate by a fusion, in float64.
    private static func fuse(_ candidates: [Hit], _ dense: [Double?], _ fusion: Fusion) -> [DocumentKey:
        Double]
    {
        var result: [DocumentKey: Double] = [:]
        let known = dense.compactMap { $0 }
        let sparse = candidates.map { Double($0.score) }
        func scale(_ value: Double, _ all: [Double]) -> Double {
            guard let low = all.min(), let high = all.max(), high > low else { return 1 }
            return (value - low) / (high - low)
        }
        for (place, hit) in candidates.enumerated() {
            switch fusion {
            case .dense: result[hit.id] = dense[place]
            case .linear(let a, let b):
                result[hit.id] = Double(a) * sparse[place] + Double(b) * (dense[place] ?? known.min() ?? 0)
            case .reciprocalRank(let k, let a, let b):
                var sum = Double(a) / (Double(k) + Double(place + 1))
                if let own = dense[place] {
                    sum += Double(b) / (Double(k) + Double(known.count { $0 > own } + 1))
                }
                result[hit.id] = sum
            case .normalized(let a, let b):
                result[hit.id] =
                    Double(a) * scale(sparse[place], sparse)
                    + Double(b) * (dense[place].map { scale($0, known) } ?? 0)
            }
        }
        return result
    }

    /// Each product is 0.6 of the smallest float, which is what it is rounded to.
    @Test func noScoreIsAboveTheBound() throws {
        let schema = Schema(dense: DenseSchema(dimensions: 24, element: .float32, metric: .innerProduct))
        let test = try TestIndex(schema)
        let row = [Float](repeating: 1.2 * 0x1p-75, count: 24)
        try test.write { (writer) throws(GranaryError) in
            try writer.upsert(Document(id: .number(1), sparse: SparseVector(["x": 1]), dense: row))
        }
        let snapshot = try test.index.snapshot()
        let vector = [Float](repeating: 0x1p-75, count: 24)
        var query = Query(sparse: try SparseVector(["x": 1]), k: 1)
        (query.dense, query.fusion) = (vector, .dense)
        let score = try #require(try snapshot.search(query).first?.score)
        #expect(score == 24 * 0x1p-149)
        #expect(try DenseScorer(snapshot.segments, vector, schema: schema).bound() >= score)
    }

    @Test func aStopByBoundChangesNoHit() throws {
        for metric in [DenseMetric.innerProduct, .cosine] {
            let schema = DenseSchema(dimensions: 24, element: .float16, metric: metric)
            let test = try TestIndex(Schema(dense: schema))
            let collection = try Collection.topics(documents: 800, topics: 4, components: 300, seed: 9)
            var random = TestRandom(seed: 3)
            func vector() -> [Float] { (0..<24).map { _ in Float(random.int(-1000...1000)) / 1000 } }
            try test.write { (writer) throws(GranaryError) in
                for var document in collection.documents {
                    document.dense = vector()
                    try writer.upsert(document)
                }
            }
            let snapshot = try test.index.snapshot()
            var spared = 0
            for sparse in collection.queries {
                var query = Query(sparse: sparse, k: 5, exact: true)
                (query.dense, query.candidates) = (vector(), 400)
                query.fusion = .linear(sparse: 1, dense: 0.05)
                var (all, some) = (SearchStatistics(), SearchStatistics())
                let stopped = try snapshot.search(query, statistics: &some)
                // Every candidate is a hit when so many are asked for: nothing can be left out.
                query.k = 400
                let whole = try snapshot.search(query, statistics: &all)
                #expect(Array(whole.prefix(5)) == stopped)
                spared += all.denseRows - some.denseRows
            }
            #expect(spared > 1000)
        }
    }

    @Test func aCandidateAtTheBoundIsNotLeftOut() throws {
        let schema = Schema(weights: .float32, dense: DenseSchema(dimensions: 4, element: .float32))
        let test = try TestIndex(schema)
        // Sparse scores descend by a thousandth; only one vector, far behind, is as long as the bound says.
        try test.write { (writer) throws(GranaryError) in
            for number in 0..<400 {
                let sparse = try SparseVector(components: [1], weights: [1 - Float(number) / 1000])
                try writer.upsert(
                    Document(
                        id: .number(UInt64(number)), sparse: sparse,
                        dense: number == 300 ? [0.6, 0, 0.8, 0] : [0, 0.01, 0, 0]))
            }
        }
        var query = Query(
            sparse: try SparseVector(components: [1], weights: [1]), dense: [0.6, 0, 0.8, 0], k: 5,
            candidates: 400, fusion: .linear(sparse: 1, dense: 0.4))
        query.accuracy = .exact
        #expect(try test.index.snapshot().search(query).map(\.id) == [300, 0, 1, 2, 3])
    }

    @Test func aFilterHoldsForTheDenseHalfToo() throws {
        let (test, queries) = try Self.index(DenseSchema(dimensions: 24), seed: 7)
        let snapshot = try test.index.snapshot()
        var documents: [Document] = []
        try snapshot.forEachDocument { documents.append($0) }
        let few = documents.enumerated().filter { $0.offset % 17 == 0 }.map(\.element)
        for (sparse, dense) in queries.prefix(4) {
            for sparse in [sparse, try SparseVector(components: [], weights: [])] {
                var query = Query(sparse: sparse, dense: dense, k: 20, candidates: 600)
                query.accuracy = .exact
                query.filter = .allow(few.map(\.id))
                let hits = try snapshot.search(query)
                let found = Dictionary(uniqueKeysWithValues: hits.map { ($0.id, $0.score) })
                let expected = few.filter { $0.dense != nil }
                #expect(hits.count <= 20)
                if sparse.count == 0 { #expect(hits.count == min(20, expected.count)) }
                #expect(Set(found.keys).isSubset(of: expected.map(\.id)))
                // None that was left out is better than one that was found.
                let worst = Double(hits.last?.score ?? 0)
                guard sparse.count == 0 else { continue }
                for document in expected where found[document.id] == nil {
                    let score = try #require(
                        document.dense.map { DenseMetric.innerProduct.definition(of: $0, for: dense) })
                    #expect(score <= worst + 1e-4)
                }
            }
        }
    }

    @Test(arguments: cases) func withoutASparseVectorAllVectorsAreSearched(
        _ element: DenseElement, _ metric: DenseMetric
    ) throws {
        let (test, queries) = try Self.index(
            DenseSchema(dimensions: 24, element: element, metric: metric), seed: 6)
        let snapshot = try test.index.snapshot()
        var documents: [Document] = []
        try snapshot.forEachDocument { documents.append($0) }
        for (_, dense) in queries.prefix(4) {
            var query = Query(sparse: try SparseVector(components: [], weights: []), k: 10, exact: true)
            query.dense = dense
            let hits = try snapshot.search(query)
            let expected = documents.compactMap { $0.dense.map { metric.definition(of: $0, for: dense) } }
                .sorted(
                    by: >)
            #expect(hits.count == 10)
            for (hit, wanted) in zip(hits, expected) {
                #expect(abs(Double(hit.score) - wanted) <= 1e-4 * max(1, abs(wanted)))
                #expect(hit.dense == hit.score)
            }
        }
    }

    @Test func aSparseQueryFindsTheSameWithAndWithoutDenseVectors() throws {
        let (test, queries) = try Self.index(DenseSchema(dimensions: 24), seed: 7)
        let snapshot = try test.index.snapshot()
        let brute = try BruteForce(stored: snapshot)
        for (sparse, _) in queries {
            #expect(
                try snapshot.search(Query(sparse: sparse, k: 10, exact: true)) == brute.search(sparse, k: 10))
        }
    }

    @Test func whatMakesNoSenseIsRefused() throws {
        let (test, queries) = try Self.index(DenseSchema(dimensions: 24, metric: .cosine), seed: 8)
        let snapshot = try test.index.snapshot()
        func code(_ dense: [Float], candidates: Int? = nil, _ fusion: Fusion = .dense) -> GranaryError.Code? {
            var query = Query(sparse: queries[0].0, k: 10, exact: true)
            (query.dense, query.candidates, query.fusion) = (dense, candidates, fusion)
            do throws(GranaryError) {
                _ = try snapshot.search(query)
                return nil
            } catch { return error.code }
        }
        let sound = queries[0].1
        #expect(code(sound) == nil)
        for fusion in [Fusion.dense, .linear(sparse: 1, dense: 1)] {
            let all = try snapshot.search(
                Query(sparse: queries[0].0, dense: sound, k: .max, fusion: fusion))
            #expect(all.count > 10)
        }
        #expect(code([1, 2, 3]) == .invalidArgument)
        #expect(code([Float](repeating: 0, count: 24)) == .invalidArgument)
        #expect(code([Float](repeating: .nan, count: 24)) == .invalidArgument)
        #expect(code(sound, candidates: 0) == .invalidArgument)
        #expect(code(sound, .linear(sparse: .infinity, dense: 1)) == .invalidArgument)
        #expect(code(sound, .reciprocalRank(k: -1, sparse: 1, dense: 1)) == .invalidArgument)
        // Finite weights whose sums are not: no order, and no number of JSON.
        let most = Float.greatestFiniteMagnitude
        #expect(code(sound, .linear(sparse: most, dense: 1)) == .invalidArgument)
        #expect(code(sound, .reciprocalRank(k: 0, sparse: most, dense: most)) == .invalidArgument)
        let plain = try TestIndex([Document(id: "a", sparse: queries[0].0)])
        let query = Query(sparse: queries[0].0, dense: sound)
        #expect(throws: GranaryError.self) { try plain.index.snapshot().search(query) }
    }

    /// Each byte of each page of vectors, flipped: the search says so or does not touch it.
    @Test func aDamagedVectorIsFoundWhenItIsFirstRead() throws {
        let schema = DenseSchema(dimensions: 24, element: .float32)
        let (test, queries) = try Self.index(schema, seed: 4)
        let name = try #require(
            try test.index.snapshot().manifest.files.first { $0.kind == .dense }?.name)
        let sound = try test.index.snapshot()
        var scan = Query(sparse: try SparseVector(components: [], weights: []), k: 700, exact: true)
        scan.dense = queries[0].1
        let hits = try sound.search(scan)
        for offset in stride(from: 4096, to: 4096 + 160 * 96, by: 997) {
            var files = try test.files()
            files[name]?[offset] ^= 0x10
            let copy = try TestFileSystem(files: files, in: TestIndex.path)
            let snapshot = try Index.open(at: TestIndex.path, fileSystem: copy).snapshot()
            do throws(GranaryError) {
                #expect(try snapshot.search(scan) == hits)
                Issue.record("a flipped bit at \(offset) was not found")
            } catch {
                #expect(error.code == .checksumMismatch && error.path?.hasSuffix(name) == true)
            }
        }
    }
}
