import GranaryStorage

/// What is wrong with an index, and what a repair would keep of it. Making it changes nothing.
public struct RepairPlan: Sendable, Equatable {
    /// A segment that cannot be kept.
    public struct LostSegment: Sendable, Equatable {
        /// Its name, as in statistics.
        public let id: String
        /// Live documents that go with it, after what the manifest says.
        public let documents: Int
        /// What is wrong with it.
        public let reason: GranaryError
        let record: SegmentRecord
    }

    /// A segment that is kept without its deletes.
    public struct RevivedSegment: Sendable, Equatable {
        /// Its name, as in statistics.
        public let id: String
        /// Deleted documents that come back. One whose key another document has by now stays deleted.
        public let documents: Int
        /// What is wrong with its deletes.
        public let reason: GranaryError
        let ordinal: UInt64
    }

    /// The index directory.
    public let path: String
    /// The number of the newest manifest.
    public let newestGeneration: UInt64
    /// What is wrong with the newest manifest; nil when it is sound.
    public let manifestDamage: GranaryError?
    /// Segments that are dropped with their documents.
    public let lost: [LostSegment]
    /// Segments whose deletes are lost.
    public let revived: [RevivedSegment]
    /// Live documents after the repair.
    public let documents: Int
    /// The newest sound manifest.
    let manifest: Manifest
    /// The files as they were looked at.
    let evidence: [String: FileStatus]

    /// The generation that a repair goes on from: the newest one, or an earlier one when the manifest of that
    /// is damaged.
    public var baseGeneration: UInt64 { manifest.generation }
    /// Whether there is nothing to repair.
    public var isSound: Bool { manifestDamage == nil && lost.isEmpty && revived.isEmpty }

    /// The keys of the documents that go with a segment; nil when they cannot be read.
    ///
    /// Where its deletes cannot be read either, deleted documents are among them.
    public func ids(
        of segment: LostSegment, fileSystem: any FileSystem = PosixFileSystem()
    ) -> [DocumentKey]? {
        guard let place = segment.record.files.first else { return nil }
        do throws(GranaryError) {
            let blocks = try Container.open(
                fileSystem: fileSystem, directory: path, record: manifest.files[Int(place)])
            let documents = Int(segment.record.documents)
            let keys = try KeyTable(blocks, documents: documents)
            for section in [keys.keys, keys.starts] { try blocks.verify(section, 0..<section.count) }
            let dead = try? Tombstones.verified(of: segment.record, manifest, path, fileSystem)
            var ids: [DocumentKey] = []
            for ordinal in 0..<UInt32(documents) where dead?.contains(ordinal) != true {
                guard let bytes = keys.bytes(of: ordinal), let id = DocumentKey(encoded: bytes.rawBytes)
                else { return nil }
                ids.append(id)
            }
            return ids
        } catch {
            return nil
        }
    }
}

extension RepairPlan: CustomStringConvertible {
    /// What is wrong and what a repair would do, in lines.
    public var description: String {
        if isSound { return "generation \(newestGeneration) is sound: \(Self.count(documents))" }
        var lines: [String] = []
        if let manifestDamage {
            lines.append("the manifest of generation \(newestGeneration) is damaged (\(manifestDamage))")
            lines.append("  goes back to generation \(baseGeneration)")
        }
        for segment in lost {
            lines.append("segment \(segment.id) is damaged (\(segment.reason))")
            lines.append("  drops it with \(Self.count(segment.documents))")
        }
        for segment in revived {
            lines.append("the deletes of segment \(segment.id) are damaged (\(segment.reason))")
            lines.append("  drops them: \(Self.count(segment.documents)) would come back")
        }
        lines.append("\(Self.count(documents)) would be left")
        return lines.joined(separator: "\n")
    }

    private static func count(_ documents: Int) -> String {
        documents == 1 ? "1 document" : "\(documents) documents"
    }
}
