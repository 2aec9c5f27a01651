import ArgumentParser
import CommandSupport
import Foundation
import Granary

/// `granary add`.
struct AddCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Adds documents to an index; one with an id that is there replaces the older one.",
        discussion: """
            The input is that of `build`. Without ids in it documents get their row numbers, and so replace \
            those that an earlier input numbered. Dense vectors have the \
            dimensions of the index; --ignore-dense adds to one without.

            There is one commit, at the end: when the command fails or is interrupted, the index is as \
            before. With --commit-every there are more, and what is committed stays. Searches go on \
            meanwhile and see a commit whole or not at all. At the end segments are merged that are due; \
            --no-merge leaves them to another time. To interrupt that does no harm.

            EXAMPLE
              granary add --index articles.index --input today.jsonl
              granary add --index articles.index --input stream.jsonl --commit-every 10000 --user-data day-7
            """)

    @OptionGroup var index: IndexOption
    @OptionGroup var documents: InputOptions
    @Option(help: ArgumentHelp("Commits after each so many documents.", valueName: "documents"))
    var commitEvery: Int?
    @Flag(help: "Does not merge segments.")
    var noMerge = false
    @Option(
        help: ArgumentHelp(
            "A text to store with the last commit, as a note of how far the input has been read: `stats` shows it.",
            valueName: "text"))
    var userData: String?
    @OptionGroup var json: JSONOption

    func validate() throws {
        if let commitEvery, commitEvery < 1 {
            throw ValidationError("expected a commit after at least one document, found \(commitEvery)")
        }
        if let userData, userData.utf8.count > 1 << 20 {
            throw ValidationError("expected --user-data of at most 1MiB, found \(userData.utf8.count) bytes")
        }
    }

    func run() throws {
        let outcome = documents.take(into: index.path) { (intake, options) throws(GranaryError) in
            var options = options
            options.merging.isAutomatic = !noMerge
            return try IndexAddition(
                path: index.path, options: options, commitEvery: commitEvery,
                userData: userData.map { Array($0.utf8) }
            ).run(intake)
        }
        let receipt = outcome.receipt
        if let reason = receipt.unmerged {
            warn("the documents are committed, but not all merges are done: \(reason)")
        }
        try json.write { line in
            line = self.line(receipt, seconds: outcome.seconds)
        } orText: {
            text(receipt, seconds: outcome.seconds)
        }
    }

    private func line(_ receipt: IndexAddition.Receipt, seconds: Double) -> JSONLine {
        var line = JSONLine()
        line.add("added", receipt.added)
        line.add("replaced", receipt.replaced)
        line.add("documents", receipt.documents)
        line.add("commits", receipt.commits)
        line.add("generation", receipt.generation)
        line.add("merges", receipt.statistics.merges)
        line.add("segments", receipt.statistics.segments)
        line.add("seconds", seconds: seconds)
        var stalls = JSONLine()
        for reason in StallReason.allCases {
            let total = receipt.statistics.stalls[reason]
            var stall = JSONLine()
            stall.add("count", total?.count ?? 0)
            stall.add("seconds", seconds: total?.seconds ?? 0)
            stalls.add(reason.rawValue, stall)
        }
        line.add("stalls", stalls)
        return line
    }

    private func text(_ receipt: IndexAddition.Receipt, seconds: Double) -> String {
        var lines = [
            "\(receipt.added) documents added, \(receipt.replaced) of them in the place of others, in "
                + "\(String(format: "%.2f", seconds)) s: \(receipt.documents) documents in generation "
                + "\(receipt.generation) (\(index.path))"
        ]
        if receipt.commits > 1 { lines.append("\(receipt.commits) commits") }
        for reason in StallReason.allCases {
            guard let stalls = receipt.statistics.stalls[reason] else { continue }
            let seconds = String(format: "%.2f", stalls.seconds)
            lines.append("waited for \(reason.name) \(stalls.count) times, \(seconds) s in all")
        }
        return lines.joined(separator: "\n")
    }
}

extension StallReason {
    /// What was waited for.
    fileprivate var name: String {
        switch self {
        case .flush: "a segment to be written"
        case .merges: "merges"
        }
    }
}
