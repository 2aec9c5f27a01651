import GranaryStorage

extension Index {
    /// Finds out what is wrong with an index and what could be kept of it. Changes nothing.
    ///
    /// Takes the lock meanwhile. Complexity: reads everything once.
    /// - Throws: `locked`, `notFound`, `notAnIndex`, `cancelled`; when no manifest is sound, what is wrong
    ///   with the newest; `unsupportedVersion` for what a newer version wrote, and errors of reading: what
    ///   cannot be judged is not given up.
    public static func repairPlan(
        at path: String, fileSystem: any FileSystem = PosixFileSystem(),
        progress: (@Sendable (WorkProgress) -> Void)? = nil, cancellation: Cancellation? = nil
    ) throws(GranaryError) -> RepairPlan {
        // Before the lock, whose file must not be made in a directory that is none of ours.
        _ = try IndexDirectory.newestGeneration(fileSystem: fileSystem, path: path)
        let lock = try DirectoryWriter.lock(fileSystem: fileSystem, path: path)
        defer { lock.release() }
        // The newest manifest may have been renamed by a process that died before it synchronised.
        try fileSystem.syncDirectory(path)
        let examination = RepairExamination(fileSystem: fileSystem, path: path)
        return try examination.plan(BuildProgress(handler: progress, cancellation: cancellation))
    }

    /// Does what a plan says, as a generation of its own.
    ///
    /// - Returns: the new generation; the newest one when there is nothing to do.
    /// - Throws: `invalidArgument` when the index has changed since the plan was made, `locked`, errors of
    ///   writing as those of a commit. Nothing has changed then, unless it is `commitUncertain`.
    @discardableResult
    public static func repair(
        _ plan: RepairPlan, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GranaryError) -> UInt64 {
        guard !plan.isSound else { return plan.newestGeneration }
        let directory = try DirectoryWriter.openForRepair(
            fileSystem: fileSystem, path: plan.path, generation: plan.baseGeneration,
            newest: plan.newestGeneration)
        defer { directory.close() }
        let examination = RepairExamination(fileSystem: fileSystem, path: plan.path)
        guard try examination.evidence(plan.manifest) == plan.evidence else {
            throw GranaryError(
                .invalidArgument, "the index has changed since the plan was made: make a new one",
                path: plan.path)
        }
        var kept: [RepairExamination.Segment] = []
        for record in plan.manifest.segments
        where !plan.lost.contains(where: { $0.record.ordinal == record.ordinal }) {
            let isRevived = plan.revived.contains { $0.ordinal == record.ordinal }
            let segment = try examination.open(record, plan.manifest, withDeletes: !isRevived)
            kept.append(segment)
        }
        try RepairExamination.settleDuplicates(&kept)
        return try commit(kept, plan, directory)
    }

    private static func commit(
        _ kept: [RepairExamination.Segment], _ plan: RepairPlan, _ directory: DirectoryWriter
    ) throws(GranaryError) -> UInt64 {
        var made: [FileRecord] = []
        do throws(GranaryError) {
            var (files, records): ([FileRecord], [SegmentRecord]) = ([], [])
            for segment in kept {
                var record = segment.record
                let first = UInt32(files.count)
                files += record.files.map { plan.manifest.files[Int($0)] }
                record.files = record.files.indices.map { first + UInt32($0) }
                record.dead = UInt32(segment.dead.count)
                record.deadFile = segment.dead.count > 0 ? UInt32(files.count) : nil
                if let file = segment.dead.file, segment.dead.count > 0 {
                    files.append(file.record)
                } else if segment.dead.count > 0 {
                    made.append(try segment.dead.write(to: directory))
                    files += made.suffix(1)
                }
                records.append(record)
            }
            let (listed, segments) = (files, records)
            let manifest = try directory.commit { ($0.files, $0.segments) = (listed, segments) }
            // Newer than what is kept, and damaged: of no use to anybody.
            for generation in manifestsToRemove(plan) {
                try? directory.fileSystem.unlink("\(plan.path)/\(Manifest.fileName(generation))")
            }
            return manifest.generation
        } catch {
            directory.discard(made)
            throw error
        }
    }

    private static func manifestsToRemove(_ plan: RepairPlan) -> [UInt64] {
        plan.evidence.keys.compactMap(Manifest.generation(ofFileName:)).filter { $0 > plan.baseGeneration }
    }
}
