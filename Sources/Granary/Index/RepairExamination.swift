import GranaryStorage

/// Looks at an index whose lock somebody has taken.
struct RepairExamination {
    let fileSystem: any FileSystem
    let path: String

    /// A segment that is kept.
    struct Segment {
        let record: SegmentRecord
        /// Without tombstones.
        let reader: SegmentReader
        /// Those of the manifest, or a new beginning.
        var dead: Tombstones
        /// Whether the tombstones of the manifest are lost.
        let isRevived: Bool
        var liveCount: Int { reader.documentCount - dead.count }

        /// The ordinals of its live documents with a key.
        func live(_ key: [UInt8], _ hash: KeyHash) -> [UInt32] {
            reader.keys.ordinals(of: key, hash: hash).filter { !dead.contains($0) }
        }
    }

    func plan(_ report: BuildProgress) throws(GranaryError) -> RepairPlan {
        let (manifest, newest, manifestDamage) = try soundManifest()
        // Of a manifest that may say anything: lengths of files beyond every disk.
        let total: UInt64 = manifest.files.reduce(0) { sum, file in
            let (total, overflow) = sum.addingReportingOverflow(file.length)
            return overflow ? .max : total
        }
        var done: UInt64 = 0
        var (kept, lost): ([Segment], [RepairPlan.LostSegment]) = ([], [])
        var reasons: [UInt64: GranaryError] = [:]
        var agreement = try SegmentAgreement()
        let fields = FieldAgreement(try SchemaCodec.decode(manifest.schema, path: path).fields)
        for record in manifest.segments {
            do throws(GranaryError) {
                var deletesDamage: GranaryError?
                do throws(GranaryError) {
                    _ = try Tombstones.verified(of: record, manifest, path, fileSystem)
                } catch {
                    deletesDamage = try damage(error)
                }
                let segment = try open(record, manifest, withDeletes: deletesDamage == nil)
                for file in segment.reader.dataFiles {
                    try file.verify { (bytes) throws(GranaryError) in
                        done += bytes
                        try report.report(.verifying, done, total)
                    }
                }
                try segment.reader.verifyContents(report, lastSequence: record.lastSequence)
                try fields.check(segment.reader, report.cancellation)
                try agreement.add(segment.reader)
                reasons[record.ordinal] = deletesDamage
                kept.append(segment)
            } catch {
                lost.append(
                    RepairPlan.LostSegment(
                        id: Self.name(record, manifest), documents: Int(record.documents - record.dead),
                        reason: try damage(error), record: record))
            }
        }
        try settleConflicts(&kept, &lost, manifest, report)
        let revived = kept.compactMap { segment in
            reasons[segment.record.ordinal].map { reason in
                RepairPlan.RevivedSegment(
                    id: Self.name(segment.record, manifest),
                    documents: Int(segment.record.dead) - segment.dead.count, reason: reason,
                    ordinal: segment.record.ordinal)
            }
        }
        return RepairPlan(
            path: path, newestGeneration: newest, manifestDamage: manifestDamage, lost: lost,
            revived: revived,
            documents: kept.reduce(0) { $0 + $1.reader.documentCount - $1.dead.count }, manifest: manifest,
            evidence: try evidence(manifest))
    }

    /// Settles duplicates among what is kept. Of two segments with live documents that do not go together all
    /// the same, the one with fewer is lost.
    private func settleConflicts(
        _ kept: inout [Segment], _ lost: inout [RepairPlan.LostSegment], _ manifest: Manifest,
        _ report: BuildProgress
    ) throws(GranaryError) {
        while true {
            // Each time anew: what a lost segment replaced is live again.
            var settled = kept
            try Self.settleDuplicates(&settled)
            let conflict = try LiveAgreement.conflict(
                among: settled.map { $0.reader.with(dead: $0.dead) }, report.cancellation)
            guard let conflict else {
                kept = settled
                return
            }
            let (first, second) = conflict.segments
            let position = settled[first].liveCount < settled[second].liveCount ? first : second
            let record = kept.remove(at: position).record
            lost.append(
                RepairPlan.LostSegment(
                    id: Self.name(record, manifest), documents: Int(record.documents - record.dead),
                    reason: conflict.error, record: record))
        }
    }

    /// The newest manifest that is sound, the number of the newest, and what is wrong with that.
    private func soundManifest() throws(GranaryError) -> (Manifest, UInt64, GranaryError?) {
        let generations = try fileSystem.list(path).compactMap(Manifest.generation(ofFileName:))
        var first: GranaryError?
        for generation in generations.sorted(by: >) {
            do throws(GranaryError) {
                let manifest = try IndexDirectory.manifest(generation, fileSystem: fileSystem, path: path)
                _ = try SchemaCodec.decode(manifest.schema, path: path)
                try manifest.checkFiles(path)
                return (manifest, generations.max() ?? generation, first)
            } catch {
                let found = try damage(error)
                first = first ?? found
            }
        }
        throw first ?? GranaryError(.notAnIndex, "expected an index, found no manifest", path: path)
    }

    /// Passes on what says that bytes are damaged or gone.
    ///
    /// - Throws: everything else: it may be readable another time, or by another version.
    private func damage(_ error: GranaryError) throws(GranaryError) -> GranaryError {
        let codes: [GranaryError.Code] = [.corrupt, .truncated, .checksumMismatch, .wrongFile, .notFound]
        guard codes.contains(error.code) else { throw error }
        return error
    }

    /// Opens a segment, checking its structure.
    func open(
        _ record: SegmentRecord, _ manifest: Manifest, withDeletes: Bool
    ) throws(GranaryError) -> Segment {
        var bare = record
        bare.deadFile = nil
        let reader = try SegmentReader.open(bare, of: manifest, path: path, fileSystem: fileSystem)
        let dead = withDeletes ? try Tombstones.verified(of: record, manifest, path, fileSystem) : nil
        return Segment(
            record: record, reader: reader, dead: dead ?? Tombstones(documents: reader.documentCount),
            isRevived: !withDeletes)
    }

    /// Deletes again what comes back though another document has its key: each key has one live document, the
    /// newest.
    static func settleDuplicates(_ segments: inout [Segment]) throws(GranaryError) {
        for position in segments.indices where segments[position].isRevived {
            let reader = segments[position].reader
            let count = Kernels.longs(reader.keys.hashes.bytes).count
            // Equal keys stand together here, so that each is looked for once, however many have it.
            var start = 0
            while start < count {
                let hashes = Kernels.longs(reader.keys.hashes.bytes)
                let ordinals = Kernels.words(reader.keys.ordinals.bytes)
                var same: [[UInt8]: [UInt32]] = [:]
                var end = start
                while end < count, hashes[end] == hashes[start] {
                    guard let key = reader.keys.bytes(of: ordinals[end]) else {
                        throw reader.malformed(.keys, at: Int(ordinals[end]))
                    }
                    same[key, default: []].append(ordinals[end])
                    end += 1
                }
                start = end
                for (key, ordinals) in same { settle(key, ordinals, of: position, &segments) }
            }
        }
    }

    /// Deletes the documents of a key in a segment unless they are newer than all others.
    private static func settle(
        _ key: [UInt8], _ ordinals: [UInt32], of position: Int, _ segments: inout [Segment]
    ) {
        let hash = KeyHash(key)
        var newest: UInt64 = 0
        for segment in segments {
            for found in segment.live(key, hash) {
                // Its own tombstones say which of two is the live one, where they are known.
                newest = max(newest, segment.isRevived ? segment.reader.sequence(found) : .max)
            }
        }
        for ordinal in ordinals where segments[position].reader.sequence(ordinal) < newest {
            _ = segments[position].dead.insert(ordinal)
        }
    }

    /// The files of the index as they are now. They are never changed, only made and removed.
    func evidence(_ manifest: Manifest) throws(GranaryError) -> [String: FileStatus] {
        var names = try fileSystem.list(path).filter { Manifest.generation(ofFileName: $0) != nil }
        names += manifest.files.map(\.name)
        var evidence: [String: FileStatus] = [:]
        for name in names { evidence[name] = try fileSystem.status("\(path)/\(name)") }
        return evidence
    }

    private static func name(_ record: SegmentRecord, _ manifest: Manifest) -> String {
        record.files.first.map { manifest.files[Int($0)].id.description } ?? "\(record.ordinal)"
    }
}

extension Tombstones {
    /// The tombstones of a segment of a manifest, compared with their checksums; nil when it has none.
    static func verified(
        of record: SegmentRecord, _ manifest: Manifest, _ path: String, _ fileSystem: any FileSystem
    ) throws(GranaryError) -> Tombstones? {
        guard let place = record.deadFile else { return nil }
        let file = manifest.files[Int(place)]
        guard file.kind == .dead else {
            throw GranaryError(.corrupt, "expected a .dead file, found \(file.name)", path: path)
        }
        let container = try Container.open(fileSystem: fileSystem, directory: path, record: file)
        try container.verify()
        return try Tombstones(
            container, documents: Int(record.documents), expected: Int(record.dead))
    }
}
