import ArgumentParser
import CommandSupport
import Granary

/// `granary replace-dense`.
struct ReplaceDenseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replace-dense",
        abstract: "Gives documents other dense vectors, in one step, and leaves the rest of them as it is.",
        discussion: """
            For a dense model that changes while the sparse one stays. Rows of --dense belong to the ids of \
            --ids, one a line; without --ids to the numbers from 0 on that `build` gives documents without \
            ids. Ids that no document has are counted and no failure. Dimensions are those of the index.

            The file is read to its end before anything changes: when the command fails or is interrupted, \
            the index is as before. Readers see all of the new vectors or none.

            EXAMPLE
              granary replace-dense --index articles.index --dense new-model.npy --ids articles.ids
            """)

    @OptionGroup var index: IndexOption
    @Option(help: ArgumentHelp("The vectors.", valueName: "file"))
    var dense: String
    @Option(
        name: .customLong("dense-format"),
        help: "The layout of --dense; told by the extension where it is not given.")
    var format: VectorFormat?
    @Option(help: ArgumentHelp("Ids of the rows, one a line; - for standard input.", valueName: "file"))
    var ids: String?
    @Flag(help: "Ids are numbers.")
    var numbers = false
    @OptionGroup var json: JSONOption

    func validate() throws {
        if numbers, ids == nil { throw ValidationError("--numbers goes with --ids") }
        try VectorFormat.check(dense, format)
    }

    func run() throws {
        let path = DocumentSource.resolved(dense)
        let idPath = ids.map { $0 == IDFile.standardInput ? $0 : DocumentSource.resolved($0) }
        do throws(GranaryError) {
            let index = try Index.open(at: self.index.path)
            let file = try VectorFile.open(path, format: format)
            try file.check(for: index.schema, option: "--dense")
            let keys = try idPath.map { (idPath) throws(GranaryError) in
                try IDFile.keys(idPath, areNumbers: numbers)
            }
            if let keys, keys.count != file.rowCount {
                throw GranaryError(
                    .malformedInput,
                    "expected \(file.rowCount) ids, one for each vector, found \(keys.count)",
                    path: idPath)
            }
            let outcome = try Interrupts.during { (cancellation, bar) throws(GranaryError) in
                try replace(file, keys, index, cancellation, bar)
            }
            try report(outcome, rows: file.rowCount)
        } catch {
            Failure.exit(error, inputs: [path] + (idPath.map { [$0] } ?? []))
        }
    }

    private struct Outcome {
        var replaced: Int
        var generation: UInt64
    }

    private func replace(
        _ file: VectorFile, _ keys: [DocumentKey]?, _ index: Index, _ cancellation: Cancellation,
        _ bar: ProgressBar
    ) throws(GranaryError) -> Outcome {
        let writer = try index.writer(
            WriterOptions(
                merging: MergeOptions(isAutomatic: false), progress: { bar.report($0) },
                cancellation: cancellation))
        defer { writer.close() }
        let rows = NumberedVectors(file, keys)
        let replaced = try writer.replaceDense(rows)
        // The sequence ends where reading fails; nothing is committed yet.
        if let failure = rows.failure { throw failure }
        try cancellation.check()
        let generation =
            replaced > 0 ? try writer.commit().generation : try index.snapshot().generation
        return Outcome(replaced: replaced, generation: generation)
    }

    private func report(_ outcome: Outcome, rows: Int) throws(GranaryError) {
        try json.write { line in
            line.add("replaced", outcome.replaced)
            line.add("missing", rows - outcome.replaced)
            line.add("generation", outcome.generation)
        } orText: {
            "\(outcome.replaced) dense vectors replaced, \(rows - outcome.replaced) rows without a document: "
                + "generation \(outcome.generation) (\(index.path))"
        }
    }
}

/// The rows of a file with the ids that they belong to. A row that cannot be read ends it.
private final class NumberedVectors: Sequence, IteratorProtocol {
    private var rows: VectorRows
    private let keys: [DocumentKey]?
    private var number = 0
    private(set) var failure: GranaryError?

    init(_ file: VectorFile, _ keys: [DocumentKey]?) {
        rows = file.rows()
        self.keys = keys
    }

    func next() -> (id: DocumentKey, vector: [Float]?)? {
        guard failure == nil else { return nil }
        do throws(GranaryError) {
            guard let vector = try rows.next() else { return nil }
            defer { number += 1 }
            return (keys?[number] ?? .number(UInt64(number)), vector)
        } catch {
            failure = error
            return nil
        }
    }
}
