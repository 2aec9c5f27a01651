import ArgumentParser
import CommandSupport
import Granary

/// Which documents a search may find, on a command line.
struct FilterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Finds only documents whose fields are so: 'year >= 2019 and lang in (en, de)'.",
            valueName: "expression"))
    var filter: String?
    @Option(
        help: ArgumentHelp("Finds only documents with these ids, one a line.", valueName: "file"))
    var allowIds: String?
    @Option(
        help: ArgumentHelp("Finds no documents with these ids, one a line.", valueName: "file"))
    var denyIds: String?
    @Flag(help: "Ids in the files of --allow-ids and --deny-ids are numbers.")
    var numbers = false

    func validate() throws {
        if numbers, allowIds == nil, denyIds == nil {
            throw ValidationError("--numbers goes with --allow-ids or --deny-ids")
        }
    }

    /// The files that the user gave.
    var inputs: [String] { [allowIds, denyIds].compactMap { $0 }.map(Self.resolved) }

    /// The filter; nil where none is asked for.
    ///
    /// - Throws: `invalidArgument` with the place in the expression, `malformedInput` with that in a file.
    func resolved(_ schema: Schema) throws(GranaryError) -> Filter? {
        var parts: [Filter] = []
        if let filter { parts.append(try FilterExpression.parse(filter, schema)) }
        if let allowIds {
            parts.append(.allow(try IDFile.keys(Self.resolved(allowIds), areNumbers: numbers)))
        }
        if let denyIds {
            parts.append(.deny(try IDFile.keys(Self.resolved(denyIds), areNumbers: numbers)))
        }
        return parts.count > 1 ? .and(parts) : parts.first
    }

    private static func resolved(_ path: String) -> String {
        path == IDFile.standardInput ? path : DocumentSource.resolved(path)
    }
}
