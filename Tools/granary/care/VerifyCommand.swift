import ArgumentParser
import CommandSupport
import Granary

/// `granary verify`.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Checks the files of an index.",
        discussion: """
            Without --full: the manifest, and of each file length, header, section table and root hash. \
            With --full: every byte against its checksum, and every row, block and key. The first fault is \
            named with file and place.

            EXAMPLE
              granary verify --index articles.index --full
            """)

    @OptionGroup var index: IndexOption
    @Flag(help: "Reads and checks every byte.")
    var full = false
    @OptionGroup var json: JSONOption

    func run() throws {
        let level: VerificationLevel = full ? .full : .structure
        let snapshot = try Index.open(at: index.path).snapshot()
        try Interrupts.during { (cancellation, bar) throws(GranaryError) in
            try snapshot.verify(level, progress: { bar.report($0) }, cancellation: cancellation)
        }
        try json.write { line in
            line.add("level", level.rawValue)
            line.add("generation", snapshot.generation)
            line.add("documents", snapshot.documentCount)
        } orText: {
            "no fault found: generation \(snapshot.generation), \(snapshot.documentCount) documents "
                + "(\(level.rawValue))"
        }
    }
}
