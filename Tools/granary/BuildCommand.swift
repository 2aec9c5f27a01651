import ArgumentParser
import CommandSupport
import Foundation
import Granary

/// `granary build`.
struct BuildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build",
        abstract: "Makes an index of documents.",
        discussion: """
            JSON lines have one object a line: {"id": "a", "vector": {"token": weight, …}}, or "indices": \
            […] and "values": […] in the place of "vector". An id is a string of 1 to 255 bytes or a whole \
            number; without one a document gets its row number. "payload" is any JSON value and comes back \
            with the document; without it an object of all further members ("text", "title", …) is kept. \
            "dense" is not read by this version. A .csr file is BigANN's sparse matrix.

            When the build fails or is interrupted, no index is left. Of documents with one id the last one \
            wins.

            EXAMPLE
              granary build --index articles.index --input part1.jsonl part2.jsonl --memory 2G
              granary build --index base.index --input base.csr --ids base.ids --vocabulary vocabulary.txt
            """)

    @OptionGroup var index: IndexOption
    @Option(parsing: .upToNextOption, help: ArgumentHelp("Files of documents.", valueName: "file"))
    var input: [String]
    @Option(help: "The layout of the input; told by the extension where it is not given.")
    var format: InputFormat?
    @Option(
        help: ArgumentHelp("Ids of the rows, one a line, instead of those in the input.", valueName: "file"))
    var ids: String?
    @Option(help: ArgumentHelp("Tokens of the components 0, 1, …, one a line.", valueName: "file"))
    var vocabulary: String?
    @Flag(
        help:
            "Names in \"vector\" are components in decimal, as exports without vocabulary have them."
    )
    var decimalTokens = false
    @Option(help: "How weights are stored.")
    var weights: WeightType = .float16
    @Option(help: "How payloads are compressed.")
    var compression: PayloadCompression = .zstd
    @Option(help: "What to do with a component that stands twice in one vector.")
    var duplicates: SparseVector.Duplicates = .reject
    @Option(help: "Threads; all cores by default.")
    var threads: Int?
    @Option(
        help: ArgumentHelp("Memory for documents before they go to disk: 512MiB, 2G, …", valueName: "size"))
    var memory = ByteSize(bytes: 1 << 30)
    @Option(help: "The most documents of one segment.")
    var segmentDocuments: Int?
    @Option(help: ArgumentHelp("The longest line of JSON.", valueName: "size"))
    var maximumLine = ByteSize(bytes: 16 << 20)
    @OptionGroup var json: JSONOption

    func validate() throws {
        if input.isEmpty { throw ValidationError("expected at least one file after --input") }
        if let threads, threads < 1 {
            throw ValidationError("expected at least one thread, found \(threads)")
        }
        if memory.bytes < 16 << 20 {
            throw ValidationError("expected --memory of at least 16MiB, found \(memory)")
        }
        if maximumLine.bytes < 1 { throw ValidationError("expected --maximum-line of at least one byte") }
        if let segmentDocuments, segmentDocuments < 1 {
            throw ValidationError("expected at least one document a segment, found \(segmentDocuments)")
        }
    }

    func run() throws {
        var inputs = ([ids, vocabulary].compactMap { $0 } + input).map(DocumentSource.resolved)
        do {
            let start = ContinuousClock.now
            let source = try DocumentSource(
                input, format: format, ids: ids,
                options: .init(
                    duplicates: duplicates, maximumLineBytes: maximumLine.bytes,
                    hasDecimalTokens: decimalTokens))
            inputs += source.inputs
            let cancellation = Cancellation()
            let interrupts = Interrupts(cancellation)
            let bar = ProgressBar()
            var options = WriterOptions(
                memoryBytes: memory.bytes, threads: threads,
                vocabulary: try vocabulary.map { try TextFile.names(DocumentSource.resolved($0)) },
                progress: { progress in
                    // While input is read the source knows better how much is left.
                    if progress.phase != .reading { bar.report(progress) }
                }, cancellation: cancellation)
            if let segmentDocuments { options.segmentDocuments = segmentDocuments }
            let build = IndexBuild(
                path: index.path, schema: Schema(weights: weights, payloadCompression: compression),
                options: options, vocabularyPath: vocabulary.map(DocumentSource.resolved))
            let receipt = try build.run(source, cancellation: cancellation, bar: bar)
            bar.finish()
            withExtendedLifetime(interrupts) {}
            try report(receipt, source, seconds: (ContinuousClock.now - start) / .seconds(1))
        } catch let error as GranaryError {
            Failure.exit(error, inputs: inputs)
        }
    }

    private func report(_ receipt: IndexBuild.Receipt, _ source: DocumentSource, seconds: Double) throws {
        if receipt.replaced > 0 {
            warn("\(receipt.replaced) documents had the id of an earlier one and replaced it")
        }
        if source.ignoredDenseCount > 0 {
            warn(
                "\(source.ignoredDenseCount) documents had a \"dense\" vector, which is not read yet"
            )
        }
        let output = try OutputFile(nil)
        if json.isOn {
            try output.write(
                "{\"documents\": \(receipt.documents), \"rows\": \(source.rowCount), "
                    + "\"replaced\": \(receipt.replaced), \"generation\": \(receipt.generation), "
                    + "\"seconds\": \(String(format: "%.3f", seconds))}\n"
            )
        } else {
            try output.write(
                "\(receipt.documents) documents in \(String(format: "%.2f", seconds)) s: \(index.path)\n")
        }
        try output.finish()
    }
}
