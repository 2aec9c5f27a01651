import ArgumentParser
import CommandSupport
import Foundation
import Granary

/// `granary merge`.
struct MergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Merges the segments of an index and drops deleted documents.",
        discussion: """
            Answers and scores stay the same; searches get cheaper, and the bytes of deleted documents come \
            back. Needs room on the disk for what it writes. When it is interrupted, what has been merged \
            stays so.

            EXAMPLE
              granary merge --index articles.index
              granary merge --index articles.index --to 4 --threads 2
            """)

    @OptionGroup var index: IndexOption
    @Option(name: .customLong("to"), help: "The most segments that are to be left.")
    var segments = 1
    @Option(help: "Threads; all cores by default.")
    var threads: Int?
    @OptionGroup var json: JSONOption

    func validate() throws {
        if segments < 1 { throw ValidationError("expected at least one segment, found \(segments)") }
        if let threads, threads < 1 {
            throw ValidationError("expected at least one thread, found \(threads)")
        }
    }

    func run() throws {
        let start = ContinuousClock.now
        let index = try Index.open(at: self.index.path)
        let (before, after) = try Interrupts.during { (cancellation, bar) throws(GranaryError) in
            let writer = try index.writer(
                WriterOptions(
                    threads: threads, merging: MergeOptions(isAutomatic: false),
                    progress: { bar.report($0) }))
            defer { writer.close() }
            let before = try index.snapshot().statistics()
            try writer.merge(to: segments, cancellation: cancellation)
            return (before, try index.snapshot().statistics())
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        try json.write { line in
            line.add("segmentsBefore", before.segmentCount)
            line.add("segments", after.segmentCount)
            line.add("bytesBefore", before.bytesOnDisk)
            line.add("bytes", after.bytesOnDisk)
            line.add("deadBefore", before.deadDocuments)
            line.add("dead", after.deadDocuments)
            line.add("documents", after.documents)
            line.add("generation", after.generation)
            line.add("seconds", seconds: seconds)
        } orText: {
            "\(before.segmentCount) segments of \(ByteSize.text(before.bytesOnDisk)) before, "
                + "\(after.segmentCount) of \(ByteSize.text(after.bytesOnDisk)) after, "
                + "\(before.deadDocuments - after.deadDocuments) deleted documents dropped, in "
                + "\(String(format: "%.2f", seconds)) s: \(after.documents) documents in generation "
                + "\(after.generation) (\(self.index.path))"
        }
    }
}
