import Granary
import TestSupport
import Testing

/// Named components: how tokens become components and come back.
@Suite struct VocabularyTests {
    private func document(_ id: DocumentKey, _ tokens: [String: Float]) throws -> Document {
        Document(id: id, sparse: try SparseVector(tokens))
    }

    @Test func tokensComeBackAsGiven() throws {
        let documents = [
            try document("a", ["oil": 1.5, "crisis": 0.5]), try document("b", ["oil": 2, "água": 1, "🛢️": 3]),
        ]
        let snapshot = try TestIndex(documents).index.snapshot()
        for document in documents { #expect(try snapshot.document(id: document.id) == document) }
        let query = try SparseVector(["oil": 1, "🛢️": 2, "unknown": 5])
        let hits = try snapshot.search(Query(sparse: query, exact: true))
        #expect(hits == [Hit(id: "b", score: 8), Hit(id: "a", score: 1.5)])
        let explanation = try #require(try snapshot.explain(query, id: "b"))
        #expect(explanation.terms.map(\.token).sorted { $0 ?? "" < $1 ?? "" } == ["oil", "🛢️"])
        #expect(try snapshot.score(query, ids: ["b"]) == [explanation.score])
    }

    @Test(arguments: [1, 2, 100]) func anEmptyFirstDocumentDoesNotLoseTheVocabulary(_ segmentDocuments: Int)
        throws
    {
        let documents = [
            try document("empty", [:]), try document("a", ["oil": 1.5]),
            try document("b", ["oil": 2, "gas": 1]),
        ]
        let test = try TestIndex(documents, options: .small(segmentDocuments: segmentDocuments))
        let snapshot = try test.index.snapshot()
        #expect(snapshot.statistics().hasVocabulary)
        let query = try SparseVector(["oil": 1, "gas": 1])
        #expect(try snapshot.search(Query(sparse: query, exact: true)).map(\.id) == ["b", "a"])
        #expect(try snapshot.document(id: "a") == documents[1])
        try test.write { (writer) throws(GranaryError) in
            try writer.upsert(Document(id: "c", sparse: try SparseVector(["gas": 9])))
        }
        #expect(
            try test.index.snapshot().search(Query(sparse: query, exact: true)).map(\.id) == ["c", "b", "a"])
        try test.index.snapshot().verify(.full)
    }

    @Test func laterGenerationsKeepTheComponentsOfTokens() throws {
        let test = try TestIndex([try document("a", ["x": 1, "y": 2])])
        for number in 0..<4 {
            try test.write { (writer) throws(GranaryError) in
                try writer.upsert(
                    Document(
                        id: .number(UInt64(number)), sparse: try SparseVector(["y": 1, "n\(number)": 3])))
            }
        }
        let snapshot = try test.index.snapshot()
        let query = try SparseVector(["y": 1])
        #expect(try snapshot.search(Query(sparse: query, exact: true)).map(\.id) == ["a", 0, 1, 2, 3])
        let components = try (["a", 0, 3] as [DocumentKey]).map {
            try snapshot.explain(query, id: $0)?.terms.first?.component
        }
        #expect(Set(components).count == 1)
    }

    @Test func tokensThatLookAlikeButDifferInBytesAreDifferent() throws {
        // One letter in two forms that Swift's strings take for equal.
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}")
        let vector = try SparseVector(tokens: [(composed, 1), (decomposed, 2)])
        #expect(vector.count == 2)
        let documents = [
            Document(id: "both", sparse: vector),
            Document(id: "composed", sparse: try SparseVector(tokens: [(composed, 5)])),
            Document(id: "decomposed", sparse: try SparseVector(tokens: [(decomposed, 7)])),
        ]
        let test = try TestIndex(documents)
        for (token, ids) in [(composed, ["composed", "both"]), (decomposed, ["decomposed", "both"])] {
            let query = Query(sparse: try SparseVector(tokens: [(token, 1)]), exact: true)
            #expect(try test.index.snapshot().search(query).map(\.id.description) == ids)
        }
        let stored = try #require(try test.index.snapshot().document(id: "both"))
        guard case .tokens(let tokens, let weights) = stored.sparse.entries else {
            Issue.record("expected tokens")
            return
        }
        #expect(
            zip(tokens, weights).allSatisfy {
                Array($0.utf8) == Array(($1 == 1 ? composed : decomposed).utf8)
            })
        try test.index.writer().close()
        let named = try TestIndex()
        try named.index.writer(WriterOptions(vocabulary: [composed, decomposed])).close()
    }

    @Test func aGivenVocabularyNamesTheComponents() throws {
        let test = try TestIndex()
        var options = WriterOptions.small()
        options.vocabulary = ["zero", "one", "two"]
        try test.write(options) { (writer) throws(GranaryError) in
            try writer.upsert(
                Document(id: "a", sparse: try SparseVector(components: [0, 2], weights: [1, 2])))
            try writer.upsert(Document(id: "b", sparse: try SparseVector(["two": 3, "new": 1])))
            // There is no component 9 in the vocabulary.
            let beyond = try SparseVector(components: [0, 9], weights: [1, 1])
            #expect(errorCode { try writer.upsert(Document(id: "c", sparse: beyond)) } == .invalidArgument)
        }
        let snapshot = try test.index.snapshot()
        #expect(try snapshot.document(id: "a")?.sparse == SparseVector(["zero": 1, "two": 2]))
        #expect(
            try snapshot.search(Query(sparse: SparseVector(["two": 1]), exact: true)).map(\.id) == ["b", "a"])
        #expect(try snapshot.explain(SparseVector(["new": 1]), id: "b")?.terms.first?.component == 3)
        #expect(
            try snapshot.search(Query(sparse: SparseVector(components: [2], weights: [1]), exact: true)).count
                == 2)
        for wrong in [["one", "two"], ["zero", "zero"], ["zero", "two"], ["two"]] {
            options.vocabulary = wrong
            #expect(errorCode { _ = try test.index.writer(options) } == .invalidArgument, "\(wrong)")
        }
        options.vocabulary = ["zero", "one", "two"]
        try test.index.writer(options).close()
    }

    @Test func anIndexOfNumberedComponentsTakesNoVocabulary() throws {
        let test = try TestIndex([
            Document(id: "a", sparse: try SparseVector(components: [7, 30], weights: [1, 2]))
        ])
        var options = WriterOptions.small()
        options.vocabulary = ["zero"]
        #expect(errorCode { _ = try test.index.writer(options) } == .invalidArgument)
        // Tokens are taken for numbers in decimal.
        try test.write { (writer) throws(GranaryError) in
            try writer.upsert(Document(id: "b", sparse: try SparseVector(["30": 3, "8": 1])))
            for tokens in [["oil": 1], ["-1": 1], ["4294967296": 1], ["1.5": 1], ["": 1]] as [[String: Float]]
            {
                let vector = try SparseVector(tokens)
                #expect(
                    errorCode { try writer.upsert(Document(id: "c", sparse: vector)) } == .invalidArgument)
            }
            let twice = try SparseVector(["30": 1, "030": 1])
            #expect(errorCode { try writer.upsert(Document(id: "c", sparse: twice)) } == .duplicateComponent)
        }
        let snapshot = try test.index.snapshot()
        #expect(
            try snapshot.document(id: "b")?.sparse == SparseVector(components: [8, 30], weights: [1, 3]))
        #expect(
            try snapshot.search(Query(sparse: SparseVector(["30": 1]), exact: true)).map(\.id) == ["b", "a"])
    }

    @Test(arguments: [1, 1000]) func twoSpellingsOfOneComponentInAQueryAreAdded(_ exactBelow: Int) throws {
        let documents: [Document] = try (0..<40).map {
            Document(
                id: .number(UInt64($0)),
                sparse: try SparseVector(components: [7, 8], weights: [Float($0 + 1), Float(41 - $0)]))
        }
        let snapshot = try TestIndex(documents, options: .small(exactBelow: exactBelow)).index.snapshot()
        let query = try SparseVector(["7": 1, "07": 2, "8": 1])
        let expected = BruteForce(documents).search(
            try SparseVector(components: [7, 8], weights: [3, 1]), k: 10)
        #expect(try snapshot.search(Query(sparse: query, k: 10, exact: true)) == expected)
        #expect(try snapshot.score(query, ids: expected.map(\.id)) == expected.map(\.score))
        #expect(try snapshot.explain(query, id: expected[0].id)?.score == expected[0].score)
    }

    @Test func tokensOfAnySizeWork() throws {
        let long = String(repeating: "ü", count: 100_000)
        let documents = [try document("a", [long: 1, "": 2, "\0": 3]), try document("b", ["": 1])]
        let test = try TestIndex(documents)
        let snapshot = try test.index.snapshot()
        #expect(try snapshot.document(id: "a") == documents[0])
        #expect(try snapshot.search(Query(sparse: SparseVector([long: 1]), exact: true)).map(\.id) == ["a"])
        #expect(
            try snapshot.search(Query(sparse: SparseVector(["": 1]), exact: true)).map(\.id) == ["a", "b"])
        try snapshot.verify(.full)
    }
}
