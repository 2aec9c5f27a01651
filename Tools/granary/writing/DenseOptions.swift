import ArgumentParser
import CommandSupport
import Granary

/// Where the dense vectors of documents are.
struct VectorFileOptions: ParsableArguments {
    @Option(
        name: .customLong("dense"),
        help: ArgumentHelp(
            "Dense vectors of the rows, in their order, instead of \"dense\" in the input.", valueName: "file"
        ))
    var file: String?
    @Option(
        name: .customLong("dense-format"),
        help: "The layout of --dense; told by the extension where it is not given.")
    var format: VectorFormat?
    @Flag(name: .customLong("ignore-dense"), help: "Passes over \"dense\" in the input.")
    var isIgnored = false

    func validate() throws {
        if file == nil, format != nil { throw ValidationError("--dense-format goes with --dense") }
        if file != nil, isIgnored { throw ValidationError("expected --dense or --ignore-dense, found both") }
        if let file { try VectorFormat.check(file, format) }
    }

    /// The file, opened; nil where none is given.
    func open() throws(GranaryError) -> VectorFile? {
        guard let file else { return nil }
        return try VectorFile.open(DocumentSource.resolved(file), format: format)
    }
}

extension VectorFormat {
    /// Refuses a file whose layout neither its name nor --dense-format says.
    static func check(_ file: String, _ format: VectorFormat?) throws {
        guard format == nil, VectorFormat(path: file) == nil else { return }
        throw ValidationError(
            "expected a name that ends in .fbin, .f16bin, .fvecs or .npy, or --dense-format; found \(file)")
    }
}

extension VectorFile {
    /// Refuses a file that is none for an index.
    ///
    /// - Parameter option: that named the file.
    func check(for schema: Schema, option: String) throws(GranaryError) {
        if rowCount == 0 { return }
        guard let dense = schema.dense else {
            throw GranaryError(
                .invalidArgument, "expected no \(option): the index was built without dense vectors")
        }
        guard dense.dimensions == dimensions else {
            throw GranaryError(
                .malformedInput,
                "expected dense vectors of \(dense.dimensions) dimensions, as in the index, found "
                    + "\(dimensions)", path: path)
        }
    }
}

/// How an index keeps dense vectors.
struct DenseSchemaOptions: ParsableArguments {
    @Option(
        name: .customLong("dense-element"), help: "How values of dense vectors are stored. (default: float16)"
    )
    var element: DenseElement?
    @Option(
        help: """
            What makes dense vectors alike: ip, the inner product; cosine; l2, the Euclidean distance. \
            (default: ip)
            """)
    var metric: DenseMetric?
    @Option(
        name: .customLong("dense-dimensions"),
        help: """
            Values of a dense vector; by default as many as the file of --dense says or the first "dense" in \
            the first thousand documents has.
            """)
    var dimensions: Int?

    func validate() throws {
        if let dimensions, !(1...DenseSchema.largestDimensions).contains(dimensions) {
            throw ValidationError(
                "expected 1 to \(DenseSchema.largestDimensions) dimensions, found \(dimensions)")
        }
    }

    /// The schema for the dense vectors of a source; nil where it has none.
    ///
    /// - Throws: `malformedInput` for a file of other dimensions than asked for, `invalidArgument` where
    ///   something is asked for dense vectors that are not there; what is wrong with the input.
    func schema(_ source: DocumentSource) throws(GranaryError) -> DenseSchema? {
        if let dimensions, let file = source.vectors, file.dimensions != dimensions, file.rowCount > 0 {
            throw GranaryError(
                .malformedInput, "expected vectors of \(dimensions) dimensions, found \(file.dimensions)",
                path: file.path)
        }
        var found = dimensions
        if found == nil { found = try source.findDimensions() }
        guard let found else {
            guard element == nil, metric == nil, source.vectors == nil else {
                throw GranaryError(
                    .invalidArgument,
                    "expected dense vectors in the first thousand documents, or --dense-dimensions; found none"
                )
            }
            return nil
        }
        return DenseSchema(
            dimensions: found, element: element ?? .float16, metric: metric ?? .innerProduct)
    }
}
