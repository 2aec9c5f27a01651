import ArgumentParser
import CommandSupport
import Granary

/// `granary attach`.
struct AttachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "Takes the segments of other indexes in as they are: all or none.",
        discussion: """
            For collections whose parts are built elsewhere, in parallel: nothing is built again, and on one \
            file system nothing is copied. The other indexes stay as they are. Documents with an id that is \
            here already replace those here; of two indexes the later one wins. Weights and vocabularies \
            have to be those of this index: build the parts with one --vocabulary.

            EXAMPLE
              granary attach --index articles.index --from part1.index part2.index
            """)

    @OptionGroup var index: IndexOption
    @Option(
        name: .customLong("from"), parsing: .upToNextOption,
        help: ArgumentHelp("The other indexes: directories.", valueName: "dir"))
    var sources: [String]
    @OptionGroup var json: JSONOption

    func validate() throws {
        if sources.isEmpty { throw ValidationError("expected at least one index after --from") }
    }

    func run() throws {
        let index = try Index.open(at: self.index.path)
        let (attached, receipt, segments) = try Interrupts.during {
            (cancellation, bar) throws(GranaryError) in
            let writer = try index.writer(
                WriterOptions(
                    merging: MergeOptions(isAutomatic: false), progress: { bar.report($0) },
                    cancellation: cancellation))
            defer { writer.close() }
            let attached = try writer.attach(sources, cancellation: cancellation)
            return (attached, try writer.commit(), writer.statistics.segments)
        }
        try json.write { line in
            line.add("attached", attached)
            line.add("indexes", sources.count)
            line.add("documents", receipt.documents)
            line.add("segments", segments)
            line.add("generation", receipt.generation)
        } orText: {
            "\(attached) documents of \(sources.count) indexes attached: \(receipt.documents) documents in "
                + "\(segments) segments, generation \(receipt.generation) (\(self.index.path))"
        }
    }
}
