import GranaryStorage
import Synchronization

/// The works of an `IndexWriter`, which merges and timers hold on to while they run.
final class WriterCore: Sendable {
    let directory: DirectoryWriter
    let schema: Schema
    private let extraction: FieldExtraction
    let options: WriterOptions
    let reading: Reading
    /// Makes dense rows; nil in an index without them.
    let denseCodec: DenseRowCodec?
    let state: Mutex<WriterState>
    let lane: CommitLane
    /// Commits that wait for the lane.
    let requests = Mutex<[CommitRequest]>([])
    let measures = WriterMeasures()
    /// Merges; weak, since they hold on to this.
    private let scheduler = Mutex(Scheduler())
    /// Where segments of a refresh are.
    let memory = MemoryFileSystem()
    /// Its directory in `memory`.
    static let memoryPath = "/memory"

    init(
        directory: DirectoryWriter, schema: Schema, reading: Reading, options: WriterOptions
    ) throws(GranaryError) {
        self.directory = directory
        self.reading = reading
        self.schema = schema
        extraction = FieldExtraction(schema.fields)
        self.options = options
        if let dense = schema.dense { denseCodec = try DenseRowCodec(dense) } else { denseCodec = nil }
        lane = CommitLane(path: directory.path, longestWait: options.maximumStall)
        let manifest = directory.manifest
        try manifest.checkFiles(directory.path)
        var readers: [SegmentReader] = []
        for record in manifest.segments {
            readers.append(
                try SegmentReader.open(
                    record, of: manifest, path: directory.path, fileSystem: directory.fileSystem,
                    reading: reading))
        }
        var first = WriterState(
            vocabulary: try Vocabulary(segments: readers, tokens: options.vocabulary),
            nextSequence: manifest.nextSequence)
        for (record, reader) in zip(manifest.segments, readers) {
            first.insert(LiveSegment(id: first.newID(), record, of: manifest, reader: reader))
        }
        state = Mutex(first)
        try memory.createDirectory(Self.memoryPath)
    }

    private struct Scheduler {
        weak var merges: MergeScheduler?
    }

    /// Says who merges.
    func attach(_ merges: MergeScheduler) { scheduler.withLock { $0.merges = merges } }

    /// Who merges.
    var merges: MergeScheduler? { scheduler.withLock { $0.merges } }

    /// - Throws: `invalidArgument` once closed, `writerPoisoned`.
    func check(_ state: borrowing WriterState) throws(GranaryError) {
        if state.isClosed {
            throw GranaryError(.invalidArgument, "the writer is closed", path: directory.path)
        }
        try directory.checkUsable()
    }

    // MARK: Operations

    func upsert(_ document: Document) throws(GranaryError) -> UInt64 {
        let key = try document.id.encoded()
        let hash = KeyHash(key)
        // Whatever can be refused is refused before anything has changed.
        try SegmentBuilder.check(document)
        var row: [UInt8]?
        if let vector = document.dense { row = try denseRow(vector, of: document.id) }
        let values = try extraction.values(of: document.payload)
        try admit()
        let bytes =
            key.count + 8 * document.sparse.count + (row?.count ?? 0) + (document.payload?.count ?? 0)
        let (sequence, added) = try state.withLock { (state) throws(GranaryError) in
            try check(state)
            let (components, weights) = try state.vocabulary.resolve(document.sparse)
            if state.builder == nil {
                state.builder = SegmentBuilder(
                    context(vocabulary: state.vocabulary, progress: progress))
            }
            let sequence = try state.takeSequence(path: directory.path)
            let wasBuffered =
                try state.builder?.add(
                    key: key, hash: hash, components: components, weights: weights, dense: row,
                    payload: document.payload, sequence: sequence, values: values) == true
            // A new key is looked for elsewhere only: within the builder the older row gives way.
            if state.markDead(key, hash) || wasBuffered { state.counts.replaced += 1 }
            state.counts.added += 1
            state.counts.bytes += bytes
            return (sequence, state.counts.added)
        }
        if added % 1024 == 0 { try progress.report(.reading, UInt64(added), nil) }
        return sequence
    }

    /// The row of a document's dense vector.
    ///
    /// - Throws: `invalidArgument` for one that does not go with the schema.
    func denseRow(_ vector: [Float], of id: DocumentKey) throws(GranaryError) -> [UInt8] {
        guard let denseCodec else {
            throw GranaryError(
                .invalidArgument, "expected no dense vector for document \(id): the schema has none",
                path: directory.path)
        }
        do throws(GranaryError) {
            return try denseCodec.encode(vector)
        } catch {
            throw GranaryError(error.code, "document \(id): \(error.message)", path: directory.path)
        }
    }

    func delete(id: DocumentKey) throws(GranaryError) -> UInt64 {
        let key = try id.encoded()
        let hash = KeyHash(key)
        return try state.withLock { (state) throws(GranaryError) in
            try check(state)
            let sequence = try state.takeSequence(path: directory.path)
            _ = state.delete(key, hash)
            return sequence
        }
    }

    func delete(where ids: some Sequence<DocumentKey>) throws(GranaryError) -> Int {
        var keys: [(key: [UInt8], hash: KeyHash)] = []
        for id in ids {
            let key = try id.encoded()
            keys.append((key, KeyHash(key)))
        }
        let all = keys
        return try state.withLock { (state) throws(GranaryError) in
            try check(state)
            _ = try state.takeSequence(path: directory.path)
            return all.reduce(0) { $0 + (state.delete($1.key, $1.hash) ? 1 : 0) }
        }
    }

    /// Of the first operation that is not durable.
    var durableSequence: UInt64 {
        if options.mutant == .durableBeforePublication { return state.withLock { $0.nextSequence } }
        return directory.manifest.nextSequence
    }

    // MARK: Building

    var progress: BuildProgress {
        BuildProgress(handler: options.progress, cancellation: options.cancellation)
    }

    /// What the building of a segment needs to know.
    ///
    /// - Parameter inMemory: whether the segment is of a refresh.
    func context(
        vocabulary: Vocabulary, progress: BuildProgress, inMemory: Bool = false
    ) -> BuildContext {
        let (build, threads) = (options.build, options.threads)
        return BuildContext(
            fileSystem: inMemory ? memory : directory.fileSystem,
            directory: inMemory ? Self.memoryPath : directory.path, index: directory.index, schema: schema,
            options: build, threads: threads, progress: progress,
            // Weak: a builder, which has this, is part of the state.
            step: { [weak self] component in self?.step(of: component) },
            token: { vocabulary.token($0) },
            calibrate: { (blocks, summary) throws(GranaryError) in
                let segment = try SegmentReader(blocks: blocks, summary: summary, dead: nil, firstSequence: 0)
                return try Calibration.measure(
                    segment, options: build, threads: threads, progress: progress
                ).encoded
            }, hasVocabulary: { vocabulary.hasTokens })
    }

    /// The step of a component that a segment has fixed (uint8).
    private func step(of component: UInt32) -> Float? {
        let readers = state.withLock { $0.segments.map(\.reader) }
        for reader in readers {
            if let step = reader.step(of: component) { return step }
        }
        return nil
    }

    // MARK: End

    /// Forgets everything since the last commit and removes its files.
    func rollback() throws(GranaryError) {
        lane.abortPrepared()
        try lane.run { () throws(GranaryError) in
            let isClosed = state.withLock { $0.isClosed }
            if isClosed { return }
            try discard()
            let committed = state.withLock { $0.segments.map(\.reader) }
            let vocabulary = try Vocabulary(segments: committed, tokens: options.vocabulary)
            state.withLock { $0.vocabulary = vocabulary }
        }
    }

    /// Goes back to the last commit. In the lane.
    private func discard() throws(GranaryError) {
        let dropped = state.withLock { state in
            state.builder = nil
            state.sealed = nil
            (state.sealedRows, state.sealedDead) = ([:], [])
            // What the last commit has of it stays.
            let dropped = state.segments.filter { $0.place != .memory }.flatMap(\.files)
            state.segments.removeAll { !$0.isCommitted }
            for position in state.segments.indices {
                let dead = state.segments[position].dead
                state.segments[position].rollBack()
                if options.mutant == .deletesKeptAtRollback { state.segments[position].dead = dead }
            }
            state.counts = WriterState.OperationCounts()
            return dropped
        }
        directory.discard(dropped)
    }

    /// Forgets what is not committed and gives the index free, or removes it.
    func close(destroying: Bool = false) {
        lane.abortPrepared()
        let wasClosed = state.withLock { state in
            defer { state.isClosed = true }
            return state.isClosed
        }
        if wasClosed { return }
        try? lane.run { () throws(GranaryError) in
            try discard()
            state.withLock { $0.segments = [] }
        }
        if destroying { directory.destroy() } else { directory.close() }
    }
}
