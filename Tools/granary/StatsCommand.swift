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
            EXAMPLE
              granary stats --index articles.index --json
            """)

    @OptionGroup var index: IndexOption
    @OptionGroup var json: JSONOption

    func run() throws {
        let statistics = try Index.open(at: index.path).snapshot().statistics()
        let output = try OutputFile(nil)
        if json.isOn {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try output.write(encoder.encode(statistics))
            try output.write("\n")
        } else {
            try output.write(Self.text(statistics))
        }
        try output.finish()
    }

    private static func text(_ statistics: IndexStatistics) -> String {
        var text = """
            generation   \(statistics.generation)
            documents    \(statistics.documents)
            weights      \(statistics.weights)
            vocabulary   \(statistics.hasVocabulary ? "yes" : "no")
            on disk      \(megabytes(Int(statistics.bytesOnDisk)))
            mapped       \(megabytes(statistics.mappedBytes))
            in memory    \(megabytes(statistics.residentBytes))

            """
        for segment in statistics.segments {
            text += """

                segment \(segment.id)
                  \(segment.documents) documents (\(segment.dead) dead), \(segment.components) components, \
                \(segment.entries) entries, \(segment.postings) postings in \(segment.blocks) blocks

                """
            for section in segment.sections {
                let name = "\(section.file)/\(section.section)".padding(
                    toLength: 26, withPad: " ", startingAt: 0)
                text +=
                    "  \(name)\(megabytes(section.bytes)), \(megabytes(section.residentBytes)) in memory\n"
            }
        }
        return text
    }

    private static func megabytes(_ bytes: Int) -> String {
        bytes < 1 << 20
            ? String(format: "%.1f KiB", Double(bytes) / 1024)
            : String(format: "%.1f MiB", Double(bytes) / 1_048_576)
    }
}
