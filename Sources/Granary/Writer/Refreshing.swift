import GranaryStorage
import Synchronization

extension WriterCore {
    /// A snapshot of everything so far. What is in no segment becomes one in memory.
    func refresh() throws(GranaryError) -> Snapshot {
        try lane.run { () throws(GranaryError) in
            try compactMemory()
            return try snapshot(of: try cut(to: .memory))
        }
    }

    private func snapshot(of cut: Cut) throws(GranaryError) -> Snapshot {
        let segments = state.withLock { $0.segments }
        let parts = Dictionary(uniqueKeysWithValues: cut.segments.map { ($0.id, $0) })
        let readers = segments.compactMap { segment -> SegmentReader? in
            guard let part = parts[segment.id], !part.isEmpty else { return nil }
            return segment.reader(dead: part.dead)
        }
        return Snapshot(
            manifest: directory.manifest, sequence: cut.sequence, schema: schema, segments: readers,
            fileSystem: directory.fileSystem)
    }
}
