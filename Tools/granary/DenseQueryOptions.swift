import ArgumentParser
import CommandSupport
import Granary

/// The dense half of queries.
struct DenseQueryOptions: ParsableArguments {
    @Option(
        name: .customLong("dense-queries"),
        help: ArgumentHelp(
            "Dense vectors of the queries, in their order, instead of \"dense\" in their lines.",
            valueName: "file"))
    var file: String?
    @Option(
        name: .customLong("dense-format"),
        help: "The layout of --dense-queries; told by the extension where it is not given.")
    var format: VectorFormat?
    @Flag(name: .customLong("ignore-dense"), help: "Passes over \"dense\" in the queries.")
    var isIgnored = false
    @Option(help: "Documents for the dense half to verify. (default: ten times k, at least 100)")
    var candidates: Int?
    @Option(
        help: ArgumentHelp(
            "How the two scores become one: \(FusionArgument.spellings).", valueName: "spec"),
        transform: FusionArgument.parse)
    var fusion: Fusion = .dense

    func validate() throws {
        if file == nil, format != nil { throw ValidationError("--dense-format goes with --dense-queries") }
        if file != nil, isIgnored {
            throw ValidationError("expected --dense-queries or --ignore-dense, found both")
        }
        if let file { try VectorFormat.check(file, format) }
        if let candidates, candidates < 1 {
            throw ValidationError("expected at least one candidate, found \(candidates)")
        }
    }

    /// The file, opened; nil where none is given.
    func open() throws(GranaryError) -> VectorFile? {
        guard let file else { return nil }
        return try VectorFile.open(DocumentSource.resolved(file), format: format)
    }

    /// The query of a line or row.
    func query(_ document: Document, k: Int, accuracy: Query.Accuracy) -> Query {
        var query = Query(sparse: document.sparse, k: k, accuracy: accuracy)
        query.dense = document.dense
        query.candidates = candidates
        query.fusion = fusion
        return query
    }
}
