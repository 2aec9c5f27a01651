import ArgumentParser
import CommandSupport
import Granary

/// What `build` and `add` have in common: documents, and how they are taken in.
struct InputOptions: ParsableArguments {
    @Option(parsing: .upToNextOption, help: ArgumentHelp("Files of documents.", valueName: "file"))
    var input: [String]
    @Option(help: "The layout of the input; told by the extension where it is not given.")
    var format: InputFormat?
    @OptionGroup var numbers: NumberOptions
    @Option(
        help: ArgumentHelp("Ids of the rows, one a line, instead of those in the input.", valueName: "file"))
    var ids: String?
    @OptionGroup var dense: VectorFileOptions
    @Option(help: ArgumentHelp("Tokens of the components 0, 1, …, one a line.", valueName: "file"))
    var vocabulary: String?
    @Flag(
        help:
            "Names in \"vector\" are components in decimal, as exports without vocabulary have them."
    )
    var decimalTokens = false
    @Option(help: "What to do with a component that stands twice in one vector.")
    var duplicates: SparseVector.Duplicates = .reject
    @Option(help: "Threads; all cores by default.")
    var threads: Int?
    @Option(
        help: ArgumentHelp("Memory for documents before they go to disk: 512MiB, 2G, …", valueName: "size"))
    var memory = ByteSize(bytes: 1 << 30)
    @Option(help: ArgumentHelp("The longest line of JSON.", valueName: "size"))
    var maximumLine = ByteSize(bytes: 16 << 20)

    func validate() throws {
        if input.isEmpty { throw ValidationError("expected at least one file after --input") }
        if let threads, threads < 1 {
            throw ValidationError("expected at least one thread, found \(threads)")
        }
        if memory.bytes < 16 << 20 {
            throw ValidationError("expected --memory of at least 16MiB, found \(memory)")
        }
        try numbers.check(input, format: format)
        if maximumLine.bytes < 1 { throw ValidationError("expected --maximum-line of at least one byte") }
    }

    /// What came of taking documents in.
    struct Outcome<Receipt> {
        var receipt: Receipt
        /// Rows of the input.
        var rows: UInt64
        var seconds: Double
    }

    /// Opens the input and has it taken into an index by `body`, which signals can stop. A failure ends the
    /// process; what is wrong with the input is bad data.
    func take<Receipt>(
        into index: String,
        _ body: (DocumentIntake, WriterOptions) throws(GranaryError) -> Receipt
    ) -> Outcome<Receipt> {
        do throws(GranaryError) {
            let start = ContinuousClock.now
            let source = try DocumentSource(
                input, format: format, ids: ids, vectors: try dense.open(), ignoresDense: dense.isIgnored,
                settings: try settings(index))
            let names = try vocabularyPath.map { (path) throws(GranaryError) in try TextFile.names(path) }
            let receipt = try Interrupts.during { (cancellation, bar) throws(GranaryError) in
                source.report(to: InputWatch(cancellation: cancellation) { bar.report($0) })
                let intake = DocumentIntake(
                    source: source, cancellation: cancellation, bar: bar, vocabularyPath: vocabularyPath)
                let options = WriterOptions(
                    memoryBytes: memory.bytes, threads: threads, vocabulary: names,
                    progress: { progress in
                        // While input is read the source knows better how much is left.
                        if progress.phase != .reading || progress.total != nil { bar.report(progress) }
                    }, cancellation: cancellation)
                return try body(intake, options)
            }
            return Outcome(
                receipt: receipt, rows: source.rowCount, seconds: (ContinuousClock.now - start) / .seconds(1))
        } catch {
            let files = ([ids, dense.file].compactMap { $0 } + input).map(DocumentSource.resolved)
            Failure.exit(error, inputs: files + [vocabularyPath].compactMap { $0 })
        }
    }

    private func settings(_ index: String) throws(GranaryError) -> InputSettings {
        // Most of the memory is the writer's, whose share begins to fill when a transposition is done.
        InputSettings(
            duplicates: duplicates, maximumLineBytes: maximumLine.bytes, hasDecimalTokens: decimalTokens,
            vectorWeights: numbers.vectorWeights, scale: try numbers.impactScale(),
            memoryBytes: memory.bytes / 4, temporaryDirectory: InputSettings.temporaryDirectory(for: index))
    }

    private var vocabularyPath: String? { vocabulary.map(DocumentSource.resolved) }
}
