import GranaryStorage

/// Adds, replaces and deletes documents, and publishes them with `commit`. Holds the index's lock until it is
/// closed.
///
/// Not for several threads at once: it is not `Sendable`.
public final class IndexWriter {
    private let directory: DirectoryWriter
    private let schema: Schema
    private let options: WriterOptions
    private var vocabulary: Vocabulary
    private var builder: SegmentBuilder?
    /// Segments of the newest generation, then those that wait for the next.
    private var segments: [WrittenSegment] = []
    private var nextSequence: UInt64
    private var isClosed = false
    /// The failure that lost documents which a commit must not pass over; nil after a rollback.
    private var loss: GranaryError?
    /// Documents replaced since the last commit.
    public private(set) var replacedCount = 0
    /// Documents taken in since the last commit.
    public private(set) var addedCount = 0

    /// A segment and its tombstones as the writer sees them.
    private struct WrittenSegment {
        var reader: SegmentReader
        var files: [FileRecord]
        var deadFile: FileRecord?
        var tombstones: Tombstones
        var isDirty = false
        var ordinal: UInt64?

        /// Whether no document is live.
        var isEmpty: Bool { tombstones.count == reader.documentCount }
        var allFiles: [FileRecord] { files + [deadFile].compactMap { $0 } }
    }

    init(directory: DirectoryWriter, schema: Schema, options: WriterOptions) throws(GranaryError) {
        self.directory = directory
        self.schema = schema
        self.options = options
        nextSequence = directory.manifest.nextSequence
        segments = try Self.load(directory)
        vocabulary = try Vocabulary(segments: segments.map(\.reader), tokens: options.vocabulary)
    }

    deinit { close() }

    private static func load(_ directory: DirectoryWriter) throws(GranaryError) -> [WrittenSegment] {
        let manifest = directory.manifest
        var segments: [WrittenSegment] = []
        for record in manifest.segments {
            let reader = try SegmentReader.open(
                record, of: manifest, path: directory.path, fileSystem: directory.fileSystem)
            segments.append(
                WrittenSegment(
                    reader: reader, files: record.files.map { manifest.files[Int($0)] },
                    deadFile: record.deadFile.map { manifest.files[Int($0)] },
                    tombstones: reader.dead ?? Tombstones(documents: reader.documentCount),
                    ordinal: record.ordinal))
        }
        return segments
    }

    private var context: BuildContext {
        let (known, vocabulary, options) = (segments.map(\.reader), vocabulary, options)
        let progress = BuildProgress(handler: options.progress, cancellation: options.cancellation)
        return BuildContext(
            fileSystem: directory.fileSystem, directory: directory.path, index: directory.index,
            schema: schema,
            options: options.build, threads: options.threads, progress: progress,
            step: { component in
                for segment in known {
                    if let step = segment.step(of: component) { return step }
                }
                return nil
            }, token: { vocabulary.token($0) },
            calibrate: { (blocks, summary) throws(GranaryError) in
                let segment = try SegmentReader(blocks: blocks, summary: summary, dead: nil, firstSequence: 0)
                return try Calibration.measure(
                    segment, options: options.build, threads: options.threads, progress: progress
                ).encoded
            }, hasVocabulary: { vocabulary.hasTokens })
    }

    // MARK: Operations

    /// Adds a document; one with the same id is replaced.
    ///
    /// - Throws: `invalidArgument` (id, or a vector that does not go with the vocabulary), `tooLarge`,
    ///   `cancelled`, and errors of writing. After an error of writing, `rollback` or `close`.
    public func upsert(_ document: Document) throws(GranaryError) {
        try check()
        let key = try document.id.encoded()
        let hash = KeyHash(key)
        // Whatever can be refused is refused before anything has changed.
        try SegmentBuilder.check(document)
        let (components, weights) = try vocabulary.resolve(document.sparse)
        // A new key is looked for in earlier segments only: within the builder the older row gives way.
        var isReplaced = try losing { () throws(GranaryError) in
            if builder == nil { builder = try SegmentBuilder(context) }
            return try builder?.add(
                key: key, hash: hash, components: components, weights: weights, payload: document.payload)
                == true
        }
        if markDead(key, hash) { isReplaced = true }
        if isReplaced { replacedCount += 1 }
        addedCount += 1
        if addedCount % 1024 == 0 {
            try BuildProgress(handler: options.progress, cancellation: options.cancellation)
                .report(.reading, UInt64(addedCount), nil)
        }
        try flushIfFull()
    }

    /// Deletes a document; without one of this id nothing happens.
    public func delete(id: DocumentKey) throws(GranaryError) {
        try check()
        let key = try id.encoded()
        let hash = KeyHash(key)
        _ = markDead(key, hash)
        _ = builder?.remove(hash: hash)
    }

    /// Publishes everything since the last commit. When it returns, that survives a crash of the process and
    /// of the system on a file system that honours fsync.
    ///
    /// - Parameter userData: bytes of the caller's own, up to 1 MiB, stored with the generation; nil keeps
    ///   those of the last one.
    /// - Throws: `diskFull`, `tooLarge`, `cancelled` (nothing is published), `commitUncertain`,
    ///   `writerPoisoned`. When documents were being made into a segment, they are lost, and every further
    ///   call throws `writerPoisoned` until `rollback`; otherwise the commit can be tried again.
    public func commit(userData: [UInt8]? = nil) throws(GranaryError) -> CommitReceipt {
        try check()
        try flush()
        let context = context
        for position in segments.indices where segments[position].isDirty && !segments[position].isEmpty {
            let file = try segments[position].tombstones.write(context)
            // That of a commit that failed before it was published.
            if let older = segments[position].deadFile, !directory.manifest.files.contains(older) {
                remove(older)
            }
            segments[position].deadFile = file
            segments[position].isDirty = false
        }
        try context.progress.report(.committing, 0, nil)
        let earlier = Set(directory.manifest.files)
        let manifest = try publish(userData)
        // The generation before keeps its files for a while; what was never published goes now.
        let kept = earlier.union(manifest.files)
        for file in segments.flatMap(\.allFiles) where !kept.contains(file) { remove(file) }
        // What is published is published: without the new readers the writer goes on with those that it has.
        if let loaded = try? Self.load(directory) { segments = loaded }
        (replacedCount, addedCount) = (0, 0)
        return CommitReceipt(
            generation: manifest.generation, sequence: manifest.nextSequence,
            documents: segments.reduce(0) { $0 + $1.reader.documentCount - $1.tombstones.count })
    }

    /// The manifest of the segments that have a live document.
    private func publish(_ userData: [UInt8]?) throws(GranaryError) -> Manifest {
        let live = segments.filter { !$0.isEmpty }
        let sequence = nextSequence
        let new = UInt64(live.count { $0.ordinal == nil })
        guard !directory.manifest.nextSegmentOrdinal.addingReportingOverflow(new).overflow else {
            throw GranaryError(.tooLarge, "the index has no numbers of segments left", path: directory.path)
        }
        return try directory.commit { manifest in
            manifest.files = []
            manifest.segments = []
            for segment in live {
                let place = UInt32(manifest.files.count)
                manifest.files += segment.allFiles
                let count = UInt32(segment.files.count)
                manifest.segments.append(
                    SegmentRecord(
                        files: (place..<place + count).map { $0 },
                        deadFile: segment.deadFile.map { _ in place + count },
                        documents: segment.reader.facts.documents, dead: UInt32(segment.tombstones.count),
                        firstSequence: segment.reader.firstSequence,
                        lastSequence: segment.reader.firstSequence + UInt64(segment.reader.documentCount - 1),
                        ordinal: segment.ordinal ?? manifest.nextSegmentOrdinal))
                if segment.ordinal == nil { manifest.nextSegmentOrdinal += 1 }
            }
            manifest.nextSequence = sequence
            if let userData { manifest.userData = userData }
        }
    }

    /// Forgets everything since the last commit and removes its files.
    ///
    /// - Throws: what loading the last generation finds wrong; every further call throws `writerPoisoned`
    ///   then, until a rollback succeeds.
    public func rollback() throws(GranaryError) {
        discard()
        guard !isClosed else { return }
        // A commit without the segments of the last generation would drop them.
        try losing { () throws(GranaryError) in
            let loaded = try Self.load(directory)
            vocabulary = try Vocabulary(segments: loaded.map(\.reader), tokens: options.vocabulary)
            segments = loaded
        }
        nextSequence = directory.manifest.nextSequence
        loss = nil
    }

    /// Forgets what is not committed and gives the index free. Further calls throw.
    public func close() {
        if isClosed { return }
        discard()
        isClosed = true
        directory.close()
    }

    // MARK: Parts

    private func check() throws(GranaryError) {
        if isClosed { throw GranaryError(.invalidArgument, "the writer is closed", path: directory.path) }
        if let poison = directory.poison {
            throw GranaryError(
                .writerPoisoned, "an earlier failure leaves the writer unusable: \(poison.message)",
                path: directory.path,
                systemError: poison.systemError)
        }
        if let loss {
            throw GranaryError(
                .writerPoisoned, "an earlier failure lost documents, expected a rollback: \(loss.message)",
                path: directory.path, systemError: loss.systemError)
        }
    }

    private func discard() {
        builder = nil
        let committed = Set(directory.manifest.files)
        for file in segments.flatMap(\.allFiles) where !committed.contains(file) { remove(file) }
        segments = []
        (replacedCount, addedCount) = (0, 0)
    }

    /// Removes a file that no generation has.
    private func remove(_ file: FileRecord) {
        // A commit of uncertain outcome may have published it.
        if directory.poison == nil { try? directory.fileSystem.unlink("\(directory.path)/\(file.name)") }
    }

    /// Marks the live document of a key dead in the segments; returns whether there was one.
    private func markDead(_ key: [UInt8], _ hash: KeyHash) -> Bool {
        for position in segments.indices {
            for ordinal in segments[position].reader.keys.ordinals(of: key, hash: hash)
            where segments[position].tombstones.insert(ordinal) {
                segments[position].isDirty = true
                return true
            }
        }
        return false
    }

    private func flushIfFull() throws(GranaryError) {
        let memory = builder?.estimatedMemoryBytes ?? 0
        if memory > options.memoryBytes / 8 * 7 || builder?.documentCount ?? 0 >= options.segmentDocuments
            || builder?.isFull == true
        {
            try flush()
        }
    }

    /// Runs a step that loses documents when it fails.
    private func losing<Result>(_ body: () throws(GranaryError) -> Result) throws(GranaryError) -> Result {
        do throws(GranaryError) {
            return try body()
        } catch {
            loss = error
            throw error
        }
    }

    /// Turns the buffered documents into a segment that waits for the commit.
    private func flush() throws(GranaryError) {
        guard let full = builder.take(), full.documentCount > 0 else { return }
        do throws(GranaryError) {
            try append(try full.finish())
        } catch {
            loss = error
            throw error
        }
    }

    private func append(_ built: BuiltSegment) throws(GranaryError) {
        let (next, overflow) = nextSequence.addingReportingOverflow(UInt64(built.documents))
        guard !overflow else {
            for file in [built.blocks, built.summary] { remove(file) }
            throw GranaryError(.tooLarge, "the index has no sequence numbers left", path: directory.path)
        }
        let fileSystem = directory.fileSystem
        func open(_ record: FileRecord) throws(GranaryError) -> Container {
            try Container.open(
                fileSystem: fileSystem, directory: directory.path, record: record)
        }
        let reader: SegmentReader
        do throws(GranaryError) {
            reader = try SegmentReader(
                blocks: try open(built.blocks), summary: try open(built.summary), dead: nil,
                firstSequence: nextSequence)
        } catch {
            for file in [built.blocks, built.summary] { remove(file) }
            throw error
        }
        nextSequence = next
        segments.append(
            WrittenSegment(
                reader: reader, files: [built.blocks, built.summary], deadFile: nil,
                tombstones: Tombstones(documents: reader.documentCount), ordinal: nil))
    }
}

extension SegmentReader {
    /// Opens a segment of a manifest.
    static func open(
        _ record: SegmentRecord, of manifest: Manifest, path: String, fileSystem: any FileSystem
    ) throws(GranaryError) -> SegmentReader {
        func open(_ position: UInt32, _ kind: FileKind) throws(GranaryError) -> Container {
            guard Int(position) < manifest.files.count, manifest.files[Int(position)].kind == kind else {
                throw GranaryError(
                    .corrupt, "expected a \(kind) file at place \(position) of the manifest", path: path)
            }
            return try Container.open(
                fileSystem: fileSystem, directory: path, record: manifest.files[Int(position)])
        }
        guard record.files.count >= 2 else {
            throw GranaryError(
                .corrupt, "expected two files of a segment, found \(record.files.count)", path: path)
        }
        var dead: Tombstones?
        if let file = record.deadFile {
            dead = try Tombstones(
                try open(file, .dead), documents: Int(record.documents), expected: Int(record.dead))
        }
        let reader = try SegmentReader(
            blocks: try open(record.files[0], .blocks), summary: try open(record.files[1], .summary),
            dead: dead,
            firstSequence: record.firstSequence)
        let weights = try SchemaCodec.decode(manifest.schema, path: path).weights
        guard reader.facts.weights == weights else {
            throw GranaryError(
                .corrupt, "expected the weights of the schema, \(weights), found \(reader.facts.weights)",
                path: reader.blocks.path, section: SectionID.segment.name)
        }
        guard reader.facts.documents == record.documents else {
            throw GranaryError(
                .corrupt, "expected \(record.documents) documents, found \(reader.facts.documents)",
                path: reader.blocks.path, section: SectionID.segment.name)
        }
        return reader
    }
}
