import ArgumentParser
import CommandSupport
import Granary

/// `granary delete`.
struct DeleteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Deletes documents by their ids, in one step.",
        discussion: """
            Ids are strings, one a line, as those of `build --ids`; with --numbers they are numbers, as \
            documents have them that came without ids. Ids that no document has are counted and no failure. \
            No search sees some of the documents deleted and others not.

            The bytes of deleted documents stay until their segment is merged: by `merge`, or by `add` when \
            there are many.

            EXAMPLE
              granary delete --index articles.index --ids withdrawn.txt
              echo doc-17 | granary delete --index articles.index --ids -
            """)

    @OptionGroup var index: IndexOption
    @Option(help: ArgumentHelp("The ids, one a line; - for standard input.", valueName: "file"))
    var ids: String
    @Flag(help: "Ids are numbers.")
    var numbers = false
    @OptionGroup var json: JSONOption

    func run() throws {
        let path = ids == IDFile.standardInput ? ids : DocumentSource.resolved(ids)
        do throws(GranaryError) {
            let index = try Index.open(at: self.index.path)
            let keys = try IDFile.keys(path, areNumbers: numbers)
            let outcome = try Interrupts.during { (cancellation, bar) throws(GranaryError) in
                try delete(Set(keys.map(Key.init)), from: index, cancellation, bar)
            }
            if outcome.missing > 0, !numbers, keys.allSatisfy({ IDFile.number($0.description) != nil }) {
                warn("all ids are numbers in decimal: --numbers deletes documents whose ids are numbers")
            }
            try report(outcome)
        } catch {
            Failure.exit(error, inputs: [path])
        }
    }

    /// An id by its bytes: `==` of strings takes two forms of one letter for the same.
    private struct Key: Hashable {
        let id: DocumentKey

        static func == (left: Key, right: Key) -> Bool {
            left.id == right.id && left.id.description.utf8.elementsEqual(right.id.description.utf8)
        }
    }

    private struct Outcome {
        var deleted: Int
        /// Ids that no document had.
        var missing: Int
        var documents: Int
        var generation: UInt64
    }

    private func delete(
        _ keys: Set<Key>, from index: Index, _ cancellation: Cancellation, _ bar: ProgressBar
    ) throws(GranaryError) -> Outcome {
        let writer = try index.writer(
            WriterOptions(
                merging: MergeOptions(isAutomatic: false), progress: { bar.report($0) },
                cancellation: cancellation))
        defer { writer.close() }
        let deleted = try writer.delete(where: keys.lazy.map(\.id))
        try cancellation.check()
        var (documents, generation) = (0, UInt64(0))
        if deleted > 0 {
            let receipt = try writer.commit()
            (documents, generation) = (receipt.documents, receipt.generation)
        } else {
            let snapshot = try index.snapshot()
            (documents, generation) = (snapshot.documentCount, snapshot.generation)
        }
        return Outcome(
            deleted: deleted, missing: keys.count - deleted, documents: documents, generation: generation)
    }

    private func report(_ outcome: Outcome) throws(GranaryError) {
        try json.write { line in
            line.add("deleted", outcome.deleted)
            line.add("missing", outcome.missing)
            line.add("documents", outcome.documents)
            line.add("generation", outcome.generation)
        } orText: {
            "\(outcome.deleted) documents deleted, \(outcome.missing) ids without one: "
                + "\(outcome.documents) documents in generation \(outcome.generation) (\(index.path))"
        }
    }
}
