import ArgumentParser
import CommandSupport
import Foundation
import Granary

/// `granary backup`.
struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Makes an index of what the newest generation has, at another place.",
        discussion: """
            The index may be written meanwhile. On one file system files are linked, not copied: that takes \
            no time and no space, saves from deletes and from a lost directory, and not from a damaged disk. \
            With --verified every file is copied, and both file and copy are compared with their checksums. \
            When it fails or is interrupted, no index is left there.

            EXAMPLE
              granary backup --index articles.index --to /backup/articles.index --verified
            """)

    @OptionGroup var index: IndexOption
    @Option(
        name: .customLong("to"),
        help: ArgumentHelp("The backup: a directory that is absent or empty.", valueName: "dir"))
    var target: String
    @Flag(help: "Copies, and compares all checksums.")
    var verified = false
    @OptionGroup var json: JSONOption

    func run() throws {
        let start = ContinuousClock.now
        let snapshot = try Index.open(at: index.path).snapshot()
        try Interrupts.during { (cancellation, bar) throws(GranaryError) in
            try snapshot.backup(
                to: target, isVerified: verified, progress: { bar.report($0) }, cancellation: cancellation)
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let bytes = snapshot.statistics().bytesOnDisk
        try json.write { line in
            line.add("generation", snapshot.generation)
            line.add("documents", snapshot.documentCount)
            line.add("bytes", bytes)
            line.add("verified", verified)
            line.add("seconds", seconds: seconds)
        } orText: {
            "generation \(snapshot.generation) with \(snapshot.documentCount) documents, "
                + "\(ByteSize.text(bytes)), in \(String(format: "%.2f", seconds)) s: \(target)"
        }
    }
}
