import Granary
import GranaryStorage
import TestSupport

/// What an index must hold: now, and in every generation that a crash may leave.
///
/// Commits are told by a number that goes into their user data; merges keep it, so that it says of any
/// generation which commit its documents are of.
struct IndexModel: Sendable {
    /// What one commit published, or would have.
    struct Commit: Sendable {
        var number: UInt64
        /// Holds from this generation on.
        var generation: UInt64
        /// In order of insertion.
        var documents: [Document]
    }

    /// Another index beside this one: a backup, a source, or what has been detached.
    struct Other: Sendable {
        /// What it holds while it is being made, should it open.
        var early: [[Document]] = []
        /// What it holds once it is there.
        var documents: [Document]
        /// From this generation of the index on, the other must be there: it has what is missing here.
        var isNeededFrom: UInt64?
    }

    /// All documents, committed or not, in order of insertion.
    var live: [Document] = []
    /// Commits that may be found, the oldest first.
    var commits: [Commit] = [Commit(number: 0, generation: 1, documents: [])]
    var others: [String: Other] = [:]
    /// The number given out last.
    var lastNumber: UInt64 = 0
    /// The commit that was acknowledged last, and the newest generation that is known to be durable.
    var acknowledged: UInt64 = 0
    var generation: UInt64 = 0

    /// What the last acknowledged commit holds.
    var committed: [Document] { documents(acknowledged, generation) ?? [] }

    /// What a generation with a commit's number holds; nil when there is none.
    func documents(_ number: UInt64, _ generation: UInt64) -> [Document]? {
        commits.last { $0.number == number && $0.generation <= generation }?.documents
    }

    mutating func upsert(_ document: Document) {
        live.removeAll { $0.id == document.id }
        live.append(document)
    }

    mutating func delete(_ ids: [DocumentKey]) { live.removeAll { ids.contains($0.id) } }

    /// Returns how many of the documents there are.
    mutating func replaceDense(_ numbers: [UInt64], _ version: UInt64) -> Int {
        var count = 0
        for position in live.indices {
            for number in numbers where live[position].id == .number(number) {
                live[position].dense = Self.vector(number, version)
                count += 1
            }
        }
        return count
    }

    // MARK: Documents

    static let dimensions = 3
    static func vector(_ number: UInt64, _ version: UInt64) -> [Float] { [Float(number), Float(version), 1] }

    /// A document whose weights are exact in every weight type.
    static func document(_ number: UInt64, _ version: UInt64) throws(GranaryError) -> Document {
        let components: [UInt32] = [1, 3 + UInt32(number % 4), 9 + UInt32(version % 3)]
        let vector = try SparseVector(
            components: components, weights: [Float(1 + (number + version) % 5), Float(1 + number % 7), 2])
        return Document(
            id: .number(number), sparse: vector, payload: [UInt8(version % 251), UInt8(number % 251)])
    }

    /// The number of a commit in its user data.
    static func bytes(_ number: UInt64) -> [UInt8] { (0..<8).map { UInt8(number >> ($0 * 8) & 0xff) } }

    /// The number in user data; 0 for none.
    static func number(_ bytes: [UInt8]) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

    /// What is wrong with what a snapshot shows; nil when it is these documents in this order, and a search
    /// finds what brute force finds.
    static func difference(_ snapshot: Snapshot, _ expected: [Document]) throws(GranaryError) -> String? {
        var found: [Document] = []
        try snapshot.forEachDocument { found.append($0) }
        guard found == expected else {
            return "expected \(describe(expected)), found \(describe(found))"
        }
        guard snapshot.documentCount == expected.count else {
            return "expected \(expected.count) documents, counted \(snapshot.documentCount)"
        }
        let query = try SparseVector(components: [1, 4, 6, 10], weights: [1, 2, 1, 0.5])
        let hits = try snapshot.search(Query(sparse: query, k: 5, exact: true))
        let truth = BruteForce(expected).search(query, k: 5)
        return hits == truth ? nil : "expected the hits \(truth), found \(hits)"
    }

    private static func describe(_ documents: [Document]) -> String {
        "["
            + documents.map { "\($0.id) v\($0.payload?.first ?? 0) \($0.dense ?? [])" }.joined(
                separator: ", ") + "]"
    }
}
