import GranaryStorage
import Synchronization

/// The door for segments that others have built: in whole, all or none.
extension WriterCore {
    /// Adds the segments of other indexes.
    func attach(_ paths: [String], _ cancellation: Cancellation?) throws(GranaryError) -> Int {
        var sources: [Snapshot] = []
        for path in paths {
            let source = try Index.open(at: path, fileSystem: directory.fileSystem).snapshot()
            // Its files would be listed by a manifest that does not say what they need.
            guard source.manifest.readOnlyCompatibleFlags == 0 else {
                throw GranaryError(
                    .unsupported, "the index uses features that this version can read but not write",
                    path: path)
            }
            guard source.schema.weights == schema.weights else {
                throw GranaryError(
                    .invalidArgument, "expected weights of \(schema.weights), found \(source.schema.weights)",
                    path: path)
            }
            guard source.schema.dense == schema.dense else {
                throw GranaryError(
                    .invalidArgument,
                    "expected dense vectors of \(DenseSchema.text(schema.dense)), "
                        + "found \(DenseSchema.text(source.schema.dense))", path: path)
            }
            guard source.schema.fields == schema.fields else {
                throw GranaryError(
                    .invalidArgument,
                    "expected the fields \(schema.fields.map(\.name)), of the same kinds and paths, found "
                        + "\(source.schema.fields.map(\.name))", path: path)
            }
            guard !sources.contains(where: { $0.manifest.index == source.manifest.index }) else {
                throw GranaryError(.invalidArgument, "expected each index once", path: path)
            }
            // No merge would take them here, as none does there.
            if let conflict = try LiveAgreement.conflict(among: source.segments, cancellation) {
                throw conflict.error
            }
            sources.append(source)
        }
        let all = sources
        return try lane.run { () throws(GranaryError) in
            let readers = all.flatMap(\.segments)
            try checkSteps(of: readers)
            try state.withLock { (state) throws(GranaryError) in try check(state) }
            var adopted: [FileRecord] = []
            do throws(GranaryError) {
                var keys: [[LiveKey]] = []
                for source in all { keys.append(try liveKeys(of: source, cancellation)) }
                if options.mutant == .attachedBeforeCopied { _ = try install(all, keys) }
                for file in readers.flatMap(\.dataFiles) {
                    try cancellation?.check()
                    adopted.append(try directory.adopt(file))
                }
                if options.mutant == .attachedBeforeCopied { return 0 }
                return try install(all, keys)
            } catch {
                directory.discard(adopted)
                throw error
            }
        }
    }

    /// That no component has another step here (uint8).
    private func checkSteps(of readers: [SegmentReader]) throws(GranaryError) {
        var steps = ComponentSteps()
        for reader in state.withLock({ $0.segments.map(\.reader) }) { _ = try steps.add(reader) }
        for reader in readers {
            guard let other = try steps.add(reader) else { continue }
            throw GranaryError(
                .invalidArgument,
                "expected a step of \(other.known) for component \(other.component), found \(other.found): "
                    + "indexes of uint8 weights go together only when they share their steps",
                path: reader.blocks.path)
        }
    }

    private typealias LiveKey = (key: [UInt8], hash: KeyHash)

    /// The keys of the live documents of an index.
    private func liveKeys(of source: Snapshot, _ cancellation: Cancellation?) throws(GranaryError)
        -> [LiveKey]
    {
        var keys: [LiveKey] = []
        for reader in source.segments {
            for ordinal in 0..<UInt32(reader.documentCount) where reader.dead?.contains(ordinal) != true {
                if ordinal % 4096 == 0 { try cancellation?.check() }
                guard let key = reader.keys.bytes(of: ordinal) else {
                    throw reader.malformed(.keys, at: Int(ordinal))
                }
                keys.append((key, KeyHash(key)))
            }
        }
        return keys
    }

    /// Adds the segments of indexes behind all documents so far, in their own order of insertion: of all
    /// indexes or, when it throws, of none.
    private func install(_ sources: [Snapshot], _ keys: [[LiveKey]]) throws(GranaryError) -> Int {
        try state.withLock { (state) throws(GranaryError) in
            try check(state)
            var end = state.nextSequence
            for source in sources {
                let (sum, overflow) = end.addingReportingOverflow(source.sequence)
                guard !overflow, sum < .max else {
                    throw GranaryError(
                        .tooLarge, "the index has no sequence numbers left", path: directory.path)
                }
                end = sum
            }
            // Not before, since a vocabulary forgets nothing: of what does not come no name may stay.
            try state.vocabulary.learn(sources.flatMap(\.segments))
            for (source, keys) in zip(sources, keys) { Self.install(source, keys, &state) }
            return keys.reduce(0) { $0 + $1.count }
        }
    }

    private static func install(_ source: Snapshot, _ keys: [LiveKey], _ state: inout WriterState) {
        var replaced = 0
        for (key, hash) in keys {
            let wasBuffered = state.builder?.remove(hash: hash) == true
            if state.markDead(key, hash) || wasBuffered { replaced += 1 }
        }
        let first = state.nextSequence
        for (reader, record) in zip(source.segments, source.manifest.segments) {
            var segment = LiveSegment(
                id: state.newID(),
                reader: reader.moved(to: first + record.firstSequence),
                lastSequence: first + record.lastSequence, place: .pending)
            if let dead = reader.dead { segment.dead = dead }
            state.insert(segment)
        }
        state.nextSequence = first + source.sequence
        state.counts.added += keys.count
        state.counts.replaced += replaced
    }

    /// Moves committed segments into an index of their own.
    func detach(_ names: [String], to path: String) throws(GranaryError) {
        try lane.run { () throws(GranaryError) in
            let segments = try state.withLock { (state) throws(GranaryError) in
                try check(state)
                return state.segments
            }
            var chosen: [LiveSegment] = []
            for name in Set(names) {
                let match = segments.first { $0.isCommitted && $0.name == name }
                guard let match else {
                    throw GranaryError(
                        .notFound, "expected a committed segment \(name)", path: directory.path)
                }
                chosen.append(match)
            }
            guard !chosen.isEmpty else { return }
            let snapshot = try Index.open(at: directory.path, fileSystem: directory.fileSystem).snapshot()
            let isNew = try directory.fileSystem.status(path) == nil
            if options.mutant == .detachedBeforeCopied { try publishNow(replacing: chosen, by: nil) }
            try snapshot.backup(to: path, segments: Set(names))
            if options.mutant == .detachedBeforeCopied { return }
            do throws(GranaryError) {
                try publishNow(replacing: chosen, by: nil)
            } catch {
                // Where the outcome is in doubt, better twice than not at all.
                if directory.poison == nil { removeIndex(at: path, isNew: isNew) }
                throw error
            }
        }
    }

    /// Removes an index that was made for nothing.
    private func removeIndex(at path: String, isNew: Bool) {
        let fileSystem = directory.fileSystem
        guard let copy = try? DirectoryWriter.open(fileSystem: fileSystem, path: path) else { return }
        copy.destroy()
        if isNew { try? fileSystem.removeDirectory(path) }
    }
}
