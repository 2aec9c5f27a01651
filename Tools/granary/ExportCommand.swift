import ArgumentParser
import CommandSupport
import Granary

/// `granary export`.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes the live documents of an index, in order of insertion, with the weights as stored.",
        discussion: """
            JSON lines are what `build` reads. Where the index has no vocabulary, a component is written in \
            decimal: build with --decimal-tokens to have it back as a number. A .csr file has neither ids \
            nor tokens: --ids and --vocabulary write them beside it, one a line. Dense vectors stand in the \
            lines, or in a file of their own with --dense: .fbin, .f16bin, .fvecs or .npy, a row for each \
            document; one without a dense vector is then an error.

            EXAMPLE
              granary export --index articles.index > articles.jsonl
              granary export --index articles.index --format csr --output base.csr --ids base.ids
              granary export --index both.index --dense articles.npy --output articles.jsonl
            """)

    @OptionGroup var index: IndexOption
    @Option(help: "The layout of the output.")
    var format: InputFormat = .jsonl
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
    }

    func run() throws {
        let cancellation = Cancellation()
        let interrupts = Interrupts(cancellation)
        let snapshot = try Index.open(at: index.path).snapshot()
        let file = try OutputFile(output)
        switch format {
        case .jsonl:
            try snapshot.forEachDocument { (document) throws(GranaryError) in
                try cancellation.check()
                var document = document
                if dense != nil { document.dense = nil }
                try file.write(document.jsonLine())
                try file.write("\n")
            }
        case .csr:
            try snapshot.exportCSR { (bytes) throws(GranaryError) in
                try cancellation.check()
                try file.write(bytes)
            }
        }
        try file.finish()
        if let ids { try writeIds(snapshot, to: ids) }
        if let dense { try writeDense(snapshot, to: dense, cancellation) }
        if let vocabulary { try writeVocabulary(snapshot, to: vocabulary) }
        withExtendedLifetime(interrupts) {}
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
