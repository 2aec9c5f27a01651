import GranaryStorage
import Synchronization
import TestSupport

@testable import Granary

/// An index with dense vectors and a dictionary that says what it must hold: after each change both are
/// compared.
final class DenseStory: Sendable {
    /// What is done to both.
    enum Change: Sendable {
        case upsert([UInt64], version: UInt64, hasVector: Bool)
        case delete([UInt64])
        /// Of a version of nil the document has no vector afterwards.
        case replace([(id: UInt64, version: UInt64?)])
        case commit
    }

    /// What a document is made of.
    struct Entry: Sendable, Equatable {
        /// Of everything but its vector.
        var version: UInt64
        /// Of its vector; nil for none.
        var vector: UInt64?
    }

    private struct Contents: Sendable {
        var now: [UInt64: Entry] = [:]
        var committed: [UInt64: Entry] = [:]
    }

    /// What must be so and is not.
    struct Difference: Error { var text: String }

    let test: TestIndex
    let writer: IndexWriter
    let dimensions: Int
    let changes = ChangesDuringMerge()
    private let contents = Mutex(Contents())

    init(dimensions: Int, segmentDocuments: Int = 1 << 30) throws(GranaryError) {
        test = try TestIndex(Schema(dense: DenseSchema(dimensions: dimensions, element: .float32)))
        var options = WriterOptions.small(segmentDocuments: segmentDocuments)
        let changes = changes
        options.progress = { _ in changes.run() }
        writer = try test.index.writer(options)
        self.dimensions = dimensions
    }

    var ids: [UInt64] { contents.withLock { $0.now.keys.sorted() } }

    func vector(_ id: UInt64, _ version: UInt64) -> [Float] {
        var vector = [Float](repeating: 0.5, count: dimensions)
        (vector[0], vector[dimensions - 1]) = (Float(id), Float(version))
        return vector
    }

    private func document(_ id: UInt64, _ entry: Entry) throws(GranaryError) -> Document {
        Document(
            id: .number(id),
            sparse: try SparseVector(
                components: [1, UInt32(id) + 2], weights: [Float(1 + entry.version % 7), 1]),
            dense: entry.vector.map { vector(id, $0) }, payload: [UInt8(entry.version % 251)])
    }

    // MARK: Changes

    /// Does something to the index and to the dictionary.
    func apply(_ change: Change) throws {
        try applyToIndex(change)
        note(change)
    }

    func applyToIndex(_ change: Change) throws(GranaryError) {
        switch change {
        case .upsert(let ids, let version, let hasVector):
            for id in ids {
                try writer.upsert(
                    try document(id, Entry(version: version, vector: hasVector ? version : nil)))
            }
        case .delete(let ids): for id in ids { try writer.delete(id: .number(id)) }
        case .replace(let vectors):
            try writer.replaceDense(
                vectors.map { (.number($0.id), $0.version.map { [id = $0.id] in vector(id, $0) }) })
        case .commit: _ = try writer.commit()
        }
    }

    func note(_ change: Change) {
        contents.withLock { contents in
            switch change {
            case .upsert(let ids, let version, let hasVector):
                for id in ids {
                    contents.now[id] = Entry(version: version, vector: hasVector ? version : nil)
                }
            case .delete(let ids): for id in ids { contents.now[id] = nil }
            case .replace(let vectors): for (id, version) in vectors { contents.now[id]?.vector = version }
            case .commit: contents.committed = contents.now
            }
        }
    }

    func rollback() throws {
        try writer.rollback()
        contents.withLock { $0.now = $0.committed }
    }

    /// Merges everything, with changes from inside of it; returns whether there was a merge.
    @discardableResult
    func merge(during meanwhile: [Change] = []) throws -> Bool {
        let hasRun = Mutex(false)
        let run = { @Sendable [unowned self] () throws(GranaryError) in
            hasRun.withLock { $0 = true }
            for change in meanwhile { try self.applyToIndex(change) }
        }
        changes.arm(run)
        try writer.merge()
        changes.arm {}
        if let failure = changes.failure { throw failure }
        let wasRun = hasRun.withLock { $0 }
        if wasRun { for change in meanwhile { note(change) } }
        return wasRun
    }

    // MARK: What must be so

    /// Compares what is committed, and what a refresh shows, with the dictionary.
    func check(every step: UInt64 = 1) throws {
        let (now, committed) = contents.withLock { ($0.now, $0.committed) }
        try compare(try test.index.snapshot(), committed, "committed", step)
        try compare(try writer.refresh(), now, "refreshed", step)
    }

    private func compare(
        _ snapshot: Snapshot, _ expected: [UInt64: Entry], _ name: String, _ step: UInt64
    ) throws {
        try snapshot.verify(.full)
        guard snapshot.documentCount == expected.count else {
            throw Difference(
                text: "\(name): expected \(expected.count) documents, found \(snapshot.documentCount)")
        }
        for (id, entry) in expected where id % step == 0 {
            let (found, wanted) = (try snapshot.document(id: .number(id)), try document(id, entry))
            guard found == wanted else {
                throw Difference(
                    text: "\(name): expected document \(id) with \(entry), "
                        + "found \(found.map { "\($0.dense ?? []), \($0.payload ?? [])" } ?? "none")")
            }
        }
    }

    /// Commits, and expects no file that the index does not have.
    func checkFiles() throws {
        try apply(.commit)
        // The generation before has the same files then.
        try apply(.commit)
        let files = try test.index.snapshot().manifest.files.map(\.name)
        let found = try test.files().keys.filter { $0.contains(".") }
        let extra = Set(found).symmetricDifference(files)
        guard extra.isEmpty else { throw Difference(text: "left over or missing: \(extra.sorted())") }
    }
}
