import ArgumentParser
import CommandSupport
import Granary

/// The command line of Granary.
@main
struct GranaryTool: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "granary",
        abstract: "An index of learned sparse vectors on disk: builds, updates, searches and checks it.",
        discussion: """
            EXAMPLE
              granary build  --index articles.index --input articles.jsonl
              granary search --index articles.index --queries questions.jsonl -k 10 --run questions.run
              granary eval   --run questions.run --qrels qrels.txt
              granary add    --index articles.index --input new.jsonl

            Exit codes: 0 done, 1 failed, 64 usage, 65 bad input data. Messages and progress go to \
            standard error.
            """,
        version: "0.1.0",
        subcommands: [
            BuildCommand.self, AddCommand.self, DeleteCommand.self, ReplaceDenseCommand.self,
            SearchCommand.self, EvalCommand.self, StatsCommand.self, VerifyCommand.self, MergeCommand.self,
            AttachCommand.self, DetachCommand.self,
            BackupCommand.self, RepairCommand.self, ExportCommand.self,
        ])

    static func main() {
        Messages.fillPlaces()
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as GranaryError {
            Failure.exit(error)
        } catch {
            exit(withError: error)
        }
    }
}

/// The option that every command on an index has.
struct IndexOption: ParsableArguments {
    @Option(name: .customLong("index"), help: ArgumentHelp("The index: a directory.", valueName: "dir"))
    var path: String
}

/// The option of commands that read answers and documents.
struct VerificationOption: ParsableArguments {
    @Flag(help: "Compares what is read with its checksums, each part once: damage is an error.")
    var verifyReads = false

    var verification: ReadVerification { verifyReads ? .firstTouch : .structure }
}

/// The option for programs.
struct JSONOption: ParsableArguments {
    @Flag(name: .customLong("json"), help: "Writes JSON to standard output, for programs.")
    var isOn = false

    /// Writes what came of a command to standard output: an object whose members `fill` adds, or `text`.
    func write(_ fill: (inout JSONLine) -> Void, orText text: () -> String) throws(GranaryError) {
        let output = try OutputFile(nil)
        var line = JSONLine()
        if isOn { fill(&line) }
        try output.write(isOn ? line.text : text() + "\n")
        try output.finish()
    }
}
