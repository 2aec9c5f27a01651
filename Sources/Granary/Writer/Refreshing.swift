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
        // What shows no more than the last commit can be backed up: with its files, tombstones too.
        let isCommitted = cut.sequence == directory.manifest.nextSequence
        var readers: [SegmentReader] = []
        for segment in segments {
            guard let part = parts[segment.id], !part.isEmpty else { continue }
            var dead = part.dead
            if isCommitted, let file = segment.deadFile {
                dead = try Tombstones(
                    try Container.open(
                        fileSystem: directory.fileSystem, directory: directory.path, record: file),
                    documents: segment.reader.documentCount, expected: dead.count)
            }
            readers.append(segment.reader(dead: dead))
        }
        return Snapshot(
            manifest: directory.manifest, sequence: cut.sequence, schema: schema, segments: readers,
            fileSystem: directory.fileSystem)
    }
}
