import CommandSupport
import Foundation
import Granary

/// What a soaking process takes at one moment.
struct SoakSample: Encodable {
    let second: Double
    /// Of the process, by /proc.
    let residentMB: Double
    let anonymousMB: Double
    let descriptors: Int
    let mappings: Int
    /// All files in the index directory.
    let diskBytes: UInt64
    /// The files of segments, times the live share of their documents.
    let liveBytes: UInt64
    let ratio: Double
    /// The largest of the seconds since the last sample.
    let peakRatio: Double
    /// What lay on the disk then, by what it was for, as shares of the live bytes.
    let peakShares: [String: Double]
    let documents: Int
    let segments: Int
    let generation: UInt64
    let changes: Int
    let changesPerSecond: Double
    let commits: Int
    let searches: Int
    let searchP50: Double
    let searchP99: Double
    let merges: Int
    let failedMerges: Int
    let runningMerges: Int
    let writeAmplification: Double
    let stalls: Int
    let stallSeconds: Double

    init(
        second: Double, size: IndexSize, peak: IndexSize, writer: WriterStatistics, counts: SoakLoad.Counts,
        changesBefore: Int, period: Double
    ) {
        let status = Self.processStatus()
        let sorted = counts.latencies.sorted()
        func quantile(_ share: Double) -> Double {
            sorted.isEmpty
                ? 0 : Self.rounded(sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))])
        }
        self.second = second.rounded()
        residentMB = status["VmRSS"] ?? 0
        anonymousMB = status["RssAnon"] ?? 0
        descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
        mappings = Self.mappingCount()
        (diskBytes, liveBytes) = (size.disk, UInt64(size.live))
        (ratio, peakRatio) = (Self.rounded(size.ratio), Self.rounded(peak.ratio))
        peakShares = peak.bytes.mapValues { Self.rounded(Double($0) / max(1, peak.live)) }
        (documents, segments, generation) = (size.documents, size.segments, size.generation)
        (changes, commits, searches) = (counts.changes, counts.commits, counts.searches)
        changesPerSecond = (Double(changes - changesBefore) / period).rounded()
        (searchP50, searchP99) = (quantile(0.5), quantile(0.99))
        (merges, failedMerges) = (writer.merges, writer.failedMerges)
        runningMerges = writer.runningMerges.count
        writeAmplification = Self.rounded(writer.writeAmplification)
        stalls = writer.stalls.values.reduce(0) { $0 + $1.count }
        stallSeconds = Self.rounded(writer.stalls.values.reduce(0) { $0 + $1.seconds })
    }

    /// A line of JSON.
    var line: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }

    private static func rounded(_ number: Double) -> Double { (number * 1000).rounded() / 1000 }

    /// The numbers of /proc/self/status, in MB.
    private static func processStatus() -> [String: Double] {
        let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        var numbers: [String: Double] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":")
            guard parts.count == 2, parts[1].hasSuffix("kB") else { continue }
            let digits = parts[1].filter(\.isNumber)
            numbers[String(parts[0])] = rounded((Double(digits) ?? 0) / 1024)
        }
        return numbers
    }

    private static func mappingCount() -> Int {
        let text = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
        return text.utf8.count { $0 == UInt8(ascii: "\n") }
    }
}

/// What the files of an index take, beside what they have to.
struct IndexSize {
    /// Of all files in the directory, by what they are for.
    let bytes: [String: UInt64]
    /// The files of segments, times the live share of their documents.
    let live: Double
    let documents: Int
    let segments: Int
    let generation: UInt64

    var disk: UInt64 { bytes.values.reduce(0, +) }
    var ratio: Double { Double(disk) / max(1, live) }

    init(_ index: Index) throws {
        let fileSystem = PosixFileSystem()
        let newest = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: index.path)
        let previous = try? IndexDirectory.manifest(
            newest.generation - 1, fileSystem: fileSystem, path: index.path)
        let needed = Set(newest.files.map(\.name))
        let kept = Set((previous?.files ?? []).map(\.name))
        var bytes: [String: UInt64] = [:]
        for name in try fileSystem.list(index.path) {
            let use =
                needed.contains(name)
                ? "newest" : kept.contains(name) ? "previous" : name.hasSuffix(".tmp") ? "temporary" : "other"
            // One may be gone since it was listed.
            bytes[use, default: 0] += try fileSystem.status("\(index.path)/\(name)")?.length ?? 0
        }
        self.bytes = bytes
        // The disk first: a commit between the two makes the share larger, not smaller.
        let held = try index.snapshot().statistics()
        live = held.segments.reduce(0.0) { sum, segment in
            let bytes = segment.sections.reduce(0) { $0 + $1.bytes }
            return sum + Double(bytes) * Double(segment.documents - segment.dead) / Double(segment.documents)
        }
        (documents, segments, generation) = (held.documents, held.segments.count, held.generation)
    }
}

/// Whether a soaking process may go on like this for ever.
struct SoakJudge {
    private let largestRatio: Double
    private let settledAfter: Double
    private var samples: [SoakSample] = []

    init(largestRatio: Double, settledAfter: Double) {
        (self.largestRatio, self.settledAfter) = (largestRatio, settledAfter)
    }

    mutating func add(_ sample: SoakSample) { samples.append(sample) }

    /// What is wrong; nil when nothing is.
    var finding: String? {
        // At first caches fill.
        let settled = samples.filter { $0.second >= settledAfter }
        if let worst = settled.max(by: { $0.peakRatio < $1.peakRatio }), worst.peakRatio > largestRatio {
            return "the index took \(worst.peakRatio) times its live bytes before \(worst.second) s"
        }
        if let last = samples.last, last.failedMerges > 0 { return "\(last.failedMerges) merges have failed" }
        // The last third of a long run, beside the one before it.
        guard settled.count >= 9 else { return nil }
        let third = settled.count / 3
        let (middle, late) = (settled[third..<2 * third], settled[(settled.count - third)...])
        let measures: [(name: String, of: (SoakSample) -> Double, slack: Double)] = [
            ("anonymous memory (MB)", { $0.anonymousMB }, 64),
            ("descriptors", { Double($0.descriptors) }, 16),
            ("mappings", { Double($0.mappings) }, 64),
        ]
        for (name, measure, slack) in measures {
            // The median: a merge under way is no trend.
            func median(_ part: ArraySlice<SoakSample>) -> Double {
                part.map(measure).sorted()[part.count / 2]
            }
            let (before, after) = (median(middle), median(late))
            if after > before * 1.15 + slack { return "\(name) went from \(before) to \(after)" }
        }
        return nil
    }
}
