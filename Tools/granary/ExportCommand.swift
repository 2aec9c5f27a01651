import ArgumentParser
import CommandSupport
import Foundation
import Granary

/// `granary export`.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes the live documents of an index, in order of insertion, with the weights as stored.",
        discussion: """
            JSON lines are what `build` reads. Where the index has no vocabulary, a component is written \
            in decimal: build with --decimal-tokens to have it back as a number. A .csr file, and one in \
            Seismic's layout, has neither ids nor tokens: --ids and --vocabulary write them beside it, one \
            a line. Dense vectors stand in the lines, or in a file of their own with --dense: .fbin, \
            .f16bin, .fvecs or .npy, a row for each document; one without a dense vector is then an error.

            A CIFF file has impacts, whole numbers, for weights: weight × scale, rounded and at least 1. \
            Without --scale the largest weight becomes the largest number of --bits (default: 8), so 255; \
            the file says the scale, and `build` reads it there. Anserini's vectors are lines with \
            --vector-weights float (the weights, times --scale if there is one) or int (as impacts, with \
            --scale, which the lines do not tell). Neither has a place for dense vectors, and CIFF none \
            for payloads.

            EXAMPLE
              granary export --index articles.index > articles.jsonl
              granary export --index articles.index --format csr --output base.csr --ids base.ids
              granary export --index articles.index --format ciff --output articles.ciff
              granary export --index articles.index --format anserini --vector-weights int --scale 100
              granary export --index both.index --dense articles.npy --output articles.jsonl
            """)

    @OptionGroup var index: IndexOption
    @OptionGroup var checks: VerificationOption
    @Option(help: "The layout of the output.")
    var format: InputFormat = .jsonl
    @OptionGroup var numbers: NumberOptions
    @Option(help: "The most bits of an impact of --format ciff, 1 to 31. (default: 8; with --scale 31)")
    var bits: Int?
    @Option(
        help: ArgumentHelp(
            "Memory for --format ciff: 512MiB, 2G, … (default: 256MiB)", valueName: "size"))
    var memory: ByteSize?
    @Option(
        help: ArgumentHelp("The file to write or replace; standard output by default.", valueName: "file"))
    var output: String?
    @Option(help: ArgumentHelp("Writes the ids of the rows, one a line.", valueName: "file"))
    var ids: String?
    @Option(help: ArgumentHelp("Writes the tokens of the components 0, 1, …, one a line.", valueName: "file"))
    var vocabulary: String?
    @Option(
        help: ArgumentHelp(
            "Writes the dense vectors of the rows, and leaves them out of lines.", valueName: "file"))
    var dense: String?
    @Option(help: "The layout of --dense; told by the extension where it is not given.")
    var denseFormat: VectorFormat?

    func validate() throws {
        if dense == nil, denseFormat != nil { throw ValidationError("--dense-format goes with --dense") }
        if let dense, denseFormat ?? VectorFormat(path: dense) == nil {
            throw ValidationError(
                "expected a name that ends in .fbin, .f16bin, .fvecs or .npy, or --dense-format; found \(dense)"
            )
        }
        try validateNumbers()
    }

    private func validateNumbers() throws {
        try numbers.check([format])
        if numbers.vectorWeights == .int, numbers.scale == nil {
            throw ValidationError("expected --scale with --vector-weights int: 100, for example")
        }
        if let bits {
            if format != .ciff { throw ValidationError("--bits goes with --format ciff") }
            if !(1...31).contains(bits) {
                throw ValidationError("expected --bits from 1 to 31, found \(bits)")
            }
        }
        if let memory {
            if format != .ciff { throw ValidationError("--memory goes with --format ciff") }
            if memory.bytes < 1 << 20 {
                throw ValidationError("expected --memory of at least 1MiB, found \(memory)")
            }
        }
    }

    func run() throws {
        let cancellation = Cancellation()
        let interrupts = Interrupts(cancellation)
        let snapshot = try Index.open(at: index.path, verification: checks.verification).snapshot()
        let file = try OutputFile(output)
        try write(snapshot, to: file, cancellation)
        try file.finish()
        if let ids { try writeIds(snapshot, to: ids) }
        if let dense { try writeDense(snapshot, to: dense, cancellation) }
        if let vocabulary { try writeVocabulary(snapshot, to: vocabulary) }
        withExtendedLifetime(interrupts) {}
    }

    /// Writes the documents.
    private func write(
        _ snapshot: Snapshot, to file: OutputFile, _ cancellation: Cancellation
    ) throws(GranaryError) {
        let scale = try numbers.impactScale()
        let bytes = { (bytes: [UInt8]) throws(GranaryError) in
            try cancellation.check()
            try file.write(bytes)
        }
        switch format {
        case .jsonl:
            try snapshot.forEachDocument { (document) throws(GranaryError) in
                var document = document
                if dense != nil { document.dense = nil }
                try bytes(document.jsonLine() + [UInt8(ascii: "\n")])
            }
        case .anserini:
            let encoder = try AnseriniEncoder(weights: numbers.vectorWeights ?? .float, scale: scale)
            try snapshot.forEachDocument { (document) throws(GranaryError) in
                try bytes(try encoder.line(document) + [UInt8(ascii: "\n")])
            }
        case .csr: try snapshot.exportCSR(bytes)
        case .seismic: try snapshot.exportSeismic(bytes)
        case .ciff:
            var options = CIFFExportOptions(
                scale: scale, bits: bits,
                temporaryDirectory: output.map(InputSettings.temporaryDirectory) ?? NSTemporaryDirectory(),
                cancellation: cancellation)
            if let memory { options.memoryBytes = memory.bytes }
            try snapshot.exportCIFF(options, bytes)
        }
    }

    private func writeIds(_ snapshot: Snapshot, to path: String) throws(GranaryError) {
        let file = try OutputFile(path)
        try snapshot.forEachKey { (key) throws(GranaryError) in
            let name = key.description
            guard !name.contains(where: \.isNewline) else {
                throw GranaryError(.unsupported, "expected ids of one line, found \"\(name)\"")
            }
            try file.write(name + "\n")
        }
        try file.finish()
    }

    private func writeDense(
        _ snapshot: Snapshot, to path: String, _ cancellation: Cancellation
    ) throws(GranaryError) {
        guard let format = denseFormat ?? VectorFormat(path: path) else { return }
        let file = try OutputFile(path)
        try snapshot.exportDense(format) { (bytes) throws(GranaryError) in
            try cancellation.check()
            try file.write(bytes)
        }
        try file.finish()
    }

    private func writeVocabulary(_ snapshot: Snapshot, to path: String) throws(GranaryError) {
        let tokens = try snapshot.vocabulary()
        guard !tokens.isEmpty else {
            throw GranaryError(.invalidArgument, "the index has no vocabulary", path: index.path)
        }
        let file = try OutputFile(path)
        for (component, token) in tokens.enumerated() {
            let name = token ?? "[component \(component)]"
            guard !name.isEmpty, !name.contains(where: \.isNewline) else {
                throw GranaryError(.unsupported, "expected tokens of one line, found \"\(name)\"")
            }
            try file.write(name + "\n")
        }
        try file.finish()
    }
}
