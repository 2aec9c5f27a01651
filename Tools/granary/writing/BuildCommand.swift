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
            with the document; without it an object of all further members ("text", "title", …) is kept. A \
            .csr file is BigANN's sparse matrix, a .ciff file an index of posting lists in the Common \
            Index File Format, whose impacts are divided by --scale. --format anserini reads Anserini's \
            JSON vectors (objects one a line, or in an array) as --vector-weights says, --format seismic \
            Seismic's binary documents; granary export writes all of them.

            A document may have a dense vector, which verifies what the sparse one finds: "dense": [number, \
            …], or a row of the file that --dense names: .fbin and .f16bin (BigANN), .fvecs (TEXMEX) or .npy \
            (NumPy: 2-D, C order, little-endian floats). All have the same dimensions.

            The directory must be absent or empty. When the build fails or is interrupted, no index is left; \
            what a killed one leaves is removed by the next. Of documents with one id the last one wins.

            --field declares a value that `search --filter` can ask for: a member of the payload, a string, \
            integer, number or boolean, or an array of such. PATH names it, from the outside in, joined by \
            dots; without it the member has the field's name. Fields are fixed for the life of the index.

            EXAMPLE
              granary build --index a.index --input a.jsonl --field year:integer --field lang:string:meta.lang
              granary build --index articles.index --input part1.jsonl part2.jsonl --memory 2G
              granary build --index base.index --input base.csr --ids base.ids --vocabulary vocabulary.txt
              granary build --index both.index --input articles.jsonl --dense articles.npy --metric cosine
            """)

    @OptionGroup var index: IndexOption
    @OptionGroup var documents: InputOptions
    @Option(help: "How weights are stored.")
    var weights: WeightType = .float16
    @Option(help: "How payloads are compressed.")
    var compression: PayloadCompression = .zstd
    @OptionGroup var dense: DenseSchemaOptions
    @Option(help: ArgumentHelp("A field for filters; may be repeated.", valueName: "name:kind[:path]"))
    var field: [Field] = []
    @Option(help: "The most documents of one segment.")
    var segmentDocuments: Int?
    @OptionGroup var json: JSONOption

    func validate() throws {
        if let segmentDocuments, segmentDocuments < 1 {
            throw ValidationError("expected at least one document a segment, found \(segmentDocuments)")
        }
    }

    func run() throws {
        let outcome = documents.take(into: index.path) { (intake, options) throws(GranaryError) in
            var options = options
            if let segmentDocuments { options.segmentDocuments = segmentDocuments }
            let schema = Schema(
                weights: weights, payloadCompression: compression, dense: try dense.schema(intake.source),
                fields: field)
            return try IndexBuild(path: index.path, schema: schema, options: options).run(intake)
        }
        let receipt = outcome.receipt
        if receipt.replaced > 0 {
            warn("\(receipt.replaced) documents had the id of an earlier one and replaced it")
        }
        try json.write { line in
            line.add("documents", receipt.documents)
            line.add("rows", outcome.rows)
            line.add("replaced", receipt.replaced)
            line.add("generation", receipt.generation)
            line.add("seconds", seconds: outcome.seconds)
        } orText: {
            "\(receipt.documents) documents in \(String(format: "%.2f", outcome.seconds)) s: \(index.path)"
        }
    }
}
