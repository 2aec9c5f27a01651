import GranaryStorage
import Synchronization

extension WriterCore {
    /// Merges committed segments until there are at most `count`.
    func merge(
        to count: Int, _ merges: MergeScheduler, _ cancellation: Cancellation?
    ) throws(GranaryError) {
        guard count >= 1 else {
            throw GranaryError(.invalidArgument, "expected at least one segment, found \(count)")
        }
        try state.withLock { (state) throws(GranaryError) in try check(state) }
        let before = directory.manifest.generation
        try merges.mergeDown(to: count, cancellation: cancellation)
        guard directory.manifest.generation > before else { return }
        // Inputs stay on disk for one more generation, for readers that are about to open them.
        try lane.run { () throws(GranaryError) in _ = try directory.commit { _ in } }
    }
}

/// What the scheduler of merges asks of a writer.
///
/// A merge is made of the documents that the last commit has, and publishes a generation of its own, in which
/// nothing but the segments differ: no uncommitted operation comes along, and a rollback takes no merge back.
extension WriterCore: MergeHost {
    func mergeCandidates() -> [MergeCandidate] {
        state.withLock { state in
            state.segments.filter(\.isCommitted).map { segment in
                MergeCandidate(
                    id: segment.id, bytes: segment.committedFiles.reduce(0) { $0 + $1.length },
                    documents: segment.reader.documentCount, dead: segment.committedDead.count)
            }
        }
    }

    func freeBytes() throws(GranaryError) -> UInt64 { try directory.fileSystem.freeBytes(directory.path) }

    func now() -> UInt64 { directory.fileSystem.now() }

    func merge(_ ids: [UInt64], _ control: MergeControl) throws(GranaryError) {
        let (segments, vocabulary) = state.withLock { ($0.segments, $0.vocabulary) }
        let inputs = segments.filter { ids.contains($0.id) && $0.isCommitted }
        guard !inputs.isEmpty else { return }
        let handler = options.progress
        let context = context(
            vocabulary: vocabulary,
            progress: BuildProgress(
                handler: { control.report($0, to: handler) },
                checkpoint: { () throws(GranaryError) in try control.checkpoint() }))
        let built = try SegmentMerger.merge(inputs.map(\.committedReader), sharesDense: true, context)
        guard let built else { return try publish(replacing: inputs, by: nil) }
        let reader = try open(built, .disk)
        // Removes nothing that has been published.
        defer { directory.discard(built.made) }
        try publish(
            replacing: inputs,
            by: LiveSegment(
                id: state.withLock { $0.newID() }, reader: reader, lastSequence: built.lastSequence,
                place: .pending))
        measures.merged(built.writtenBytes)
    }

    private func publish(replacing inputs: [LiveSegment], by output: LiveSegment?) throws(GranaryError) {
        try lane.run { () throws(GranaryError) in try publishNow(replacing: inputs, by: output) }
    }

    /// Publishes a generation in which `output` takes the place of segments; deletes and dense vectors that
    /// came meanwhile are carried over. In the lane.
    func publishNow(replacing inputs: [LiveSegment], by output: LiveSegment?) throws(GranaryError) {
        let segments = try state.withLock { (state) throws(GranaryError) in
            try check(state)
            // Numbers grow: those that came later are larger than those of the inputs.
            let last = options.mutant == .segmentsListedStale ? inputs.map(\.id).max() : nil
            return state.segments.filter { $0.id <= last ?? .max }
        }
        let committed = Dictionary(
            uniqueKeysWithValues: segments.filter(\.isCommitted).map { ($0.id, $0.committedDead) })
        var output = output
        if var merged = output, options.mutant != .committedDeletesDropped {
            try Self.carry(inputs, committed, into: merged.reader, &merged.committedDead)
            try checkLive(inputs, committed, merged)
            output = merged.committedDead.count < merged.reader.documentCount ? merged : nil
        }
        if options.mutant == .inputsRemovedEarly { remove(inputs.flatMap(\.files)) }
        // All that can fail comes before the manifest.
        let pending = try carryDense(from: inputs, segments, into: &output)
        let published: LiveSegment?
        do throws(GranaryError) {
            published = try publish(segments, without: Set(inputs.map(\.id)), adding: output)
        } catch {
            directory.discard((output?.files ?? []) + [pending?.made].compactMap { $0 })
            throw error
        }
        do throws(GranaryError) {
            try install(published, pending, replacing: inputs)
        } catch {
            // The manifest and what this writer knows no longer go together.
            directory.poison(error)
            throw error
        }
    }

    private static func carry(
        _ inputs: [LiveSegment], _ now: [UInt64: Tombstones], into output: SegmentReader,
        _ dead: inout Tombstones
    ) throws(GranaryError) {
        for input in inputs {
            try CarriedDeletes.carry(
                from: input.reader, before: input.committedDead, after: now[input.id], into: output, &dead)
        }
    }

    /// That a merge has lost no document and brought none back.
    private func checkLive(
        _ inputs: [LiveSegment], _ committed: [UInt64: Tombstones], _ output: LiveSegment
    ) throws(GranaryError) {
        let expected = inputs.reduce(0) { sum, input in
            sum + (committed[input.id].map { input.reader.documentCount - $0.count } ?? 0)
        }
        let found = output.reader.documentCount - output.committedDead.count
        guard expected == found else {
            throw GranaryError(
                .corrupt, "expected \(expected) live documents after a merge, found \(found)",
                path: output.reader.blocks.path)
        }
    }

    /// The next generation: what is committed, with some segments replaced by at most one.
    ///
    /// - Returns: the new segment as committed.
    private func publish(
        _ segments: [LiveSegment], without ids: Set<UInt64>, adding output: LiveSegment?
    ) throws(GranaryError) -> LiveSegment? {
        var output = output
        do throws(GranaryError) {
            var listing = ManifestListing(directory.manifest)
            if let merged = output, merged.committedDead.count > 0 {
                output?.deadFile = try merged.committedDead.write(to: directory)
            }
            let kept = segments.filter { $0.isCommitted && !ids.contains($0.id) }
            let all = (kept + [output].compactMap { $0 }).sorted {
                $0.reader.firstSequence < $1.reader.firstSequence
            }
            for segment in all {
                try listing.add(
                    segment, files: segment.committedFiles, dead: segment.committedDead,
                    deadFile: segment.deadFile)
            }
            let listed = listing
            _ = try directory.commit { listed.apply(to: &$0) }
            if let merged = output, let ordinal = listed.ordinals[merged.id] {
                output?.place = .committed(ordinal: ordinal)
            }
            return output
        } catch {
            directory.discard([output?.deadFile].compactMap { $0 })
            if options.mutant == .outputRemovedInDoubt { remove(output?.files ?? []) }
            if error.castsDoubt { directory.poison(error) }
            throw error
        }
    }

    /// Puts a published segment in the place of its inputs, with the deletes and dense vectors that are not
    /// committed yet.
    private func install(
        _ published: LiveSegment?, _ pending: DenseRevision?, replacing inputs: [LiveSegment]
    ) throws(GranaryError) {
        let ids = Set(inputs.map(\.id))
        let gone = try state.withLock { (state) throws(GranaryError) in
            let old = state.segments.filter { ids.contains($0.id) }
            state.segments.removeAll { ids.contains($0.id) }
            let gone = old.flatMap(\.files)
            guard var output = published else { return gone }
            output.dead = output.committedDead
            if options.mutant != .pendingDeletesDropped {
                try Self.carry(
                    inputs, Dictionary(uniqueKeysWithValues: old.map { ($0.id, $0.dead) }),
                    into: output.reader, &output.dead)
            }
            if let pending { output.dense = pending.vectors }
            state.insert(output)
            let kept = Set(output.files.map(\.name))
            return gone.filter { !kept.contains($0.name) }
        }
        directory.discard(gone)
    }

    /// Removes files, whoever may need them: only `DirectoryWriter` knows when that is right.
    private func remove(_ files: [FileRecord]) {
        for file in files { try? directory.fileSystem.unlink("\(directory.path)/\(file.name)") }
    }
}
