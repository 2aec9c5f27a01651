import Granary
import TestSupport
import Testing

/// Approximate search of a collection with the structure of topics.
@Suite struct ApproximateSearchTests {
    /// One collection and its index for all tests: building takes seconds.
    private struct Built {
        var collection: Collection
        var snapshot: Snapshot
        var reference: BruteForce
    }
    private static let ofBlocks = Result { try Self.build(blocksFrom: 0) }
    private static let ofImpacts = Result { try Self.build(blocksFrom: 1 << 30) }

    private static func build(blocksFrom: Int) throws -> Built {
        let collection = try Collection.topics(documents: 6000, seed: 31)
        let test = try TestIndex(
            collection.documents,
            options: .small(blocksFrom: blocksFrom, calibrationQueries: 60, threads: 2))
        let snapshot = try test.index.snapshot()
        return Built(collection: collection, snapshot: snapshot, reference: try BruteForce(stored: snapshot))
    }

    @Test(arguments: [0.9, 0.95, 0.99], [false, true])
    func measuredRecallIsNearWhatIsAskedFor(_ wanted: Double, hasBlocks: Bool) throws {
        let built = try (hasBlocks ? Self.ofBlocks : Self.ofImpacts).get()
        var sum = 0.0
        for query in built.collection.queries {
            let hits = try built.snapshot.search(Query(sparse: query, k: 10, recall: wanted))
            #expect(hits.count == 10)
            sum += built.reference.recall(hits, query, k: 10)
        }
        let measured = sum / Double(built.collection.queries.count)
        #expect(measured >= wanted - 0.03, "asked for \(wanted), measured \(measured)")
    }

    @Test(arguments: [false, true])
    func moreRecallCostsMoreAndAllIsLessThanReadingEveryRow(hasBlocks: Bool) throws {
        let built = try (hasBlocks ? Self.ofBlocks : Self.ofImpacts).get()
        var costs: [Int] = []
        for wanted in [0.8, 0.9, 0.99] {
            var total = SearchStatistics()
            for query in built.collection.queries {
                var counted = SearchStatistics()
                _ = try built.snapshot.search(
                    Query(sparse: query, k: 10, recall: wanted), statistics: &counted)
                #expect(counted.lists > 0 && counted.summaries >= counted.blocks)
                #expect((counted.blocks > 0) == hasBlocks && (counted.postings > 0) == !hasBlocks)
                #expect(counted.lists <= query.count && counted.exactRows <= counted.rows)
                total.rows += counted.rows
                total.summaries += counted.summaries
                total.postings += counted.postings
            }
            costs.append(total.rows + total.summaries + total.postings / 60)
            #expect(total.rows < 6000 * built.collection.queries.count / 2)
        }
        #expect(costs == costs.sorted())
        var counted = SearchStatistics()
        _ = try built.snapshot.search(
            Query(sparse: built.collection.queries[0], exact: true), statistics: &counted)
        #expect(counted.rows >= 6000)
    }

    @Test func recallOneIsExact() throws {
        let built = try Self.ofImpacts.get()
        for query in built.collection.queries.prefix(10) {
            let expected = built.reference.search(query, k: 10)
            #expect(try built.snapshot.search(Query(sparse: query, recall: 1)) == expected)
            #expect(try built.snapshot.search(Query(sparse: query, exact: true)) == expected)
        }
    }

    @Test(arguments: [3...5, 7...11]) func recallIsCalibratedWhereDocumentsAreShort(
        _ entries: ClosedRange<Int>
    )
        throws
    {
        let collection = try Collection.random(
            documents: 2000, components: 400, entries: entries, queries: 60, seed: 33)
        let snapshot = try TestIndex(collection.documents, options: .small(calibrationQueries: 100)).index
            .snapshot()
        #expect(snapshot.settings(forRecall: 0.9) != nil)
        let reference = try BruteForce(stored: snapshot)
        let queries = collection.documents.suffix(60).map(\.sparse).filter { $0.count > 0 }
        let sum = try queries.reduce(0.0) { sum, query in
            let hits = try snapshot.search(Query(sparse: query, k: 10, recall: 0.9))
            return sum + reference.recall(hits, query, k: 10)
        }
        #expect(sum / Double(queries.count) >= 0.87)
    }

    @Test(arguments: [0, 1 << 30]) func fewMatchesAreFoundWithoutReadingEveryRow(_ blocksFrom: Int) throws {
        var documents = try Collection.topics(documents: 1500, seed: 34).documents
        for number in 0..<6 {
            let vector = try SparseVector(components: [900_000 + UInt32(number % 3)], weights: [2])
            documents[number * 200] = Document(id: .string("rare \(number)"), sparse: vector)
        }
        let snapshot = try TestIndex(documents, options: .small(blocksFrom: blocksFrom)).index.snapshot()
        let query = try SparseVector(components: [900_000, 900_001, 900_002], weights: [1, 0.9, 0.1])
        var counted = SearchStatistics()
        let settings = SearchSettings(listMass: 0.3, estimateFactor: 1)
        let hits = try snapshot.search(Query(sparse: query, settings: settings), statistics: &counted)
        #expect(hits == (try snapshot.search(Query(sparse: query, exact: true))))
        #expect(hits.count == 6)
        #expect(counted.rows < 100)
    }

    /// Each component of a long query adds little; none may be taken for nothing because of that.
    @Test(arguments: [2, 6, 300]) func recallDoesNotDependOnTheLengthOfTheQuery(_ length: Int) throws {
        let built = try Self.ofImpacts.get()
        var (sum, rows) = (0.0, 0)
        let documents = built.collection.documents
        for number in 0..<20 {
            var weights: [UInt32: Float] = [:]
            // Components of many documents, those of the first with more weight.
            for (place, document) in documents[(number * 250)...].prefix(length).enumerated() {
                for (component, weight) in document.sparse.weightOfComponent.sorted(by: { $0.key < $1.key })
                where weights.count < length && (component + UInt32(place)) % 2 == 0 {
                    weights[component] = weight * (place < 5 ? 1 : 0.7)
                }
            }
            let query = try SparseVector(components: Array(weights.keys), weights: Array(weights.values))
            var counted = SearchStatistics()
            let hits = try built.snapshot.search(
                Query(sparse: query, recall: 0.9), statistics: &counted)
            sum += built.reference.recall(hits, query, k: 10)
            rows += counted.rows
        }
        #expect(sum / 20 >= 0.85)
        #expect(rows < 20 * 3000)
    }

    @Test func aBatchGivesTheHitsOfSingleQueries() throws {
        let built = try Self.ofImpacts.get()
        let queries = built.collection.queries.map { Query(sparse: $0, recall: 0.95) }
        let single = try queries.map { try built.snapshot.search($0) }
        for threads in [nil, 1, 2, 7, 1000] {
            #expect(try built.snapshot.search(batch: queries, threads: threads) == single)
        }
        #expect(try built.snapshot.search(batch: []).isEmpty)
        let broken = queries + [Query(sparse: built.collection.queries[0], k: 0)]
        #expect(throws: GranaryError.self) { try built.snapshot.search(batch: broken) }
    }

    @Test func asynchronousSearchGivesTheSameHits() async throws {
        let built = try Self.ofImpacts.get()
        for query in built.collection.queries.prefix(10).map({ Query(sparse: $0, recall: 0.9) }) {
            let expected = try built.snapshot.search(batch: [query])[0]
            let found: [Hit] = try await built.snapshot.search(query)
            #expect(found == expected)
        }
        await #expect(throws: GranaryError.self) {
            let _: [Hit] = try await built.snapshot.search(Query(sparse: built.collection.queries[0], k: 0))
        }
    }

    @Test func manyThreadsSearchOneSnapshot() async throws {
        let built = try Self.ofImpacts.get()
        let queries = built.collection.queries.map { Query(sparse: $0, recall: 0.9) }
        let expected = try built.snapshot.search(batch: queries, threads: 1)
        let snapshot = built.snapshot
        let wrong = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    var wrong = 0
                    for offset in queries.indices {
                        let number = (offset + task * 7) % queries.count
                        let hits: [Hit]? = try? await snapshot.search(queries[number])
                        if hits != expected[number] { wrong += 1 }
                    }
                    return wrong
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }
}
