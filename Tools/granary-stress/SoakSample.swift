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
    let documents: Int
    let segments: Int
    let generation: UInt64
    let changes: Int
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

    init(second: Double, path: String, index: Index, writer: IndexWriter, load: SoakLoad) throws {
        let status = Self.processStatus()
        let counts = load.take()
        let sorted = counts.latencies.sorted()
        func quantile(_ share: Double) -> Double {
            sorted.isEmpty
                ? 0 : Self.rounded(sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))])
        }
        let written = writer.statistics
        // The disk first: a commit between the two makes the share larger, not smaller.
        let disk = Self.bytes(in: path)
        let held = try index.snapshot().statistics()
        let live = held.segments.reduce(0.0) { sum, segment in
            let bytes = segment.sections.reduce(0) { $0 + $1.bytes }
            return sum + Double(bytes) * Double(segment.documents - segment.dead) / Double(segment.documents)
        }
        self.second = second.rounded()
        residentMB = status["VmRSS"] ?? 0
        anonymousMB = status["RssAnon"] ?? 0
        descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
        mappings = Self.mappingCount()
        diskBytes = disk
        liveBytes = UInt64(live)
        ratio = Self.rounded(Double(disk) / max(1, live))
        (documents, segments, generation) = (held.documents, held.segments.count, held.generation)
        (changes, commits, searches) = (counts.changes, counts.commits, counts.searches)
        (searchP50, searchP99) = (quantile(0.5), quantile(0.99))
        (merges, failedMerges) = (written.merges, written.failedMerges)
        runningMerges = written.runningMerges.count
        writeAmplification = Self.rounded(written.writeAmplification)
        stalls = written.stalls.values.reduce(0) { $0 + $1.count }
        stallSeconds = Self.rounded(written.stalls.values.reduce(0) { $0 + $1.seconds })
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

    private static func bytes(in path: String) -> UInt64 {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.reduce(0) { sum, name in
            let attributes = try? FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")
            return sum + ((attributes?[.size] as? NSNumber)?.uint64Value ?? 0)
        }
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
        if let worst = settled.max(by: { $0.ratio < $1.ratio }), worst.ratio > largestRatio {
            return "the index took \(worst.ratio) times its live bytes after \(worst.second) s"
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
