public import Granary
import GranaryStorage

/// How an index is made, step by step, and what it holds then. The two are worked out apart: the steps go to
/// a writer, and to a list of documents that shares no code with the engine.
///
/// Whatever a recipe gives is stored as it is given: weights and values are chosen so that nothing is
/// rounded.
public struct GoldenRecipe: Sendable {
    /// What is done to the index.
    public enum Step: Sendable {
        case upsert([Document])
        case delete([DocumentKey])
        /// Other dense vectors, nil for none.
        case replaceDense([(DocumentKey, [Float]?)])
        case commit(userData: String)
        /// Everything becomes one segment.
        case merge
    }

    /// The index's schema.
    public var schema: Schema
    /// How its segments are built.
    public var build: BuildOptions
    /// In their order; a commit comes last.
    public var steps: [Step] = []
    /// Whether the files are those of a backup of the index.
    public var isBackup = false
    /// What filters are asked about; nil in an index without fields.
    public var facts: FactDocuments?

    /// An index without documents.
    ///
    /// - Parameters:
    ///   - exactBelow: segments of fewer documents have neither blocks nor impact-ordered lists.
    ///   - blocksFrom: segments of as many have blocks.
    init(_ schema: Schema, exactBelow: Int = 1000, blocksFrom: Int = 1 << 30) {
        self.schema = schema
        build = BuildOptions(
            exactBelow: exactBelow, blocksFrom: blocksFrom, calibrationQueries: 8, calibrateFrom: 0)
    }

    /// The bytes of the last commit.
    public var userData: [UInt8] {
        for case .commit(let text) in steps.reversed() { return Array(text.utf8) }
        return []
    }

    /// What the index holds after all steps, in order of insertion.
    public func documents() -> [Document] {
        var documents: [Document] = []
        for step in steps {
            switch step {
            case .upsert(let some):
                for document in some {
                    documents.removeAll { $0.id == document.id }
                    documents.append(document)
                }
            case .delete(let ids): documents.removeAll { ids.contains($0.id) }
            case .replaceDense(let vectors):
                for (id, vector) in vectors {
                    for place in documents.indices where documents[place].id == id {
                        documents[place].dense = vector
                    }
                }
            case .commit, .merge: break
            }
        }
        return documents
    }

    /// Options for a writer of such an index: no merges but those that are asked for.
    public func options(threads: Int) -> WriterOptions {
        WriterOptions(
            threads: threads, build: build, merging: MergeOptions(isAutomatic: false), reserveBytes: 0)
    }

    /// Makes the index.
    ///
    /// - Parameter seed: of its identifiers.
    /// - Returns: its files, all but that of the lock, by name.
    public func files(seed: UInt64, threads: Int) throws(GranaryError) -> [String: [UInt8]] {
        let test = try TestIndex(schema, fileSystem: TestFileSystem(seed: seed))
        if !steps.isEmpty {
            let writer = try test.index.writer(options(threads: threads))
            defer { writer.close() }
            for step in steps { try Self.apply(step, to: writer) }
        }
        var path = TestIndex.path
        if isBackup {
            path = "backup"
            try test.index.snapshot().backup(to: path)
        }
        var files = try test.fileSystem.files(in: path)
        files["LOCK"] = nil
        return files
    }

    private static func apply(_ step: Step, to writer: IndexWriter) throws(GranaryError) {
        switch step {
        case .upsert(let documents): for document in documents { try writer.upsert(document) }
        case .delete(let ids): for id in ids { try writer.delete(id: id) }
        case .replaceDense(let vectors): try writer.replaceDense(vectors.map { (id: $0.0, vector: $0.1) })
        case .commit(let text): _ = try writer.commit(userData: Array(text.utf8))
        case .merge: try writer.merge()
        }
    }
}
