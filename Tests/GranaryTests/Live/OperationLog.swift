import Granary
import Synchronization
import TestSupport

/// What several threads have done to an index and what they have seen of it: the oracle of `ThreadTests`.
///
/// A snapshot shows every operation with a smaller sequence number than its own, and no other. So what it has
/// to hold is known exactly, once all operations are noted, whatever the threads did at the same time.
final class OperationLog: Sendable {
    /// One operation. A nil document is a delete.
    private struct Operation: Sendable {
        var sequence: UInt64
        var id: DocumentKey
        var document: Document?
    }

    /// What a snapshot held.
    private struct Sight: Sendable {
        var source: String
        var sequence: UInt64
        var count: Int
        /// In order of insertion.
        var documents: [Document]
        var query: SparseVector
        var hits: [Hit]
    }

    private struct State: Sendable {
        var operations: [Operation] = []
        var sights: [Sight] = []
        var failures: [String] = []
        var finished: UInt64 = 0
        var durable: UInt64 = 0
    }
    private let state = Mutex(State())

    /// What was wrong.
    var failures: [String] { state.withLock { $0.failures } }
    /// How many snapshots were looked at.
    var sightCount: Int { state.withLock { $0.sights.count } }
    /// How many operations were done.
    var operationCount: Int { state.withLock { $0.operations.count } }
    /// The first sequence number that no operation which has returned has.
    var finished: UInt64 { state.withLock { $0.finished } }
    /// Of what an acknowledged commit has, the same.
    var durable: UInt64 { state.withLock { $0.durable } }

    /// Notes an operation that has returned.
    func note(_ sequence: UInt64, _ id: DocumentKey, _ document: Document?) {
        state.withLock { state in
            state.operations.append(Operation(sequence: sequence, id: id, document: document))
            state.finished = max(state.finished, sequence + 1)
        }
    }

    /// Notes a commit that has returned, of a thread whose last operation was `own`.
    func note(_ receipt: CommitReceipt, after own: UInt64?) {
        state.withLock { state in
            state.durable = max(state.durable, receipt.sequence)
            if let own, receipt.sequence <= own {
                state.failures.append("a commit of \(receipt.sequence) does not have \(own) before it")
            }
        }
    }

    /// Notes a failure.
    func fail(_ message: String) { state.withLock { $0.failures.append(message) } }

    /// Notes what a snapshot holds, and what an exact search finds in it.
    ///
    /// - Parameter least: what its sequence has to be at least.
    func look(
        at snapshot: Snapshot, _ query: SparseVector, from source: String, least: UInt64
    ) throws(GranaryError) {
        var documents: [Document] = []
        try snapshot.forEachDocument { documents.append($0) }
        let hits = try snapshot.search(Query(sparse: query, k: 25, exact: true))
        let sight = Sight(
            source: source, sequence: snapshot.sequence, count: snapshot.documentCount, documents: documents,
            query: query, hits: hits)
        state.withLock { state in
            state.sights.append(sight)
            if sight.sequence < least {
                state.failures.append("\(source) shows \(sight.sequence), expected \(least) or later")
            }
        }
    }

    /// Compares all that was seen with what was done; adds to the failures.
    func settle() {
        let (operations, sights) = state.withLock { state in
            (
                state.operations.sorted { $0.sequence < $1.sequence },
                state.sights.sorted { $0.sequence < $1.sequence }
            )
        }
        var live: [DocumentKey: (sequence: UInt64, document: Document)] = [:]
        var next = 0
        for sight in sights {
            while next < operations.count, operations[next].sequence < sight.sequence {
                let operation = operations[next]
                live[operation.id] = operation.document.map { (operation.sequence, $0) }
                next += 1
            }
            let expected = live.values.sorted { $0.sequence < $1.sequence }.map(\.document)
            compare(sight, expected)
        }
    }

    private func compare(_ sight: Sight, _ expected: [Document]) {
        let name = "\(sight.source) at \(sight.sequence)"
        if sight.count != expected.count {
            fail("\(name) counts \(sight.count) documents, expected \(expected.count)")
        }
        if sight.documents != expected {
            let (seen, wanted) = (sight.documents.map(\.id), expected.map(\.id))
            let difference = seen.difference(from: wanted)
            fail("\(name) holds other documents or another order of them: \(difference)")
        }
        let hits = BruteForce(expected).search(sight.query, k: 25)
        if sight.hits != hits { fail("\(name) finds \(sight.hits), expected \(hits)") }
    }
}
