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
        let cancellation = Cancellation()
        let interrupts = Interrupts(cancellation)
        let bar = ProgressBar()
        defer { bar.finish() }
        let level: VerificationLevel = full ? .full : .structure
        let snapshot = try Index.open(at: index.path).snapshot()
        try snapshot.verify(level, progress: { bar.report($0) }, cancellation: cancellation)
        bar.finish()
        withExtendedLifetime(interrupts) {}
        let output = try OutputFile(nil)
        if json.isOn {
            try output.write(
                "{\"level\": \"\(level.rawValue)\", \"generation\": \(snapshot.generation), "
                    + "\"documents\": \(snapshot.documentCount)}\n")
        } else {
            try output.write(
                "no fault found: generation \(snapshot.generation), \(snapshot.documentCount) documents "
                    + "(\(level.rawValue))\n"
            )
        }
        try output.finish()
    }
}
