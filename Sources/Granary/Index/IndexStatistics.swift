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

    /// The sections of one name in all segments.
    public struct SectionTotal: Sendable, Codable, Equatable {
        /// The files' kind: `blocks`, `summary` or `dead`.
        public var file: String
        /// The sections' name.
        public var section: String
        /// Their length on disk.
        public var bytes: Int
        /// How much of them is in memory now.
        public var residentBytes: Int
        /// Bytes on disk for each live document; 0 when there is none.
        public var bytesPerDocument: Double
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
        /// Posting blocks; 0 in a segment without them.
        public var blocks: Int
        /// Windows of impact-ordered posting lists; 0 in a segment without them.
        public var windows: Int
        /// Where its bytes are.
        public var sections: [SectionSize]
    }

    /// The dense half.
    public struct Dense: Sendable, Codable, Equatable {
        /// Values of a vector.
        public var dimensions: Int
        /// How values are stored.
        public var element: String
        /// What makes vectors alike.
        public var metric: String
        /// Vectors in all files, those of deleted and replaced documents among them.
        public var rows: Int
        /// How those are read that are not in memory.
        public var readMethod: String
        /// Pages that searches of this process asked about and found in memory, since the files were opened.
        public var pagesFound: Int
        /// Pages that they had to read.
        public var pagesRead: Int
    }

    /// The generation of the manifest.
    public var generation: UInt64
    /// The sequence number of the next operation.
    public var nextSequence: UInt64
    /// Live documents.
    public var documents: Int
    /// Dead documents, whose bytes are still there.
    public var deadDocuments: Int
    /// The share of dead documents in all, 0...1.
    public var deletedShare: Double
    /// Bytes that the last `commit(userData:)` gave.
    public var userDataBytes: Int
    /// How weights are stored.
    public var weights: String
    /// The dense half; nil for a schema without one.
    public var dense: Dense?
    /// Whether components have tokens.
    public var hasVocabulary: Bool
    /// Bytes of all files of the generation, the manifest left out.
    public var bytesOnDisk: UInt64
    /// Bytes mapped.
    public var mappedBytes: Int
    /// Bytes of the mappings that are in memory now.
    public var residentBytes: Int
    /// Segments.
    public var segmentCount: Int
    /// All segments together, the largest sections first.
    public var sections: [SectionTotal]
    /// By ascending age of the segments.
    public var segments: [Segment]
}

extension Snapshot {
    /// What this generation holds. Asks the system which pages are resident: milliseconds for each gigabyte.
    public func statistics() -> IndexStatistics {
        let described = segments.map(describe)
        let sections = described.flatMap(\.sections)
        let dead = described.reduce(0) { $0 + $1.dead }
        return IndexStatistics(
            generation: generation, nextSequence: sequence, documents: documentCount, deadDocuments: dead,
            deletedShare: Double(dead) / Double(max(1, dead + documentCount)),
            userDataBytes: userData.count, weights: "\(schema.weights)", dense: schema.dense.map(describe),
            hasVocabulary: segments.contains { $0.names.hasTokens },
            bytesOnDisk: bytesOnDisk,
            mappedBytes: segments.flatMap(\.files).reduce(0) { $0 + $1.mapping.count },
            residentBytes: sections.reduce(0) { $0 + $1.residentBytes }, segmentCount: described.count,
            sections: totals(sections), segments: described)
    }

    private func describe(_ dense: DenseSchema) -> IndexStatistics.Dense {
        let files = segments.flatMap { $0.dense?.files ?? [] }
        return IndexStatistics.Dense(
            dimensions: dense.dimensions, element: "\(dense.element)", metric: "\(dense.metric)",
            rows: files.reduce(0) { $0 + $1.rowCount },
            readMethod: "\(files.first?.method ?? ReadMethod.best())",
            pagesFound: files.reduce(0) { $0 + ($1.counts?.pagesFound ?? 0) },
            pagesRead: files.reduce(0) { $0 + ($1.counts?.pagesRead ?? 0) })
    }

    private func totals(_ sections: [IndexStatistics.SectionSize]) -> [IndexStatistics.SectionTotal] {
        let named = Dictionary(grouping: sections) { "\($0.file)/\($0.section)" }
        let totals = named.values.map { same in
            let bytes = same.reduce(0) { $0 + $1.bytes }
            return IndexStatistics.SectionTotal(
                file: same[0].file, section: same[0].section, bytes: bytes,
                residentBytes: same.reduce(0) { $0 + $1.residentBytes },
                bytesPerDocument: documentCount == 0 ? 0 : Double(bytes) / Double(documentCount))
        }
        return totals.sorted { ($0.bytes, $1.file, $1.section) > ($1.bytes, $0.file, $0.section) }
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
            blocks: Int(segment.facts.blocks), windows: Int(segment.facts.windows),
            sections: sections)
    }
}

extension Index {
    /// What the directory takes on disk now, the newest generation and the rest.
    ///
    /// - Throws: as `open`. Complexity: one call of the system for each file.
    public func diskUsage() throws(GranaryError) -> DiskUsage {
        try IndexDirectory.usage(fileSystem: fileSystem, path: path)
    }
}

/// How much of an index is checked.
public enum VerificationLevel: String, Sendable, CaseIterable {
    /// What opening has checked: headers, footers, lengths, section tables, root hashes.
    case structure
    /// Every byte of every file against its checksum, every row, block, key and field for consistency, and
    /// that no two live documents have one key or sequence number.
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
        var agreement = try SegmentAgreement()
        let fields = FieldAgreement(schema.fields)
        for segment in segments {
            for file in segment.files {
                try file.verify { (bytes) throws(GranaryError) in
                    done += bytes
                    try report.report(.verifying, done, total)
                }
            }
            let record = manifest.segments.first {
                $0.files.first.map { manifest.files[Int($0)] } == segment.blocks.record
            }
            try segment.verifyContents(report, lastSequence: record?.lastSequence)
            try fields.check(segment, cancellation)
            try agreement.add(segment)
        }
        if let conflict = try LiveAgreement.conflict(among: segments, cancellation) { throw conflict.error }
    }
}
