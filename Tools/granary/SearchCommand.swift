import ArgumentParser
import CommandSupport
import Granary

/// `granary search`.
struct SearchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Answers queries.",
        discussion: """
            Queries are lines of JSON or another layout of documents that `build` reads. Tokens that the \
            index does not know add nothing; a query that has no others gets no hits. Without --run and \
            --json the hits are printed for people, with the text of their payloads. --json writes one \
            object for each query: {"id": …, "hits": [{"id": …, "score": …, "payload": …}, …]}. --run \
            writes a TREC run, in which equal scores go down by the smallest float32 step, so that every \
            tool sees the order of the hits: insertion.

            With a dense vector in a query ("dense" in its line, or a row of --dense-queries) the sparse \
            half finds --candidates documents and the dense half verifies them; --fusion says how the two \
            scores become one: dense (the dense score alone), linear:sparse=0.3,dense=1 (weighted sum), \
            rrf:k=60,sparse=1,dense=1 (reciprocal ranks) or normalized:sparse=0.5,dense=0.5 (weighted sum of \
            the scores scaled to 0...1).

            --filter compares fields that `build --field` declared, by =, !=, <, <=, >, >= and "in (a, b)", \
            joined by "and", "or", "not" and parentheses; words with other characters stand in double \
            quotes. Where a field has several values, one that matches is enough; without a value nothing \
            matches but "not" and "!=". --allow-ids and --deny-ids hold besides it.

            EXAMPLE
              granary search --index a.index --queries q.jsonl --filter 'year >= 2019 and not lang = en'
              granary search --index articles.index --queries questions.jsonl -k 3
              granary search --index base.index --queries q.csr --ids q.ids -k 100 --exact --run base.run
              granary search --index both.index --queries q.jsonl --dense-queries q.npy --fusion rrf
            """)

    @OptionGroup var index: IndexOption
    @Option(help: ArgumentHelp("The queries.", valueName: "file"))
    var queries: String
    @Option(help: "The layout of the queries; told by the extension where it is not given.")
    var format: InputFormat?
    @OptionGroup var numbers: NumberOptions
    @Option(
        help: ArgumentHelp("Ids of the queries, one a line, instead of those in the file.", valueName: "file")
    )
    var ids: String?
    @OptionGroup var dense: DenseQueryOptions
    @OptionGroup var reading: DenseReadingOptions
    @OptionGroup var checks: VerificationOption
    @Option(name: .short, help: "Hits for each query.")
    var k = 10
    @Option(help: "The expected share of the true best k that is found, above 0 and up to 1. (default: 0.95)")
    var recall: Double?
    @Flag(help: "Finds the true best k.")
    var exact = false
    @OptionGroup var filters: FilterOptions
    @Option(name: .customLong("run"), help: ArgumentHelp("Writes a TREC run.", valueName: "file"))
    var runFile: String?
    @OptionGroup var json: JSONOption
    @Flag(help: "Shows what each token adds to each score.")
    var explain = false
    @Option(help: "Answers only the first queries.")
    var queriesMax: Int?
    @Option(help: "Threads; all cores by default.")
    var threads: Int?

    func validate() throws {
        try numbers.check([queries], format: format)
        if k < 1 { throw ValidationError("expected a k of at least 1, found \(k)") }
        if let recall, !(recall > 0 && recall <= 1) {
            throw ValidationError("expected a recall above 0 and up to 1, found \(recall)")
        }
        if recall != nil, exact { throw ValidationError("expected --recall or --exact, found both") }
        if let threads, threads < 1 {
            throw ValidationError("expected at least one thread, found \(threads)")
        }
        if let queriesMax, queriesMax < 0 { throw ValidationError("expected --queries-max of at least 0") }
        if explain, runFile != nil, !json.isOn { throw ValidationError("--explain has no place in a run") }
    }

    func run() throws {
        var inputs =
            ([ids, dense.file].compactMap { $0 } + [queries]).map(DocumentSource.resolved) + filters.inputs
        do throws(GranaryError) {
            let source = try DocumentSource(
                [queries], format: format, ids: ids, vectors: try dense.open(), ignoresDense: dense.isIgnored,
                settings: InputSettings(
                    vectorWeights: numbers.vectorWeights, scale: try numbers.impactScale()))
            inputs += source.inputs
            try Interrupts.during { (cancellation, bar) throws(GranaryError) in
                source.report(to: InputWatch(cancellation: cancellation) { bar.report($0) })
                try answer(source, cancellation, bar)
            }
        } catch {
            Failure.exit(error, inputs: inputs)
        }
    }

    /// Answers the queries of a source, some at a time.
    private func answer(
        _ source: DocumentSource, _ cancellation: Cancellation, _ bar: ProgressBar
    ) throws(GranaryError) {
        let accuracy: Query.Accuracy = exact ? .exact : .recall(recall ?? 0.95)
        let snapshot = try Index.open(
            at: index.path, reading: reading.reading, verification: checks.verification
        ).snapshot()
        try source.vectors?.check(for: snapshot.schema, option: "--dense-queries")
        let filter = try filters.resolved(snapshot.schema)
        let printed = json.isOn || runFile == nil ? try OutputFile(nil) : nil
        let run = try runFile.map { (path) throws(GranaryError) in try OutputFile(path) }
        let printer = HitPrinter(snapshot: snapshot, isJSON: json.isOn, explains: explain)
        var left = queriesMax ?? .max
        while left > 0 {
            try cancellation.check()
            // Enough at once to keep all cores busy, and no more: memory stays small, Ctrl-C is heard.
            let batch = try take(min(left, 64), from: source)
            // What took long was the way to the first query; hits may go to the same terminal.
            bar.finish()
            if batch.isEmpty { break }
            left -= batch.count
            let answers = try snapshot.search(
                batch: batch.map { document in
                    var query = dense.query(document, k: k, accuracy: accuracy)
                    query.filter = filter
                    return query
                }, threads: threads)
            for (query, hits) in zip(batch, answers) {
                try run?.write(try RunFile.lines(query: query.id, hits: hits))
                if let printed { try printer.write(query, hits, to: printed) }
            }
        }
        try run?.finish()
        try printed?.finish()
    }

    private func take(_ count: Int, from source: DocumentSource) throws(GranaryError) -> [Document] {
        var batch: [Document] = []
        while batch.count < count, let query = try source.next() { batch.append(query) }
        return batch
    }
}
