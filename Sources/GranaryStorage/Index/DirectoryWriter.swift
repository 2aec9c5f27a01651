import Synchronization

/// An index directory in the hands of its one writer: the lock and the commit protocol.
///
/// The order of a commit is the whole of its safety: data files are durable before it begins; directory,
/// manifest, rename, directory follow, and only then is it acknowledged. Safe to use from several threads, as
/// long as commits come one at a time.
public final class DirectoryWriter: Sendable {
    /// The directory.
    public let path: String
    /// Where it is.
    public let fileSystem: any FileSystem

    struct State {
        /// The newest generation and the hash in its trailer.
        var manifest: Manifest
        var hash: Identifier128
        /// The generation before, which a slow reader may be about to open.
        var previous: Manifest?
        var poison: GranaryError?
        var commit = CommitState.none
        /// Names of adopted files that no generation has yet. Others may have the same one: it is the only
        /// kind of name that comes twice.
        var adopted: Set<String> = []
    }

    /// How far the next generation is.
    enum CommitState: Equatable {
        case none, underWay
        case prepared(temporary: String)
    }

    let lock: any FileLock
    let state: Mutex<State>
    let reserve: Reserve
    /// Held while data files are removed, so that none is that is being adopted.
    let removals = Mutex(())

    static let lockName = "LOCK"

    private init(
        path: String, fileSystem: any FileSystem, lock: any FileLock, reserveBytes: Int, manifest: Manifest,
        hash: Identifier128, previous: Manifest?
    ) {
        self.path = path
        self.fileSystem = fileSystem
        self.lock = lock
        reserve = Reserve(fileSystem: fileSystem, directory: path, bytes: reserveBytes)
        state = Mutex(State(manifest: manifest, hash: hash, previous: previous))
    }

    /// Makes an index: an empty first generation.
    ///
    /// - Parameters:
    ///   - path: a directory that is absent or empty, or has only what an interrupted `create` leaves.
    ///   - reserveBytes: as in `open`.
    /// - Throws: `alreadyExists` naming what is in the directory, `locked`, errors of writing. What was made
    ///   is removed.
    public static func create(
        fileSystem: any FileSystem, path: String, schema: [UInt8], reserveBytes: Int = 0
    ) throws(GranaryError) -> DirectoryWriter {
        let isNew = try fileSystem.status(path) == nil
        if isNew {
            try fileSystem.createDirectory(path)
        } else {
            try expectEmpty(fileSystem, path)
        }
        do throws(GranaryError) {
            let writer = try createFirst(
                fileSystem, path, schema: schema, isNew: isNew, reserveBytes: reserveBytes)
            writer.reserve.restore()
            return writer
        } catch {
            // Does nothing to a directory that another has begun to use.
            if isNew { try? fileSystem.removeDirectory(path) }
            throw error
        }
    }

    private static func createFirst(
        _ fileSystem: any FileSystem, _ path: String, schema: [UInt8], isNew: Bool, reserveBytes: Int
    ) throws(GranaryError) -> DirectoryWriter {
        do throws(GranaryError) {
            // The parent, whether the path is a link, a dot or ends in a slash. A directory that the caller
            // has made just now is not durable either.
            try fileSystem.syncDirectory("\(path)/..")
        } catch {
            // Whoever made the directory in one that may not be read had to care for it.
            guard !isNew, error.code == .permissionDenied else { throw error }
        }
        let empty = Manifest(index: fileSystem.randomIdentifier(), schema: schema)
        // Generation 0 is never written: it only precedes the first.
        var none = empty
        none.generation = 0
        let lock: any FileLock
        do throws(GranaryError) {
            lock = try Self.lock(fileSystem: fileSystem, path: path)
        } catch {
            // Whoever holds the lock will keep it; of an unlocked one nothing is to be left.
            if isNew, error.code != .locked { try? fileSystem.unlink("\(path)/\(lockName)") }
            throw error
        }
        let writer = DirectoryWriter(
            path: path, fileSystem: fileSystem, lock: lock, reserveBytes: reserveBytes, manifest: none,
            hash: empty.previousHash, previous: nil)
        do throws(GranaryError) {
            // Another may have made an index, and given it free, before the lock was taken.
            try expectEmpty(fileSystem, path)
        } catch {
            // Whoever waits for a lock that goes sees that it has gone.
            if isNew || error.code != .alreadyExists { try? fileSystem.unlink("\(path)/\(lockName)") }
            writer.close()
            throw error
        }
        do throws(GranaryError) {
            try writer.removeLeftovers()
            _ = try writer.commit { _ in }
            return writer
        } catch {
            writer.destroy()
            throw error
        }
    }

    /// That a directory has nothing but what an interrupted `create` leaves: never a manifest, never a data
    /// file.
    private static func expectEmpty(_ fileSystem: any FileSystem, _ path: String) throws(GranaryError) {
        let first = try fileSystem.list(path).first {
            $0 != lockName && $0 != Reserve.name && !(isDisposable($0) && $0.hasSuffix(".tmp"))
        }
        if let first {
            throw GranaryError(
                .alreadyExists, "expected an empty directory, found \(first) in it", path: path)
        }
    }

    /// Takes an index for writing, checks the structure of every file, and removes what a crash has left.
    ///
    /// - Parameter reserveBytes: the size of the ballast that is given up on a full disk; made when there is
    ///   room to spare. With 0 none is made, and one that is there stays until it is needed.
    /// - Throws: `locked`, `notFound`, `notAnIndex`, `unsupported` (features that this version can read but
    ///   not write), and what is wrong with the manifest or a file.
    public static func open(
        fileSystem: any FileSystem, path: String, reserveBytes: Int = 0
    ) throws(GranaryError) -> DirectoryWriter {
        // Before the lock, whose file must not be made in a directory that is none of ours.
        _ = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: path)
        let lock = try lock(fileSystem: fileSystem, path: path)
        do throws(GranaryError) {
            // The manifest that is read next may have been renamed by a process that died before it synced.
            try fileSystem.syncDirectory(path)
            let (manifest, hash) = try IndexDirectory.latest(fileSystem: fileSystem, path: path)
            try manifest.checkWritable(path)
            for file in manifest.files {
                _ = try Container.open(fileSystem: fileSystem, directory: path, record: file)
            }
            var (previous, isPreviousKnown) = (Manifest?.none, true)
            do throws(GranaryError) {
                previous = try IndexDirectory.read(
                    manifest.generation - 1, fileSystem: fileSystem, path: path
                ).manifest
            } catch {
                isPreviousKnown = error.code == .notFound
            }
            let writer = DirectoryWriter(
                path: path, fileSystem: fileSystem, lock: lock, reserveBytes: reserveBytes,
                manifest: manifest, hash: hash, previous: previous)
            // Without knowing what the generation before has, nothing can be told to be left over.
            if isPreviousKnown { try writer.removeLeftovers() }
            writer.reserve.restore()
            return writer
        } catch {
            lock.release()
            throw error
        }
    }

    /// Takes an index for writing whose newest manifest or whose files are damaged: nothing is checked, and
    /// nothing removed.
    ///
    /// - Parameters:
    ///   - generation: the one to go on from, whose manifest is sound.
    ///   - newest: the largest number of a manifest, sound or not. The next generation follows it.
    package static func openForRepair(
        fileSystem: any FileSystem, path: String, generation: UInt64, newest: UInt64
    ) throws(GranaryError) -> DirectoryWriter {
        let lock = try lock(fileSystem: fileSystem, path: path)
        do throws(GranaryError) {
            try fileSystem.syncDirectory(path)
            var (manifest, hash) = try IndexDirectory.read(generation, fileSystem: fileSystem, path: path)
            try manifest.checkWritable(path)
            manifest.generation = newest
            return DirectoryWriter(
                path: path, fileSystem: fileSystem, lock: lock, reserveBytes: 0, manifest: manifest,
                hash: hash, previous: nil)
        } catch {
            lock.release()
            throw error
        }
    }

    deinit { close() }

    /// The newest generation.
    public var manifest: Manifest { state.withLock { $0.manifest } }

    /// The failure that made this writer unusable; nil while it is usable.
    public var poison: GranaryError? { state.withLock { $0.poison } }

    /// The index's random name.
    public var index: Identifier128 { state.withLock { $0.manifest.index } }

    /// Makes this writer unusable from now on; nothing is removed any more, since the system's word is in
    /// doubt. The first reason stays.
    public func poison(_ error: GranaryError) {
        state.withLock { if $0.poison == nil { $0.poison = error } }
    }

    /// Gives the index free. Further calls throw.
    public func close() {
        lock.release()
        poison(GranaryError(.writerPoisoned, "the writer is closed", path: path))
    }

    /// Removes the index, as far as the lock is still this writer's: manifests first, so that no crash leaves
    /// one whose files are gone. Files that are not the engine's stay.
    public func destroy() {
        defer { close() }
        guard lock.isStillHeld(), let names = try? fileSystem.list(path) else { return }
        let manifests = names.filter { Manifest.generation(ofFileName: $0) != nil }.sorted()
        // The newest goes last: no older generation must come to light behind it. One whose removal is not
        // durable may come back, and with it the need for its data files.
        var isGone = true
        for part in [manifests.dropLast(), manifests.suffix(1)] where !part.isEmpty && isGone {
            do throws(GranaryError) {
                for name in part { try fileSystem.unlink("\(path)/\(name)") }
                try fileSystem.syncDirectory(path)
            } catch {
                isGone = false
            }
        }
        for name in names where Self.isDisposable(name) && (isGone || name.hasSuffix(".tmp")) {
            try? fileSystem.unlink("\(path)/\(name)")
        }
        if isGone { try? fileSystem.unlink("\(path)/\(Reserve.name)") }
        try? fileSystem.unlink("\(path)/\(Self.lockName)")
        try? fileSystem.syncDirectory(path)
    }

    package func checkUsable() throws(GranaryError) {
        if let poison {
            throw GranaryError(
                .writerPoisoned, "an earlier failure leaves the writer unusable: \(poison.message)",
                path: path, systemError: poison.systemError)
        }
    }

    /// Takes the lock of an index.
    ///
    /// - Throws: `locked`, naming the holder.
    package static func lock(fileSystem: any FileSystem, path: String) throws(GranaryError) -> any FileLock {
        try fileSystem.lock("\(path)/\(lockName)", stamp: SystemCalls.processStamp())
    }
}

extension Manifest {
    /// - Throws: `unsupported` for an index that this version can read but not write.
    fileprivate func checkWritable(_ path: String) throws(GranaryError) {
        guard readOnlyCompatibleFlags == 0 else {
            throw GranaryError(
                .unsupported, "the index uses features that this version can read but not write", path: path)
        }
    }
}
