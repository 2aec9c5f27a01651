import GranaryStorage
import Synchronization

/// A commit that somebody waits for.
final class CommitRequest: Sendable {
    let userData: [UInt8]?
    private let outcome = Mutex<Result<CommitReceipt, GranaryError>?>(nil)

    init(userData: [UInt8]?) { self.userData = userData }

    /// What came of it, once another thread has committed for this one too.
    var result: Result<CommitReceipt, GranaryError>? {
        get { outcome.withLock { $0 } }
        set { outcome.withLock { $0 = newValue } }
    }
}

/// A commit that has everything on disk but the name of its manifest.
struct PreparedChange: Sendable {
    var manifest: PreparedManifest
    /// What it publishes.
    var cut: Cut
    /// Files of tombstones that it brings, by segment.
    var deadFiles: [UInt64: FileRecord]
    /// Numbers of segments in the manifest.
    var ordinals: [UInt64: UInt64]
}

/// The state of a writer at one moment: what a commit or a refresh publishes.
struct Cut: Sendable {
    var segments: [CutSegment]
    /// Of the next operation.
    var sequence: UInt64
    var counts: WriterState.OperationCounts

    /// Live documents.
    var documents: Int { segments.reduce(0) { $0 + $1.documents - $1.dead.count } }
}

extension WriterCore {
    /// Commits; one thread does it for all that wait.
    func commit(userData: [UInt8]?) throws(GranaryError) -> CommitReceipt {
        if let userData, userData.count > Manifest.largestUserData {
            throw GranaryError(
                .tooLarge,
                "expected user data of up to \(Manifest.largestUserData) bytes, found \(userData.count)",
                path: directory.path)
        }
        if let merges { measures.stalled(.merges, try merges.admit(longest: options.maximumStall)) }
        let own = CommitRequest(userData: userData)
        requests.withLock { $0.append(own) }
        do throws(GranaryError) {
            try lane.enter()
        } catch {
            requests.withLock { $0.removeAll { $0 === own } }
            throw error
        }
        defer { lane.leave() }
        if let result = own.result { return try result.get() }
        let waiting = requests.withLock { requests in
            defer { requests = [] }
            return requests
        }
        let result = Result { () throws(GranaryError) in
            try finish(try prepare(userData: waiting.compactMap(\.userData).last))
        }
        for request in waiting { request.result = result }
        return try result.get()
    }

    // MARK: In the lane

    /// Everything before this moment, in segments. Operations go on meanwhile, and are not part of it.
    func cut(to target: Target) throws(GranaryError) -> Cut {
        try state.withLock { (state) throws(GranaryError) in try check(state) }
        // A batch that could not be made into a segment before.
        _ = try flushSealed(to: target)
        var (cut, isSealed) = state.withLock { state in
            let isSealed = state.seal()
            let cut = Cut(
                segments: state.segments.map { CutSegment($0, dead: $0.dead) },
                sequence: state.nextSequence, counts: state.counts)
            return (cut, isSealed)
        }
        if isSealed, let id = try flushSealed(to: target) { add(id, to: &cut) }
        return cut
    }

    /// A cut of which every segment is on disk.
    func cutOnDisk() throws(GranaryError) -> Cut {
        // Segments in memory go to disk together with what is buffered, as one.
        let hasMemory = state.withLock { $0.segments.contains { $0.place == .memory } }
        var cut = try cut(to: hasMemory ? .memory : .disk)
        if hasMemory, options.mutant != .memoryListedUnwritten { try flushMemory(&cut) }
        return cut
    }

    /// All that a commit does before its manifest is seen.
    func prepare(userData: [UInt8]?) throws(GranaryError) -> PreparedChange {
        let whole = try cutOnDisk()
        try progress.report(.committing, 0, nil)
        return try directory.givingUpReserve { () throws(GranaryError) in try listed(whole, userData) }
    }

    /// Puts the segments of a cut that are in memory on disk, without their dead documents.
    private func flushMemory(_ cut: inout Cut) throws(GranaryError) {
        let memory = state.withLock { $0.segments.filter { $0.place == .memory }.map(\.id) }
        let deadAtCut = Dictionary(uniqueKeysWithValues: cut.segments.map { ($0.id, $0.dead) })
        let output = try mergeMemory(memory, to: .disk, deadAtCut: deadAtCut)
        cut.segments.removeAll { memory.contains($0.id) }
        if let output { add(output, to: &cut) }
    }

    /// Adds a segment that was made of the documents of a cut, all of them live there.
    private func add(_ id: UInt64, to cut: inout Cut) {
        let segment = state.withLock { state in state.position(id).map { state.segments[$0] } }
        guard let segment else { return }
        cut.segments.append(
            CutSegment(segment, dead: Tombstones(documents: segment.reader.documentCount)))
    }

    /// Writes the tombstones and the manifest of a cut.
    private func listed(_ cut: Cut, _ userData: [UInt8]?) throws(GranaryError) -> PreparedChange {
        let segments = state.withLock { $0.segments }
        let parts = Dictionary(uniqueKeysWithValues: cut.segments.map { ($0.id, $0) })
        var deadFiles: [UInt64: FileRecord] = [:]
        do throws(GranaryError) {
            var listing = ManifestListing(directory.manifest)
            for segment in segments {
                guard let part = parts[segment.id], !part.isEmpty else { continue }
                let dead = options.mutant == .laterDeletesPublished ? segment.dead : part.dead
                if dead.count > segment.committedDead.count {
                    deadFiles[part.id] = try dead.write(to: directory)
                    if options.mutant == .tombstonesTrustedUnpublished { trust(part) }
                }
                try listing.add(
                    segment, files: segment.files, dead: dead,
                    deadFile: deadFiles[part.id] ?? segment.deadFile)
            }
            let listed = listing
            let manifest = try directory.prepare { manifest in
                listed.apply(to: &manifest)
                manifest.nextSequence = cut.sequence
                if let userData { manifest.userData = userData }
            }
            return PreparedChange(
                manifest: manifest, cut: cut, deadFiles: deadFiles, ordinals: listed.ordinals)
        } catch {
            directory.discard(Array(deadFiles.values))
            if error.castsDoubt { directory.poison(error) }
            throw error
        }
    }

    /// What only `finish` may do.
    private func trust(_ part: CutSegment) {
        state.withLock { state in
            if let position = state.position(part.id) { state.segments[position].committedDead = part.dead }
        }
    }

    /// Makes a prepared commit seen and durable.
    func finish(_ change: PreparedChange) throws(GranaryError) -> CommitReceipt {
        let manifest: Manifest
        do throws(GranaryError) {
            manifest = try directory.finish(change.manifest)
        } catch {
            directory.discard(Array(change.deadFiles.values))
            throw error
        }
        let cut = change.cut
        let unused = state.withLock { state in
            var unused: [FileRecord] = []
            for part in cut.segments {
                guard let position = state.position(part.id) else { continue }
                if part.isEmpty {
                    unused += state.segments.remove(at: position).files
                    continue
                }
                state.segments[position].commit(dead: part.dead)
                if let file = change.deadFiles[part.id] { state.segments[position].deadFile = file }
                if let ordinal = change.ordinals[part.id] {
                    state.segments[position].place = .committed(ordinal: ordinal)
                }
            }
            state.counts -= cut.counts
            return unused
        }
        directory.discard(unused)
        measures.committed()
        merges?.segmentsChanged()
        return CommitReceipt(
            generation: manifest.generation, sequence: cut.sequence, documents: cut.documents)
    }

    /// Takes a prepared commit back; its operations wait for the next one.
    func abort(_ change: PreparedChange) {
        directory.abort(change.manifest)
        directory.discard(Array(change.deadFiles.values))
    }
}
