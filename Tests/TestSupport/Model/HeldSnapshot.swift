import Granary
import GranaryStorage

/// A snapshot and what it must show for as long as it is held.
final class HeldSnapshot {
    let snapshot: Snapshot
    let content: Model.Content
    /// Where its files are.
    let disk: TestFileSystem
    /// Whether it shows nothing but what is committed.
    let isCommitted: Bool
    private let documents: ModelDocuments
    private let ordered: [(id: Int, version: Int)]
    private lazy var bruteForce = BruteForce(ordered.map { documents.numbered($0.id, $0.version) })

    /// - Throws: when number, user data or the count of documents are not those of the model.
    init(
        _ snapshot: Snapshot, _ content: Model.Content, _ documents: ModelDocuments, on disk: TestFileSystem,
        isCommitted: Bool = true
    ) throws {
        (self.snapshot, self.content, self.documents) = (snapshot, content, documents)
        (self.disk, self.isCommitted) = (disk, isCommitted)
        ordered = content.ordered
        try ModelFailure.unless(
            snapshot.sequence == content.sequence,
            "the snapshot shows operations below \(snapshot.sequence), expected \(content.sequence)")
        try ModelFailure.unless(
            snapshot.userData == content.userData,
            "user data is \(snapshot.userData), expected \(content.userData)")
        try ModelFailure.unless(
            snapshot.documentCount == ordered.count,
            "\(snapshot.documentCount) documents are live, expected \(ordered.count)")
    }

    /// The exact search gives the same bits as brute force.
    func search(_ query: Int, k: Int) throws {
        let question = documents.query(query)
        let hits = try snapshot.search(Query(sparse: question.given, k: k, exact: true))
        let expected = bruteForce.search(question.numbered, k: k)
        try ModelFailure.unless(hits == expected, "found \(hits), expected \(expected)")
    }

    /// Every hit of an approximate search has its true score and place, and as many are found as there are.
    func approximate(_ query: Int, k: Int, recall: Double) throws {
        let question = documents.query(query)
        let hits = try snapshot.search(Query(sparse: question.given, k: k, recall: recall))
        let truth = bruteForce.search(question.numbered, k: ModelDocuments.idCount)
        if recall == 1 {
            try ModelFailure.unless(
                hits == Array(truth.prefix(k)), "found \(hits), expected all of \(truth.prefix(k))")
        }
        try ModelFailure.unless(
            hits.count == min(k, truth.count), "found \(hits), expected \(min(k, truth.count)) of \(truth)")
        var rest = truth[...]
        for hit in hits {
            guard let place = rest.firstIndex(of: hit) else {
                throw ModelFailure("found \(hit) in \(hits), expected a part of \(truth) in its order")
            }
            rest = rest[(place + 1)...]
        }
    }

    /// Document, payload and score of a key.
    func lookUp(_ id: Int, query: Int) throws {
        let key = ModelDocuments.key(id)
        let row = content.rows[id]
        let expected = row.map { documents.document(id, $0.version) }
        let found = try snapshot.document(id: key)
        try ModelFailure.unless(
            Self.isSame(found, expected),
            "\(key) is \(String(describing: found)), expected \(String(describing: expected))")
        let payload = try snapshot.payload(id: key)
        try ModelFailure.unless(
            payload == expected?.payload, "the payload of \(key) is \(String(describing: payload))")
        let question = documents.query(query)
        let scores = try snapshot.score(question.given, ids: [key])
        let score = row.map { row in
            BruteForce([documents.numbered(id, row.version)]).search(question.numbered, k: 1).first?.score
                ?? 0
        }
        try ModelFailure.unless(
            scores == [score], "the score of \(key) is \(scores), expected \(String(describing: score))")
    }

    /// Whether two documents are the same. A segment of empty vectors alone does not know whether components
    /// have names.
    private static func isSame(_ found: Document?, _ expected: Document?) -> Bool {
        guard let found, let expected, found.sparse.count == 0, expected.sparse.count == 0 else {
            return found == expected
        }
        return found.id == expected.id && found.payload == expected.payload
    }

    /// All documents, in their order.
    func checkDocuments() throws {
        var place = 0
        var difference: String?
        try snapshot.forEachDocument { (document: Document) throws(GranaryError) in
            defer { place += 1 }
            guard difference == nil else { return }
            let expected =
                place < ordered.count
                ? documents.document(ordered[place].id, ordered[place].version) : nil
            if !Self.isSame(document, expected) {
                difference = "document \(place) is \(document), expected \(String(describing: expected))"
            }
        }
        if let difference { throw ModelFailure(difference) }
        try ModelFailure.unless(place == ordered.count, "\(place) documents, expected \(ordered.count)")
    }

    /// Everything, and every byte of its files.
    func check() throws {
        try checkDocuments()
        try search(place(1), k: 7)
        try snapshot.verify(.full)
    }

    /// Little, of what is let go: some query, some document.
    func checkBriefly() throws {
        try search(place(2), k: ModelDocuments.idCount)
        try lookUp(place(3) % ModelDocuments.idCount, query: 1)
    }

    /// A number that follows from what the snapshot shows.
    private func place(_ factor: Int) -> Int { Int(content.sequence % 1000) * factor }
}
