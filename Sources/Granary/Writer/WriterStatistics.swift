import GranaryStorage
import Synchronization

/// Why an operation had to wait.
public enum StallReason: String, Sendable, Codable, CaseIterable {
    /// The buffer was full while the last one was still being written, or another thread was committing.
    case flush
    /// Merges were too far behind: there were too many segments.
    case merges
}

/// What a writer has to do and how it is doing, since it was opened.
public struct WriterStatistics: Sendable, Codable, Equatable {
    /// How often and how long operations waited.
    public struct Stalls: Sendable, Codable, Equatable {
        /// Waits.
        public var count = 0
        /// Their sum.
        public var seconds = 0.0
    }

    /// A merge that runs.
    public struct Merge: Sendable, Codable, Equatable {
        /// Segments that become one.
        public var segments: Int
        /// Live documents of these.
        public var documents: Int
        /// Their bytes.
        public var bytes: UInt64
        /// What it is doing; nil before it has begun.
        public var phase: WorkProgress.Phase?
        /// Whether it waits for smaller ones or for `resumeMerges`.
        public var isPaused: Bool
    }

    /// How the writer is doing.
    public enum Health: String, Sendable, Codable, CaseIterable {
        /// Nothing is wrong.
        case good
        /// It works, but merges lack space, have failed, or leave damaged segments alone.
        case degraded
        /// An earlier failure makes it unusable. Snapshots are as good as ever.
        case poisoned
    }

    /// How the writer is doing.
    public var health: Health
    /// Documents that are in no segment yet.
    public var bufferedDocuments: Int
    /// Memory of these and of segments in memory, roughly.
    public var bufferedBytes: Int
    /// Segments that are in memory only.
    public var memorySegments: Int
    /// Segments in all.
    public var segments: Int
    /// Commits.
    public var commits: Int
    /// Segments written from the buffer.
    public var flushes: Int
    /// Bytes of these.
    public var flushedBytes: UInt64
    /// Bytes that merges have written.
    public var mergedBytes: UInt64
    /// Bytes written for each byte that was flushed; 0 before the first flush.
    public var writeAmplification: Double
    /// Merges that run now.
    public var runningMerges: [Merge]
    /// Merges that have been published.
    public var merges: Int
    /// Merges that have failed.
    public var failedMerges: Int
    /// Merges that had to wait for space on disk.
    public var skippedMerges: Int
    /// Whether a merge waits for space on disk.
    public var lacksSpaceForMerges: Bool
    /// Segments that no merge touches because they are damaged.
    public var quarantinedSegments: Int
    /// By reason.
    public var stalls: [StallReason: Stalls]
    /// The last failure of a merge or an automatic commit.
    public var lastFailure: String?
    /// Why the writer is unusable; nil while it is usable.
    public var poison: String?
}

extension WriterCore {
    /// The statistics of this writer and its merges.
    func statistics(_ merges: MergeScheduler) -> WriterStatistics {
        let counts = measures.counts
        let merging = merges.state.withLock { $0 }
        let poison = directory.poison
        return state.withLock { state in
            WriterStatistics(
                health: poison != nil ? .poisoned : merging.isHealthy ? .good : .degraded,
                bufferedDocuments: state.bufferedCount(), bufferedBytes: state.memoryBytes(),
                memorySegments: state.segments.count { $0.place == .memory },
                segments: state.segments.count, commits: counts.commits, flushes: counts.flushes,
                flushedBytes: counts.flushedBytes, mergedBytes: counts.mergedBytes,
                writeAmplification: counts.flushedBytes == 0
                    ? 0 : Double(counts.flushedBytes + counts.mergedBytes) / Double(counts.flushedBytes),
                runningMerges: merging.running.map {
                    WriterStatistics.Merge(
                        segments: $0.ids.count, documents: $0.documents, bytes: $0.bytes,
                        phase: $0.control.phase, isPaused: $0.control.isPaused)
                }, merges: merging.done, failedMerges: merging.failed,
                skippedMerges: merging.skipped, lacksSpaceForMerges: !merging.lackingSpace.isEmpty,
                quarantinedSegments: merging.failures.quarantined.count,
                stalls: counts.stalls, lastFailure: (counts.lastFailure ?? merging.lastFailure)?.description,
                poison: poison?.description)
        }
    }
}

/// What a writer has counted since it was opened.
final class WriterMeasures: Sendable {
    /// The counts.
    struct Counts: Sendable {
        var commits = 0
        var flushes = 0
        var flushedBytes: UInt64 = 0
        var mergedBytes: UInt64 = 0
        var stalls: [StallReason: WriterStatistics.Stalls] = [:]
        var lastFailure: GranaryError?
    }
    private let state = Mutex(Counts())

    var counts: Counts { state.withLock { $0 } }

    func flushed(_ bytes: UInt64) {
        state.withLock {
            $0.flushes += 1
            $0.flushedBytes += bytes
        }
    }

    func merged(_ bytes: UInt64) { state.withLock { $0.mergedBytes += bytes } }

    /// Counts a wait, unless there was none to speak of.
    func stalled(_ reason: StallReason, _ time: Duration) {
        if time < .milliseconds(1) { return }
        state.withLock {
            $0.stalls[reason, default: WriterStatistics.Stalls()].count += 1
            $0.stalls[reason, default: WriterStatistics.Stalls()].seconds += time / .seconds(1)
        }
    }

    func committed() { state.withLock { $0.commits += 1 } }

    func failed(_ error: GranaryError) { state.withLock { $0.lastFailure = error } }
}
