import Granary
import TestSupport
import Testing

/// Searches under random filters against brute force over the documents that match.
@Suite struct FilterSearchTests {
    /// Reads rows by lists however few match.
    private static let byLists: FilterPlan = {
        var plan = FilterPlan()
        plan.directFactor = 0
        return plan
    }()

    /// Whether every way of searching gives what brute force gives, for some filters and queries.
    private func check(
        _ snapshot: Snapshot, _ facts: FactDocuments, _ queries: [SparseVector], rounds: Int, seed: UInt64
    ) throws {
        var random = TestRandom(seed: seed)
        var stored: [Document] = []
        try snapshot.forEachDocument { stored.append($0) }
        var some = 0
        for _ in 0..<rounds {
            let filter = facts.filter(&random)
            let matching = stored.filter { facts.matches($0.id, filter) }
            if (1..<stored.count).contains(matching.count) { some += 1 }
            let reference = BruteForce(matching)
            let query = queries[random.int(0...queries.count - 1)]
            for k in [1, 10, 1000] {
                let expected = reference.search(query, k: k)
                var asked = Query(sparse: query, k: k, exact: true)
                asked.filter = filter
                for plan in [FilterPlan(), Self.byLists] {
                    var counted = SearchStatistics()
                    asked.accuracy = .exact
                    let exact = try snapshot.search(asked, plan: plan, statistics: &counted)
                    #expect(exact == expected, "\(filter)")
                    asked.accuracy = .settings(SearchSettings(listMass: 0.4, estimateFactor: 1.1))
                    let hits = try snapshot.search(asked, plan: plan, statistics: &counted)
                    // Never fewer than there are; each with the score that it has.
                    #expect(hits.count == expected.count, "\(filter)")
                    let scoreOf = Dictionary(
                        uniqueKeysWithValues: reference.search(query, k: 5000).map { ($0.id, $0.score) })
                    for hit in hits { #expect(scoreOf[hit.id] == hit.score, "\(filter)") }
                }
            }
        }
        #expect(some > rounds / 4, "most filters matched everything or nothing")
    }

    @Test(
        arguments: WeightType.allCases,
        [(1, 0, 10_000), (1, 0, 170), (1000, 0, 170), (1, 1 << 30, 10_000), (1, 150, 170)])
    func everyWayOfSearchingFindsWhatMatches(_ weights: WeightType, _ layout: (Int, Int, Int)) throws {
        let collection = try Collection.random(documents: 450, components: 200, seed: 61)
        let facts = FactDocuments(collection.documents, seed: 62)
        let snapshot = try TestIndex(
            facts.documents, schema: Schema(weights: weights, fields: FactDocuments.fields),
            options: .small(exactBelow: layout.0, blocksFrom: layout.1, segmentDocuments: layout.2)
        ).index.snapshot()
        try check(snapshot, facts, collection.queries, rounds: 25, seed: 63)
        try snapshot.verify(.full)
    }

    @Test func deletesReplacementsMergesAndRefreshesCarryValuesAlong() throws {
        let collection = try Collection.random(documents: 400, components: 150, seed: 64)
        let facts = FactDocuments(collection.documents, seed: 65)
        let old = FactDocuments(collection.documents, seed: 66)
        let schema = Schema(fields: FactDocuments.fields)
        let test = try TestIndex(schema)
        let writer = try test.index.writer(.small(exactBelow: 1, blocksFrom: 85, segmentDocuments: 90))
        // Other values first, which must not come back.
        for document in old.documents.prefix(250) { try writer.upsert(document) }
        for document in facts.documents.prefix(220) { try writer.upsert(document) }
        _ = try writer.commit()
        for document in facts.documents.suffix(180) { try writer.upsert(document) }
        for number in stride(from: 0, to: 400, by: 7) { try writer.delete(id: facts.documents[number].id) }
        try check(try writer.refresh(), facts, collection.queries, rounds: 15, seed: 67)
        _ = try writer.commit()
        try check(try test.index.snapshot(), facts, collection.queries, rounds: 15, seed: 68)
        try writer.merge(to: 1)
        let merged = try test.index.snapshot()
        #expect(merged.statistics().segmentCount == 1)
        try check(merged, facts, collection.queries, rounds: 30, seed: 69)
        try merged.verify(.full)
        writer.close()
    }

    @Test func aFilterOfManyMatchesGoesByBlocksAndOneOfFewReadsTheirRowsOnly() throws {
        let collection = try Collection.topics(documents: 6000, queries: 20, seed: 70)
        let documents = collection.documents.enumerated().map { number, document in
            var document = document
            document.payload = Array("{\"n\": \(number)}".utf8)
            return document
        }
        let snapshot = try TestIndex(
            documents, schema: Schema(fields: [Field("n", .integer)]),
            options: .small(calibrationQueries: 60, threads: 2)
        ).index.snapshot()
        for query in collection.queries {
            var asked = Query(sparse: query, recall: 0.9)
            var counted = SearchStatistics()
            asked.filter = .range("n", FieldRange(upper: .excluding(40)))
            _ = try snapshot.search(asked, statistics: &counted)
            #expect(counted.rows == 40 && counted.blocks == 0)
            asked.filter = .range("n", FieldRange(lower: .including(1000)))
            _ = try snapshot.search(asked, statistics: &counted)
            #expect(counted.blocks > 0 && counted.rows < 3000)
            // What matches everything costs what no filter costs.
            var plain = SearchStatistics()
            asked.filter = .range("n", FieldRange())
            _ = try snapshot.search(asked, statistics: &counted)
            asked.filter = nil
            _ = try snapshot.search(asked, statistics: &plain)
            #expect(plain == counted)
        }
    }

    @Test(arguments: [0.9, 0.95]) func recallHoldsAmongTheFewThatMatch(_ wanted: Double) throws {
        let collection = try Collection.topics(documents: 6000, queries: 100, seed: 71)
        var random = TestRandom(seed: 72)
        let documents = collection.documents.map { document in
            var document = document
            document.payload = Array("{\"n\": \(random.int(0...99))}".utf8)
            return document
        }
        let snapshot = try TestIndex(
            documents, schema: Schema(fields: [Field("n", .integer)]),
            options: .small(blocksFrom: 1 << 30, calibrationQueries: 60, threads: 2)
        ).index.snapshot()
        for percent in [2, 10, 40] as [Int64] {
            var (found, total, counted) = (0, 0, SearchStatistics())
            for query in collection.queries {
                var asked = Query(sparse: query, recall: wanted)
                asked.filter = .range("n", FieldRange(upper: .excluding(.integer(percent))))
                let hits = try snapshot.search(asked, plan: Self.byLists, statistics: &counted)
                asked.accuracy = .exact
                let truth = try snapshot.search(asked)
                found += Set(hits.map(\.id)).intersection(truth.map(\.id)).count
                total += truth.count
            }
            let recall = Double(found) / Double(total)
            #expect(recall >= wanted - 0.01, "\(percent) %: \(recall)")
        }
    }

    @Test func filtersThatDifferInTheFormOfALetterOnlyAreTwo() throws {
        let vector = try SparseVector(components: [1], weights: [1])
        let forms = ["\u{e9}", "e\u{301}"]
        let documents = forms.enumerated().map { number, form in
            Document(id: .string(form), sparse: vector, payload: Array("{\"s\": \"\(form)\"}".utf8))
        }
        let snapshot = try TestIndex(documents, schema: Schema(fields: [Field("s", .string)])).index
            .snapshot()
        // Each twice: the second time the snapshot knows it.
        for form in forms + forms {
            for filter in [
                Filter.equals("s", .string(form)), .oneOf("s", [.string(form)]), .allow([.string(form)]),
                .range("s", FieldRange(from: .string(form), through: .string(form))),
                .not(.deny([.string(form)])), .and([.or([.equals("s", .string(form))])]),
            ] {
                var query = Query(sparse: vector)
                query.filter = filter
                let hits = try snapshot.search(query)
                #expect(hits.count == 1)
                #expect(hits.first?.id.description.utf8.elementsEqual(form.utf8) == true)
            }
        }
    }
}
