import GranaryStorage
import Synchronization

/// Documents become segments. Everything here runs in the lane.
extension WriterCore {
    /// Where a flush puts its segment.
    enum Target: Sendable { case disk, memory }

    /// Makes a segment of the sealed documents, if there are any.
    ///
    /// - Returns: the segment's number.
    /// - Throws: what making it finds wrong. The documents stay sealed then; an error that casts doubt on the
    ///   disk poisons the writer.
    func flushSealed(to target: Target) throws(GranaryError) -> UInt64? {
        guard var batch = state.withLock({ $0.sealed.take() }) else { return nil }
        let vocabulary = state.withLock { $0.vocabulary }
        do throws(GranaryError) {
            let context = context(vocabulary: vocabulary, progress: progress, inMemory: target == .memory)
            let built = try batch.finish(context)
            let id = try install(built, target)
            if target == .disk { measures.flushed(built.writtenBytes) }
            return id
        } catch {
            keep(batch)
            if error.castsDoubt { directory.poison(error) }
            throw error
        }
    }

    /// Puts a batch back whose segment could not be made.
    private func keep(_ batch: consuming SegmentBuilder) {
        var batch = Optional(batch)
        if options.mutant == .batchLostAtFailedFlush { return }
        state.withLock { $0.sealed = batch.take() }
    }

    /// Opens a segment that was made of the sealed documents and adds it to the others.
    private func install(_ built: BuiltSegment, _ target: Target) throws(GranaryError) -> UInt64 {
        let reader = try open(built, target)
        return state.withLock { state in
            var segment = LiveSegment(
                id: state.newID(), reader: reader, lastSequence: built.lastSequence,
                place: target == .memory ? .memory : .pending)
            if options.mutant == .sealedDeletesLost { state.sealedDead = [] }
            for (key, hash) in state.sealedDead { _ = segment.markDead(key, hash) }
            (state.sealedRows, state.sealedDead) = ([:], [])
            state.insert(segment)
            return segment.id
        }
    }

    /// Opens a segment that was just written; removes its files when that fails.
    func open(_ built: BuiltSegment, _ target: Target) throws(GranaryError) -> SegmentReader {
        let (fileSystem, path): (any FileSystem, String) =
            target == .memory ? (memory, Self.memoryPath) : (directory.fileSystem, directory.path)
        defer {
            // In memory the readers have the bytes, and need no names.
            if target == .memory { remove(built, memory, path) }
        }
        do throws(GranaryError) {
            return try SegmentReader.open(
                built.files, dead: nil, firstSequence: built.firstSequence, schema: schema, path: path,
                fileSystem: fileSystem, shared: built.shared,
                reading: target == .memory ? Reading() : reading)
        } catch {
            if target == .disk { directory.discard(built.made) }
            throw error
        }
    }

    private func remove(_ built: BuiltSegment, _ fileSystem: any FileSystem, _ path: String) {
        for file in built.made { try? fileSystem.unlink("\(path)/\(file.name)") }
    }

    /// Makes one segment of some that are in memory, without what was dead in them at a cut, or is dead now.
    ///
    /// - Returns: the number of the new segment; nil when nothing is live.
    @discardableResult
    func mergeMemory(
        _ ids: [UInt64], to target: Target, deadAtCut: [UInt64: Tombstones] = [:]
    ) throws(GranaryError) -> UInt64? {
        let (segments, vocabulary) = state.withLock { ($0.segments, $0.vocabulary) }
        let inputs = segments.filter { ids.contains($0.id) }.map { ($0, deadAtCut[$0.id] ?? $0.dead) }
        let context = context(vocabulary: vocabulary, progress: progress, inMemory: target == .memory)
        let merged: BuiltSegment?
        do throws(GranaryError) {
            merged = try SegmentMerger.merge(
                inputs.map { $0.reader(dead: $1) }, sharesDense: false, context)
        } catch {
            if error.castsDoubt { directory.poison(error) }
            throw error
        }
        guard let built = merged else {
            // Nothing comes to life again.
            state.withLock { $0.segments.removeAll { ids.contains($0.id) } }
            return nil
        }
        if target == .disk { measures.flushed(built.writtenBytes) }
        let reader = try open(built, target)
        return try state.withLock { (state) throws(GranaryError) in
            var output = LiveSegment(
                id: state.newID(), reader: reader, lastSequence: built.lastSequence,
                place: target == .memory ? .memory : .pending)
            for (input, before) in inputs {
                let now = state.position(input.id).map { state.segments[$0].dead }
                try CarriedDeletes.carry(
                    from: input.reader, before: before, after: now, into: reader, &output.dead)
            }
            state.segments.removeAll { ids.contains($0.id) }
            state.insert(output)
            return output.id
        }
    }

    /// Puts segments that are in memory into one on disk.
    func flushMemory() throws(GranaryError) {
        let ids = state.withLock { $0.segments.filter { $0.place == .memory }.map(\.id) }
        if !ids.isEmpty { try mergeMemory(ids, to: .disk) }
    }

    /// How many segments of one order of magnitude are left in memory.
    private static let memoryFanIn = 8

    /// Merges segments in memory, eight of one size at a time, so that a search does not meet one for each
    /// refresh.
    func compactMemory() throws(GranaryError) {
        while true {
            let ids = state.withLock { state in
                var bySize: [Int: [UInt64]] = [:]
                for segment in state.segments where segment.place == .memory {
                    let size = segment.reader.documentCount
                    bySize[(Int.bitWidth - size.leadingZeroBitCount) / 3, default: []].append(segment.id)
                }
                let full = bySize.filter { $0.value.count >= Self.memoryFanIn }
                return full.min { $0.key < $1.key }?.value
            }
            guard let ids else { return }
            try mergeMemory(ids, to: .memory)
        }
    }

    // MARK: Bounded memory

    /// Lets an operation in: waits while merges are too far behind, and makes room in the buffer.
    ///
    /// - Throws: `stalled`, and what a flush finds wrong: nothing of the operation has happened then.
    func admit() throws(GranaryError) {
        guard isFull() else { return }
        if let merges { measures.stalled(.merges, try merges.admit(longest: options.maximumStall)) }
        let started = ContinuousClock.now
        try lane.enter()
        defer { lane.leave() }
        measures.stalled(.flush, ContinuousClock.now - started)
        // Another thread may have made room meanwhile.
        guard isFull() else { return }
        // First what failed before, then what waits now.
        _ = try flushSealed(to: .disk)
        if state.withLock({ $0.seal() }) { _ = try flushSealed(to: .disk) }
        try flushMemory()
    }

    private func isFull() -> Bool {
        state.withLock { state in
            let documents = state.builder?.documentCount ?? 0
            return state.memoryBytes() > options.memoryBytes / 8 * 7 || documents >= options.segmentDocuments
                || state.builder?.isFull == true
        }
    }
}
