import ArgumentParser
import Granary
import TestSupport

/// One commit, to be traced.
struct CommitOnceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit-once",
        abstract: "Commits once, new documents and deletes, says so, and ends.")

    @Option(help: "The index directory, of `work`.") var index: String
    @Option(help: "The seed of `work`.") var seed: UInt64

    func run() throws {
        let opened = try Index.open(at: index)
        let writer = try opened.writer(
            WriterOptions(threads: 1, merging: MergeOptions(isAutomatic: false), reserveBytes: 0))
        var model = try StressModel(seed: seed, try opened.snapshot())
        // Three batches, so that there are both new documents and deletes.
        let changes = model.advance() + model.advance() + model.advance()
        say("started \(model.batch)")
        for change in changes { try change.apply(to: writer) }
        _ = try writer.commit(userData: model.userData)
        say("acknowledged \(model.batch)")
        writer.close()
        say("closed")
    }
}
