import ArgumentParser
import CommandSupport
import Foundation
import Granary

/// `granary stats`.
struct StatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Shows what an index holds and where its bytes are.",
        discussion: """
            Sizes are those of the newest generation, by file and section; "in memory" is what the \
            system has of them in memory now, for whatever process. "older" is what the newest generation \
            does not need: the generation before it, kept for readers about to open it, and segments \
            in the making.

            EXAMPLE
              granary stats --index articles.index
              granary stats --index articles.index --json
            """)

    @OptionGroup var index: IndexOption
    @Flag(help: "Shows the sections of each segment too.")
    var sections = false
    @OptionGroup var json: JSONOption

    /// What `--json` writes.
    private struct Report: Encodable {
        var statistics: IndexStatistics
        var disk: DiskUsage
        /// What `add --user-data` gave, where it is text.
        var userData: String?

        private enum Key: String, CodingKey { case disk, userData }

        func encode(to encoder: any Encoder) throws {
            try statistics.encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(disk, forKey: .disk)
            try container.encode(userData, forKey: .userData)
        }
    }

    func run() throws {
        let index = try Index.open(at: self.index.path)
        let snapshot = try index.snapshot()
        let report = Report(
            statistics: snapshot.statistics(), disk: try index.diskUsage(),
            userData: String(validating: snapshot.userData, as: UTF8.self))
        let output = try OutputFile(nil)
        if json.isOn {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try output.write(encoder.encode(report))
            try output.write("\n")
        } else {
            try output.write(text(report))
        }
        try output.finish()
    }

    private func text(_ report: Report) -> String {
        let statistics = report.statistics
        let share = String(format: "%.1f %%", statistics.deletedShare * 100)
        let rows: [(String, String)] = [
            ("generation", "\(statistics.generation), next operation \(statistics.nextSequence)"),
            ("documents", "\(statistics.documents)"), ("deleted", "\(statistics.deadDocuments) (\(share))"),
            ("segments", "\(statistics.segmentCount)"), ("weights", statistics.weights),
            ("dense", statistics.dense.map(Self.text) ?? "none"),
            ("vocabulary", statistics.hasVocabulary ? "yes" : "no"), ("user data", Self.userData(report)),
            ("on disk", ByteSize.text(statistics.bytesOnDisk)),
            ("older", ByteSize.text(report.disk.olderBytes)),
            ("reserve", ByteSize.text(report.disk.reserveBytes)),
            ("mapped", ByteSize.text(statistics.mappedBytes)),
            ("in memory", ByteSize.text(statistics.residentBytes)),
        ]
        var text = rows.map { Self.padded($0, 13) + $1 + "\n" }.joined()
        text += "\n\(Self.padded("section", 28))    on disk  in memory  for each document\n"
        for section in statistics.sections {
            text += Self.row(
                section.file, section.section, section.bytes, section.residentBytes,
                String(format: "  %10.1f bytes", section.bytesPerDocument))
        }
        for segment in statistics.segments { text += "\n" + describe(segment) }
        return text
    }

    private static func text(_ dense: IndexStatistics.Dense) -> String {
        "\(dense.rows) rows of \(dense.dimensions) \(dense.element), \(dense.metric); read by "
            + dense.readMethod
    }

    private func describe(_ segment: IndexStatistics.Segment) -> String {
        let bytes = segment.sections.reduce(0) { $0 + $1.bytes }
        let parts =
            segment.windows > 0 ? "\(segment.windows) windows in order of impact" : "\(segment.blocks) blocks"
        var text = """
            segment \(segment.id), \(ByteSize.text(bytes))
              \(segment.documents) documents (\(segment.dead) dead), \(segment.components) components, \
            \(segment.entries) entries, \(segment.postings) postings in \(parts)

            """
        if sections {
            for section in segment.sections {
                text += Self.row(
                    "  " + section.file, section.section, section.bytes, section.residentBytes, "")
            }
        }
        return text
    }

    private static func row(
        _ file: String, _ section: String, _ bytes: Int, _ resident: Int, _ rest: String
    ) -> String {
        padded("\(file)/\(section)", 28) + aligned(ByteSize.text(bytes)) + aligned(ByteSize.text(resident))
            + rest + "\n"
    }

    private static func userData(_ report: Report) -> String {
        let count = report.statistics.userDataBytes
        guard count > 0 else { return "none" }
        return "\(count) bytes" + (report.userData.map { ": \(String($0.prefix(60)).shown)" } ?? "")
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0)
    }

    private static func aligned(_ text: String) -> String {
        String(repeating: " ", count: max(1, 11 - text.count)) + text
    }
}
