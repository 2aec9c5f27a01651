import ArgumentParser
import CommandSupport
import Foundation
import Granary

/// `granary eval`.
struct EvalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Measures a run by judgements or by exact answers.",
        discussion: """
            With --qrels: nDCG@k (linear gain), MRR@k and recall@100, as ir_measures computes them. All \
            judged queries count; search with -k 100 or more for recall@100. With --truth: recall@k against \
            the exact answers, a BigANN .gt file, whose rows are the names in the run unless --ids and \
            --query-ids give the names.

            EXAMPLE
              granary eval --run questions.run --qrels qrels.txt
              granary eval --run questions.run --truth truth.gt --ids base.ids --query-ids queries.ids
            """)

    @Option(
        name: .customLong("run"),
        help: ArgumentHelp("The run: TREC lines, query Q0 document rank score tag.", valueName: "file"))
    var runFile: String
    @Option(help: ArgumentHelp("Judgements: TREC lines, query 0 document grade.", valueName: "file"))
    var qrels: String?
    @Option(help: ArgumentHelp("Exact answers in BigANN's .gt layout.", valueName: "file"))
    var truth: String?
    @Option(help: ArgumentHelp("With --truth: names of the documents' rows, one a line.", valueName: "file"))
    var ids: String?
    @Option(help: ArgumentHelp("With --truth: names of the queries' rows, one a line.", valueName: "file"))
    var queryIds: String?
    @Option(name: .short, help: "Hits that count.")
    var k = 10
    @OptionGroup var json: JSONOption

    func validate() throws {
        if (qrels == nil) == (truth == nil) { throw ValidationError("expected --qrels or --truth") }
        if qrels != nil, ids != nil || queryIds != nil {
            throw ValidationError("--ids and --query-ids go with --truth")
        }
        if k < 1 { throw ValidationError("expected a k of at least 1, found \(k)") }
    }

    func run() throws {
        let inputs = [runFile, qrels, truth, ids, queryIds].compactMap { $0 }.map(DocumentSource.resolved)
        do {
            let entries = try RunFile.read(DocumentSource.resolved(runFile))
            try report(try evaluate(entries))
        } catch let error as GranaryError {
            Failure.exit(error, inputs: inputs)
        }
    }

    private func evaluate(_ entries: [String: [RunEntry]]) throws -> Evaluation {
        if let qrels {
            let judgements = try Judgements.read(DocumentSource.resolved(qrels))
            return Evaluation(run: entries, judgements: judgements, k: k)
        }
        return try Evaluation(
            run: entries, truth: try GroundTruth.open(DocumentSource.resolved(truth ?? "")), k: k,
            queryRows: rows(queryIds), documentRows: rows(ids))
    }

    private func rows(_ path: String?) throws -> [String: Int]? {
        guard let path else { return nil }
        let names = try TextFile.names(DocumentSource.resolved(path))
        return Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
    }

    private func report(_ evaluation: Evaluation) throws {
        let output = try OutputFile(nil)
        if json.isOn {
            let values = evaluation.values.map { "\"\($0.name)\": \($0.value)" }
            try output.write(
                "{\((["\"queries\": \(evaluation.queries)"] + values).joined(separator: ", "))}\n")
        } else {
            for (name, value) in evaluation.values {
                try output.write(
                    name.padding(toLength: 12, withPad: " ", startingAt: 0) + String(format: "%.4f\n", value))
            }
            try output.write(
                "queries".padding(toLength: 12, withPad: " ", startingAt: 0) + "\(evaluation.queries)\n")
        }
        try output.finish()
    }
}
