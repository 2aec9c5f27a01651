import GranaryStorage
import Synchronization

/// Adds, replaces and deletes documents, and publishes them with `commit`. Holds the index's lock until it is
/// closed. For any number of threads.
///
/// An operation is seen by `refresh` at once, by other processes after a commit, and survives a crash once
/// `commit` has returned. Merges run in the background and never show an operation that is not committed.
public final class IndexWriter: Sendable {
    let core: WriterCore
    let autoCommit: AutoCommitter?
    private let merges: MergeScheduler

    init(
        directory: DirectoryWriter, schema: Schema, reading: Reading, options: WriterOptions
    ) throws(GranaryError) {
        let core = try WriterCore(
            directory: directory, schema: schema, reading: reading, options: options)
        self.core = core
        merges = MergeScheduler(options.merging, host: core, reserveBytes: options.reserveBytes)
        core.attach(merges)
        autoCommit = options.autoCommit.map { AutoCommitter($0, core) }
        merges.start()
    }

    deinit { close() }

    // MARK: Operations

    /// Adds a document; one with the same id is replaced.
    ///
    /// - Returns: the operation's sequence number; see `durableSequence`.
    /// - Throws: `invalidArgument` (id, or a vector that does not go with the vocabulary), `tooLarge`,
    ///   `stalled` (the buffer or the merges are too far behind), `diskFull`, `cancelled`, `writerPoisoned`.
    ///   Nothing has changed then.
    @discardableResult
    public func upsert(_ document: Document) throws(GranaryError) -> UInt64 {
        let sequence = try core.upsert(document)
        autoCommit?.changed()
        return sequence
    }

    /// Deletes a document; without one of this id nothing happens.
    ///
    /// - Returns: the operation's sequence number.
    /// - Throws: `invalidArgument` for an id that cannot be one, `writerPoisoned`.
    @discardableResult
    public func delete(id: DocumentKey) throws(GranaryError) -> UInt64 {
        let sequence = try core.delete(id: id)
        autoCommit?.changed()
        return sequence
    }

    /// Deletes many documents in one step: no snapshot has some of them deleted and others not.
    ///
    /// - Returns: how many there were.
    /// - Throws: as `delete(id:)`; nothing is deleted then.
    @discardableResult
    public func delete(where ids: some Sequence<DocumentKey>) throws(GranaryError) -> Int {
        let count = try core.delete(where: ids)
        autoCommit?.changed()
        return count
    }

    // MARK: Publishing

    /// A snapshot of everything so far, committed or not: what is buffered becomes a segment in memory.
    /// Nothing is written to disk.
    ///
    /// Complexity: that of building a segment of the documents since the last refresh or commit.
    /// - Throws: `cancelled`, `writerPoisoned`, and what building finds wrong.
    public func refresh() throws(GranaryError) -> Snapshot { try core.refresh() }

    /// As `refresh()`, on a thread of the engine.
    public func refresh() async throws(GranaryError) -> Snapshot {
        try await Background.work { [core] () throws(GranaryError) in try core.refresh() }
    }

    /// Publishes everything since the last commit. When it returns, that survives a crash of the process and
    /// of the system on a file system that honours fsync.
    ///
    /// Threads that commit at the same time share one commit.
    /// - Parameter userData: bytes of the caller's own, up to 1 MiB, stored with the generation; nil keeps
    ///   those of the last one. Of several commits that become one, the last one's are stored.
    /// - Throws: `diskFull`, `cancelled`, `stalled` (a prepared commit is open): nothing is published or
    /// lost,
    ///   and the commit can be tried again. `commitUncertain`, `io`: the outcome or the disk is in doubt, and
    ///   the writer is poisoned.
    public func commit(userData: [UInt8]? = nil) throws(GranaryError) -> CommitReceipt {
        try core.commit(userData: userData)
    }

    /// As `commit(userData:)`, on a thread of the engine.
    public func commit(userData: [UInt8]? = nil) async throws(GranaryError) -> CommitReceipt {
        try await Background.work { [core] () throws(GranaryError) in try core.commit(userData: userData) }
    }

    /// The slow half of a commit: everything is written and durable, and nobody sees it. Operations go on;
    /// commits, refreshes and merges wait until it is committed or aborted.
    ///
    /// - Throws: as `commit(userData:)`.
    public func prepareCommit(userData: [UInt8]? = nil) throws(GranaryError) -> PreparedCommit {
        try core.prepareCommit(userData: userData)
    }

    /// Forgets everything since the last commit and removes its files. A prepared commit is aborted.
    ///
    /// - Throws: what reading the vocabulary of the last generation finds wrong.
    public func rollback() throws(GranaryError) { try core.rollback() }

    /// Forgets what is not committed, stops merges, and gives the index free. Further calls throw.
    public func close() { close(destroying: false) }

    /// As `close`, and removes the index, committed or not. Files that are not the engine's stay, and so does
    /// the directory. Does nothing to a closed writer's index.
    public func destroy() { close(destroying: true) }

    private func close(destroying: Bool) {
        // Whoever waits for it would be waited for.
        core.lane.abortPrepared()
        autoCommit?.stop()
        merges.shutdown()
        core.close(destroying: destroying)
    }

    /// Every operation with a smaller sequence number is durable.
    public var durableSequence: UInt64 { core.durableSequence }

    // MARK: Segments

    /// Merges the committed segments until there are at most `segments`.
    ///
    /// - Parameter cancellation: stops it; what has been merged stays so.
    /// - Throws: `invalidArgument` below 1, `cancelled`, `diskFull` when there is no space for the output,
    /// and
    ///   what reading the segments finds wrong. The index is as before then.
    public func merge(to segments: Int = 1, cancellation: Cancellation? = nil) throws(GranaryError) {
        try core.merge(to: segments, merges, cancellation)
    }

    /// As `merge(to:cancellation:)`, on a thread of the engine.
    public func merge(to segments: Int = 1, cancellation: Cancellation? = nil) async throws(GranaryError) {
        try await Background.work { [core, merges] () throws(GranaryError) in
            try core.merge(to: segments, merges, cancellation)
        }
    }

    /// Lets no merge go on until `resumeMerges`.
    public func pauseMerges() { merges.pause() }

    /// Lets merges go on.
    public func resumeMerges() { merges.resume() }

    /// Waits until no merge runs and none is due. Whoever waits leaves the index at rest: what would be
    /// merged
    /// after a minute without changes is merged now.
    ///
    /// - Parameter cancellation: ends the waiting, not the merges.
    /// - Throws: `cancelled`, `writerPoisoned`.
    public func waitForMerges(cancellation: Cancellation? = nil) throws(GranaryError) {
        try merges.waitUntilIdle(cancellation)
    }

    /// As `waitForMerges(cancellation:)`, on a thread of the engine.
    public func waitForMerges(cancellation: Cancellation? = nil) async throws(GranaryError) {
        try await Background.work { [merges] () throws(GranaryError) in
            try merges.waitUntilIdle(cancellation)
        }
    }

    /// Adds the segments of other indexes, as finished by whoever built them: hard links where possible,
    /// copies elsewhere. Documents with an id that is here already replace those here; of two indexes the
    /// later one wins. Seen after the next commit; all or none.
    ///
    /// - Parameter paths: directories of indexes, with the weights of this one.
    /// - Returns: documents taken in.
    /// - Throws: `invalidArgument` (other weights, a vocabulary or steps that contradict those here, an index
    ///   twice), `alreadyExists` (a segment that is here already), `corrupt` (two live documents of one key
    ///   or sequence number), `unsupported` (an index that this version can read but not write), what opening
    ///   an index finds wrong, `diskFull`. Complexity: a look-up for each document.
    @discardableResult
    public func attach(
        _ paths: [String], cancellation: Cancellation? = nil
    ) throws(GranaryError) -> Int {
        let count = try core.attach(paths, cancellation)
        autoCommit?.changed()
        return count
    }

    /// Takes committed segments out into an index of their own, durable when it returns. Their documents are
    /// no longer here then; operations since the last commit stay pending.
    ///
    /// - Parameters:
    ///   - segments: ids as `IndexStatistics` has them.
    ///   - path: where the new index goes; absent or empty.
    /// - Throws: `notFound` for a segment that is not here, and as `Snapshot.backup` and
    ///   `commit(userData:)`. Nothing is left at the path then, unless the outcome is in doubt.
    public func detach(_ segments: [String], to path: String) throws(GranaryError) {
        try core.detach(segments, to: path)
    }

    // MARK: Observation

    /// What the writer has to do and how it is doing.
    public var statistics: WriterStatistics { core.statistics(merges) }

    /// Documents that replaced another since the last commit.
    public var replacedCount: Int { core.state.withLock { $0.counts.replaced } }
    /// Documents taken in since the last commit.
    public var addedCount: Int { core.state.withLock { $0.counts.added } }
}

extension IndexWriter {
    /// Makes an empty index and takes it for writing, without giving it free between.
    ///
    /// - Parameter path: a directory that is absent (its parent exists) or empty.
    /// - Throws: `alreadyExists` for a directory with anything in it, `invalidArgument` for options out of
    ///   range or a schema that cannot be, and errors of the file system; nothing is left.
    public static func create(
        at path: String, schema: Schema = Schema(), options: WriterOptions = WriterOptions(),
        fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GranaryError) -> IndexWriter {
        try options.validate()
        try schema.dense?.validate()
        let isNew = try fileSystem.status(path) == nil
        let directory = try DirectoryWriter.create(
            fileSystem: fileSystem, path: path, schema: try SchemaCodec.encode(schema),
            reserveBytes: options.reserveBytes)
        do throws(GranaryError) {
            return try IndexWriter(directory: directory, schema: schema, reading: Reading(), options: options)
        } catch {
            directory.destroy()
            if isNew { try? fileSystem.removeDirectory(path) }
            throw error
        }
    }
}

extension Index {
    /// Takes the index for writing.
    ///
    /// - Throws: `locked` while another writer has it (the message names the holder), `invalidArgument` for
    ///   options out of range, and what opening finds wrong.
    public func writer(_ options: WriterOptions = WriterOptions()) throws(GranaryError) -> IndexWriter {
        try options.validate()
        let directory = try DirectoryWriter.open(
            fileSystem: fileSystem, path: path, reserveBytes: options.reserveBytes)
        do throws(GranaryError) {
            return try IndexWriter(
                directory: directory, schema: try SchemaCodec.decode(directory.manifest.schema, path: path),
                reading: reading, options: options)
        } catch {
            directory.close()
            throw error
        }
    }
}
