import Foundation
import Granary
import Synchronization

/// What can be measured of an index that lives.
struct UpdateMeasures: Sendable {
    typealias Figures = [(String, String)]

    let name: String
    let run: @Sendable (UpdateWorkload, UpdatesCommand) throws -> Figures

    static let all = [
        UpdateMeasures(name: "aging", run: aging), UpdateMeasures(name: "sustained", run: sustained),
        UpdateMeasures(name: "single", run: single), UpdateMeasures(name: "refresh", run: refresh),
        UpdateMeasures(name: "merging", run: merging), UpdateMeasures(name: "recovery", run: recovery),
        UpdateMeasures(name: "amplification", run: amplification),
    ]

    /// Search on an index after many commits of updates, beside a fresh build of the same documents.
    private static func aging(_ work: UpdateWorkload, _ command: UpdatesCommand) throws -> Figures {
        let fresh = try work.build("fresh").snapshot()
        let index = try work.build("aged")
        let writer = try index.writer(WriterOptions(build: command.build.options))
        var random = SystemRandomNumberGenerator()
        let batch = command.batch ?? max(1, work.count / command.commits)
        var order = Array(0..<work.count).shuffled(using: &random)
        let start = ContinuousClock.now
        for _ in 0..<command.commits {
            for _ in 0..<batch {
                if order.isEmpty { order = Array(0..<work.count).shuffled(using: &random) }
                try writer.upsert(try work.document(order.removeLast()))
            }
            _ = try writer.commit()
        }
        let updating = seconds(since: start)
        writer.pauseMerges()
        let live = try index.snapshot()
        if command.directory != nil {
            try? FileManager.default.removeItem(atPath: "\(work.folder)/live")
            try live.backup(to: "\(work.folder)/live")
        }
        let resumed = ContinuousClock.now
        writer.resumeMerges()
        try writer.waitForMerges()
        let resting = seconds(since: resumed)
        let rested = try index.snapshot()
        // Interleaved, so that all meet the same noise.
        var rows: [[BenchRow]] = [[], [], []]
        for _ in 0..<5 {
            for (number, snapshot) in [fresh, live, rested].enumerated() {
                rows[number].append(try work.search(snapshot, passes: 1))
            }
        }
        let medians = rows.map { rows in rows.map(\.mean).sorted()[rows.count / 2] }
        let statistics = writer.statistics
        func documents(_ snapshot: Snapshot) -> String {
            "\(snapshot.statistics().segments.map(\.documents))"
        }
        return [
            ("fresh_us", medians[0].rounded(to: 1)), ("live_us", medians[1].rounded(to: 1)),
            ("rested_us", medians[2].rounded(to: 1)),
            ("live_ratio", (medians[1] / medians[0]).rounded(to: 3)),
            ("rested_ratio", (medians[2] / medians[0]).rounded(to: 3)),
            ("fresh_recall", rows[0][0].recall.rounded(to: 4)),
            ("live_recall", rows[1][0].recall.rounded(to: 4)),
            ("rested_recall", rows[2][0].recall.rounded(to: 4)),
            ("live_segments", documents(live)), ("rested_segments", documents(rested)),
            ("update_s", updating.rounded(to: 2)), ("rest_s", resting.rounded(to: 2)),
            ("merges", "\(statistics.merges)"),
            ("write_amplification", statistics.writeAmplification.rounded(to: 2)),
        ]
    }

    /// Updates as fast as they go, with a commit every second.
    private static func sustained(_ work: UpdateWorkload, _ command: UpdatesCommand) throws -> Figures {
        let index = try work.build("sustained")
        let writer = try index.writer()
        var latencies = Latencies()
        var (documents, random) = (0, SystemRandomNumberGenerator())
        let start = ContinuousClock.now
        var committed = start
        while seconds(since: start) < Double(command.seconds) {
            try writer.upsert(try work.document(Int.random(in: 0..<work.count, using: &random)))
            documents += 1
            if seconds(since: committed) < 1 { continue }
            let begun = ContinuousClock.now
            _ = try writer.commit()
            latencies.add(seconds(since: begun))
            committed = ContinuousClock.now
        }
        _ = try writer.commit()
        let elapsed = seconds(since: start)
        return [
            ("documents_per_s", (Double(documents) / elapsed).rounded(to: 0)),
            ("commits", "\(latencies.count)"), ("commit_p50_ms", latencies.milliseconds(0.5).rounded(to: 1)),
            ("commit_p99_ms", latencies.milliseconds(0.99).rounded(to: 1)),
            ("stalls", "\(writer.statistics.stalls.values.reduce(0) { $0 + $1.count })"),
        ]
    }

    /// A commit for each document.
    private static func single(_ work: UpdateWorkload, _ command: UpdatesCommand) throws -> Figures {
        let index = try work.build("single")
        let writer = try index.writer()
        var latencies = Latencies()
        var random = SystemRandomNumberGenerator()
        let start = ContinuousClock.now
        while seconds(since: start) < Double(command.seconds) {
            try writer.upsert(try work.document(Int.random(in: 0..<work.count, using: &random)))
            let begun = ContinuousClock.now
            _ = try writer.commit()
            latencies.add(seconds(since: begun))
        }
        return [
            ("documents_per_s", (Double(latencies.count) / seconds(since: start)).rounded(to: 1)),
            ("commit_p50_ms", latencies.milliseconds(0.5).rounded(to: 2)),
            ("commit_p99_ms", latencies.milliseconds(0.99).rounded(to: 2)),
            ("segments", "\(writer.statistics.segments)"), ("merges", "\(writer.statistics.merges)"),
        ]
    }

    /// From the upsert of a document to its being found, with a refresh for each document, and for each
    /// thousand.
    private static func refresh(_ work: UpdateWorkload, _ command: UpdatesCommand) throws -> Figures {
        let index = try work.build("refresh")
        let writer = try index.writer()
        var random = SystemRandomNumberGenerator()
        var (one, thousand) = (Latencies(), Latencies())
        for round in 0..<1000 {
            let row = Int.random(in: 0..<work.count, using: &random)
            let begun = ContinuousClock.now
            try writer.upsert(try work.document(row))
            let snapshot = try writer.refresh()
            one.add(seconds(since: begun))
            guard try snapshot.document(id: .number(UInt64(row))) != nil else {
                throw GranaryError(.notFound, "document \(row) after its refresh")
            }
            if round % 100 == 99 { _ = try writer.commit() }
        }
        for _ in 0..<20 {
            let documents = try (0..<1000).map { _ in
                try work.document(Int.random(in: 0..<work.count, using: &random))
            }
            let begun = ContinuousClock.now
            for document in documents { try writer.upsert(document) }
            _ = try writer.refresh()
            thousand.add(seconds(since: begun))
        }
        return [
            ("one_p50_ms", one.milliseconds(0.5).rounded(to: 2)),
            ("one_p99_ms", one.milliseconds(0.99).rounded(to: 2)),
            ("thousand_p50_ms", thousand.milliseconds(0.5).rounded(to: 1)),
            ("thousand_p99_ms", thousand.milliseconds(0.99).rounded(to: 1)),
        ]
    }

    /// Search in one thread while another merges, beside the same search at rest.
    private static func merging(_ work: UpdateWorkload, _ command: UpdatesCommand) throws -> Figures {
        let options = WriterOptions(
            memoryBytes: 1 << 30, threads: 1, segmentDocuments: max(1, work.count / 6),
            merging: MergeOptions(isAutomatic: false))
        let index = try work.build("merging", options)
        let snapshot = try index.snapshot()
        let writer = try index.writer(options)
        let idle = try work.search(snapshot, passes: 5)
        let isDone = Mutex(false)
        let thread = Thread {
            try? writer.merge()
            isDone.withLock { $0 = true }
        }
        thread.start()
        var busy: [BenchRow] = []
        while !isDone.withLock({ $0 }) { busy.append(try work.search(snapshot, passes: 1)) }
        // The last pass may have gone on after the merge.
        let during = busy.count > 1 ? Array(busy.dropLast()) : busy
        let p99 = during.map(\.p99).sorted()[during.count / 2]
        let mean = during.map(\.mean).sorted()[during.count / 2]
        return [
            ("idle_us", idle.mean.rounded(to: 1)), ("idle_p99_us", idle.p99.rounded(to: 0)),
            ("merging_us", mean.rounded(to: 1)), ("merging_p99_us", p99.rounded(to: 0)),
            ("p99_ratio", (p99 / idle.p99).rounded(to: 2)), ("passes", "\(during.count)"),
        ]
    }

    /// Opening an index of 100 segments for writing, as after a crash.
    private static func recovery(_ work: UpdateWorkload, _ command: UpdatesCommand) throws -> Figures {
        let options = WriterOptions(
            segmentDocuments: max(1, work.count / 100), merging: MergeOptions(isAutomatic: false))
        let index = try work.build("recovery", options)
        var (writing, reading) = (Latencies(), Latencies())
        for _ in 0..<20 {
            let begun = ContinuousClock.now
            let writer = try index.writer(options)
            writing.add(seconds(since: begun))
            writer.close()
            let opened = ContinuousClock.now
            _ = try Index.open(at: index.path).snapshot()
            reading.add(seconds(since: opened))
        }
        return [
            ("segments", "\(try index.snapshot().statistics().segments.count)"),
            ("open_for_writing_ms", writing.milliseconds(0.5).rounded(to: 2)),
            ("open_for_reading_ms", reading.milliseconds(0.5).rounded(to: 2)),
        ]
    }

    /// Bytes written for each byte flushed, over many flushes of new documents.
    private static func amplification(_ work: UpdateWorkload, _ command: UpdatesCommand) throws -> Figures {
        let path = "\(work.folder)/amplification"
        try? FileManager.default.removeItem(atPath: path)
        let batch = max(1, work.count / command.flushes)
        // A floor of one flush, as in the simulation that this is compared with.
        let writer = try Index.create(at: path).writer(WriterOptions())
        var row = 0
        for _ in 0..<command.flushes where row < work.count {
            for _ in 0..<batch where row < work.count {
                try writer.upsert(try work.document(row))
                row += 1
            }
            _ = try writer.commit()
        }
        try writer.waitForMerges()
        let statistics = writer.statistics
        return [
            ("flushes", "\(statistics.flushes)"), ("flushed_bytes", "\(statistics.flushedBytes)"),
            ("merges", "\(statistics.merges)"), ("segments", "\(statistics.segments)"),
            ("write_amplification", statistics.writeAmplification.rounded(to: 2)),
        ]
    }
}
