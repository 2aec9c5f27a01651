import GranaryStorage

/// What an index holds and where.
public struct IndexStatistics: Sendable, Codable, Equatable {
    /// One section of a file.
    public struct SectionSize: Sendable, Codable, Equatable {
        /// The file's kind: `blocks`, `summary` or `dead`.
        public var file: String
        /// The section's name.
        public var section: String
        /// Its length on disk.
        public var bytes: Int
        /// How much of it is in memory now.
        public var residentBytes: Int
    }

    /// One segment.
    public struct Segment: Sendable, Codable, Equatable {
        /// The random name of its `.blocks` file.
        public var id: String
        /// Documents, dead ones included.
        public var documents: Int
        /// Dead documents.
        public var dead: Int
        /// Components that its documents have.
        public var components: Int
        /// Non-zero entries of all rows.
        public var entries: UInt64
        /// Postings in all lists.
        public var postings: UInt64
        /// Posting blocks.
        public var blocks: Int
        /// Where its bytes are.
        public var sections: [SectionSize]
    }

    /// The generation of the manifest.
    public var generation: UInt64
    /// Live documents.
    public var documents: Int
    /// How weights are stored.
    public var weights: String
    /// Whether components have tokens.
    public var hasVocabulary: Bool
    /// Bytes of all files of the generation, the manifest left out.
    public var bytesOnDisk: UInt64
    /// Bytes mapped.
    public var mappedBytes: Int
    /// Bytes of the mappings that are in memory now.
    public var residentBytes: Int
    /// By ascending age of the segments.
    public var segments: [Segment]
}

extension Snapshot {
    /// What this generation holds. Asks the system which pages are resident: milliseconds for each gigabyte.
    public func statistics() -> IndexStatistics {
        let described = segments.map(describe)
        let sections = described.flatMap(\.sections)
        return IndexStatistics(
            generation: generation, documents: documentCount, weights: "\(schema.weights)",
            hasVocabulary: segments.contains { $0.names.hasTokens },
            bytesOnDisk: bytesOnDisk,
            mappedBytes: segments.flatMap(\.files).reduce(0) { $0 + $1.mapping.count },
            residentBytes: sections.reduce(0) { $0 + $1.residentBytes }, segments: described)
    }

    /// Bytes of all files; the largest number when a damaged manifest names more.
    private var bytesOnDisk: UInt64 {
        manifest.files.reduce(0) { sum, file in
            let (total, overflow) = sum.addingReportingOverflow(file.length)
            return overflow ? .max : total
        }
    }

    private func describe(_ segment: SegmentReader) -> IndexStatistics.Segment {
        let sections = segment.files.flatMap { file in
            file.sections.map { section in
                IndexStatistics.SectionSize(
                    file: "\(file.record.kind)", section: section.id.name, bytes: section.count,
                    residentBytes: min(
                        section.count,
                        file.mapping.residentBytes(section.offset..<section.offset + section.count)))
            }
        }
        return IndexStatistics.Segment(
            id: segment.blocks.record.id.description, documents: segment.documentCount,
            dead: segment.documentCount - segment.liveCount, components: Int(segment.facts.components),
            entries: segment.facts.entries, postings: segment.facts.postings,
            blocks: Int(segment.facts.blocks),
            sections: sections)
    }
}

/// How much of an index is checked.
public enum VerificationLevel: String, Sendable, CaseIterable {
    /// What opening has checked: headers, footers, lengths, section tables, root hashes.
    case structure
    /// Every byte of every file against its checksum, and every row, block and key for consistency.
    case full
}

extension Snapshot {
    /// Checks the files of this generation.
    ///
    /// - Throws: the first fault, with file, section and offset; `cancelled`. Complexity: reads everything
    ///   once (full).
    public func verify(
        _ level: VerificationLevel, progress: (@Sendable (WorkProgress) -> Void)? = nil,
        cancellation: Cancellation? = nil
    ) throws(GranaryError) {
        guard level == .full else { return }
        let report = BuildProgress(handler: progress, cancellation: cancellation)
        let total = bytesOnDisk
        var done: UInt64 = 0
        for segment in segments {
            for file in segment.files {
                try file.verify { (bytes) throws(GranaryError) in
                    done += bytes
                    try report.report(.verifying, done, total)
                }
            }
            try segment.verifyContents(report)
        }
    }
}
