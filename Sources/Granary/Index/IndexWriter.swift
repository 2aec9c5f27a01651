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
        var isCommitted: Bool
        var ordinal: UInt64?
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
                    tombstones: reader.dead ?? Tombstones(documents: reader.documentCount), isCommitted: true,
                    ordinal: record.ordinal))
        }
        return segments
    }

    private var context: BuildContext {
        let (known, vocabulary) = (segments.map(\.reader), vocabulary)
        return BuildContext(
            fileSystem: directory.fileSystem, directory: directory.path, index: directory.index,
            schema: schema,
            options: options.build, threads: options.threads,
            progress: BuildProgress(handler: options.progress, cancellation: options.cancellation),
            step: { component in
                for segment in known {
                    if let local = segment.names.local(of: component) { return segment.steps[Int(local)] }
                }
                return nil
            }, token: { vocabulary.token($0) }, hasVocabulary: vocabulary.hasTokens)
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
        let (components, weights) = try vocabulary.resolve(document.sparse)
        if builder == nil { builder = try SegmentBuilder(context) }
        // A new key is looked for in earlier segments only: within the builder the older row gives way.
        var isReplaced = markDead(key, hash)
        if try builder?.add(
            key: key, hash: hash, components: components, weights: weights, payload: document.payload) == true
        {
            isReplaced = true
        }
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
    /// - Throws: `diskFull` (nothing is published, the writer can go on), `commitUncertain`,
    ///   `writerPoisoned`, `cancelled`.
    public func commit(userData: [UInt8]? = nil) throws(GranaryError) -> CommitReceipt {
        try check()
        try flush()
        let context = context
        for position in segments.indices where segments[position].isDirty {
            segments[position].deadFile = try segments[position].tombstones.write(context)
        }
        try context.progress.report(.committing, 0, nil)
        // A segment without a live document is dropped instead of published.
        let live = segments.filter { $0.tombstones.count < $0.reader.documentCount }
        let sequence = nextSequence
        let manifest = try directory.commit { manifest in
            manifest.files = []
            manifest.segments = []
            for segment in live {
                var files: [UInt32] = []
                for file in segment.files {
                    files.append(UInt32(manifest.files.count))
                    manifest.files.append(file)
                }
                var dead: UInt32?
                if let file = segment.deadFile {
                    dead = UInt32(manifest.files.count)
                    manifest.files.append(file)
                }
                let ordinal = segment.ordinal ?? manifest.nextSegmentOrdinal
                if segment.ordinal == nil { manifest.nextSegmentOrdinal += 1 }
                manifest.segments.append(
                    SegmentRecord(
                        files: files, deadFile: dead, documents: UInt32(segment.reader.documentCount),
                        dead: UInt32(segment.tombstones.count), firstSequence: segment.reader.firstSequence,
                        lastSequence: segment.reader.firstSequence
                            + UInt64(max(1, segment.reader.documentCount) - 1),
                        ordinal: ordinal))
            }
            manifest.nextSequence = sequence
            if let userData { manifest.userData = userData }
        }
        segments = try Self.load(directory)
        (replacedCount, addedCount) = (0, 0)
        return CommitReceipt(
            generation: manifest.generation, sequence: manifest.nextSequence,
            documents: segments.reduce(0) { $0 + $1.reader.documentCount - $1.tombstones.count })
    }

    /// Forgets everything since the last commit and removes its files.
    ///
    /// - Throws: what loading the last generation finds wrong.
    public func rollback() throws(GranaryError) {
        discard()
        guard !isClosed else { return }
        segments = try Self.load(directory)
        vocabulary = try Vocabulary(segments: segments.map(\.reader), tokens: options.vocabulary)
        nextSequence = directory.manifest.nextSequence
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
    }

    private func discard() {
        builder = nil
        let committed = Set(directory.manifest.files)
        for segment in segments {
            for file in segment.files + [segment.deadFile].compactMap({ $0 }) where !committed.contains(file)
            {
                // A commit of uncertain outcome may have published the file.
                if directory.poison == nil {
                    try? directory.fileSystem.unlink(directory.path + "/" + file.name)
                }
            }
        }
        segments = []
        (replacedCount, addedCount) = (0, 0)
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
        if memory > options.memoryBytes / 8 * 7 || builder?.documentCount ?? 0 >= options.segmentDocuments {
            try flush()
        }
    }

    /// Turns the buffered documents into a segment that waits for the commit.
    private func flush() throws(GranaryError) {
        guard let full = builder.take(), full.documentCount > 0 else { return }
        let built = try full.finish()
        let (fileSystem, index) = (directory.fileSystem, directory.index)
        let reader = try SegmentReader(
            blocks: Container.open(
                fileSystem: fileSystem, directory: directory.path, record: built.blocks, index: index),
            summary: Container.open(
                fileSystem: fileSystem, directory: directory.path, record: built.summary, index: index),
            dead: nil, firstSequence: nextSequence)
        nextSequence += UInt64(built.documents)
        segments.append(
            WrittenSegment(
                reader: reader, files: [built.blocks, built.summary], deadFile: nil,
                tombstones: Tombstones(documents: reader.documentCount), isCommitted: false, ordinal: nil))
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
                fileSystem: fileSystem, directory: path, record: manifest.files[Int(position)],
                index: manifest.index)
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
        guard reader.facts.documents == record.documents else {
            throw GranaryError(
                .corrupt, "expected \(record.documents) documents, found \(reader.facts.documents)",
                path: reader.blocks.path, section: SectionID.segment.name)
        }
        return reader
    }
}
