import ArgumentParser
import CommandSupport
import Granary

/// `granary detach`.
struct DetachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detach",
        abstract: "Moves segments out of an index into a new one.",
        discussion: """
            The documents of these segments are in the new index then, and no longer in this one. `stats` \
            shows the names of segments. On one file system nothing is copied.

            EXAMPLE
              granary detach --index articles.index --segments 5f0c1d… --to old.index
            """)

    @OptionGroup var index: IndexOption
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Names of segments, 32 hexadecimal digits each.", valueName: "segment"))
    var segments: [String]
    @Option(name: .customLong("to"), help: ArgumentHelp("The new index: a directory.", valueName: "dir"))
    var target: String
    @OptionGroup var json: JSONOption

    func validate() throws {
        if segments.isEmpty { throw ValidationError("expected at least one segment after --segments") }
    }

    func run() throws {
        let index = try Index.open(at: self.index.path)
        try Interrupts.during { (cancellation, bar) throws(GranaryError) in
            let writer = try index.writer(
                WriterOptions(merging: MergeOptions(isAutomatic: false), cancellation: cancellation))
            defer { writer.close() }
            try cancellation.check()
            try writer.detach(segments, to: target)
        }
        let (left, moved) = (try index.snapshot(), try Index.open(at: target).snapshot())
        try json.write { line in
            line.add("segments", Set(segments).count)
            line.add("detached", moved.documentCount)
            line.add("documents", left.documentCount)
            line.add("generation", left.generation)
        } orText: {
            "\(moved.documentCount) documents moved to \(target): \(left.documentCount) documents in "
                + "generation \(left.generation) (\(self.index.path))"
        }
    }
}
