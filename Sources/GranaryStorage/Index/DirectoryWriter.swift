/// An index directory in the hands of its one writer: the lock and the commit protocol.
///
/// The order of a commit is the whole of its safety: data files are durable before it begins; directory,
/// manifest, rename, directory follow, and only then is it acknowledged. Not for several threads at once.
public final class DirectoryWriter {
    /// The directory.
    public let path: String
    /// Where it is.
    public let fileSystem: any FileSystem
    /// The newest generation.
    public private(set) var manifest: Manifest
    /// The failure that made this writer unusable; nil while it is usable.
    public private(set) var poison: GranaryError?

    private let lock: any FileLock
    private var hash: Identifier128
    /// The generation before, which a slow reader may be about to open.
    private var previous: Manifest?

    private static let lockName = "LOCK"

    private init(
        path: String, fileSystem: any FileSystem, lock: any FileLock, manifest: Manifest, hash: Identifier128,
        previous: Manifest?
    ) {
        self.path = path
        self.fileSystem = fileSystem
        self.lock = lock
        self.manifest = manifest
        self.hash = hash
        self.previous = previous
    }

    /// Makes an index: an empty first generation.
    ///
    /// - Parameter path: a directory that is absent or empty, or has only what an interrupted `create`
    ///   leaves.
    /// - Throws: `alreadyExists` naming what is in the directory, `locked`, errors of writing. What was made
    ///   is removed.
    public static func create(
        fileSystem: any FileSystem, path: String, schema: [UInt8]
    ) throws(GranaryError) -> DirectoryWriter {
        let isNew = try fileSystem.status(path) == nil
        if isNew {
            try fileSystem.createDirectory(path)
        } else {
            try expectEmpty(fileSystem, path)
        }
        do throws(GranaryError) {
            return try createFirst(fileSystem, path, schema: schema, isNew: isNew)
        } catch {
            // Does nothing to a directory that another has begun to use.
            if isNew { try? fileSystem.removeDirectory(path) }
            throw error
        }
    }

    private static func createFirst(
        _ fileSystem: any FileSystem, _ path: String, schema: [UInt8], isNew: Bool
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
            lock = try takeLock(fileSystem, path)
        } catch {
            // Whoever holds the lock will keep it; of an unlocked one nothing is to be left.
            if isNew, error.code != .locked { try? fileSystem.unlink("\(path)/\(lockName)") }
            throw error
        }
        let writer = DirectoryWriter(
            path: path, fileSystem: fileSystem, lock: lock, manifest: none, hash: empty.previousHash,
            previous: nil)
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
            $0 != lockName && !(isDisposable($0) && $0.hasSuffix(".tmp"))
        }
        if let first {
            throw GranaryError(
                .alreadyExists, "expected an empty directory, found \(first) in it", path: path)
        }
    }

    /// Takes an index for writing, checks the structure of every file, and removes what a crash has left.
    ///
    /// - Throws: `locked`, `notFound`, `notAnIndex`, `unsupported` (features that this version can read but
    ///   not write), and what is wrong with the manifest or a file.
    public static func open(fileSystem: any FileSystem, path: String) throws(GranaryError) -> DirectoryWriter
    {
        // Before the lock, whose file must not be made in a directory that is none of ours.
        _ = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: path)
        let lock = try takeLock(fileSystem, path)
        do throws(GranaryError) {
            // The manifest that is read next may have been renamed by a process that died before it synced.
            try fileSystem.syncDirectory(path)
            let (manifest, hash) = try IndexDirectory.latest(fileSystem: fileSystem, path: path)
            guard manifest.readOnlyCompatibleFlags == 0 else {
                throw GranaryError(
                    .unsupported, "the index uses features that this version can read but not write",
                    path: path)
            }
            for file in manifest.files {
                _ = try Container.open(
                    fileSystem: fileSystem, directory: path, record: file, index: manifest.index)
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
                path: path, fileSystem: fileSystem, lock: lock, manifest: manifest, hash: hash,
                previous: previous)
            // Without knowing what the generation before has, nothing can be told to be left over.
            if isPreviousKnown { try writer.removeLeftovers() }
            return writer
        } catch {
            lock.release()
            throw error
        }
    }

    deinit { close() }

    /// The index's random name.
    public var index: Identifier128 { manifest.index }

    /// Publishes the next generation. Its new files are finished (and so durable) already.
    ///
    /// - Parameter change: makes the next generation of this one.
    /// - Throws: `diskFull`, `tooLarge` and `invalidArgument` (nothing is published, the writer stays
    ///   usable), `commitUncertain` (the outcome is unknown), and others that poison the writer: nothing is
    ///   removed then, since the system's word is in doubt.
    public func commit(_ change: (inout Manifest) -> Void) throws(GranaryError) -> Manifest {
        try check()
        var next = manifest
        change(&next)
        let (generation, overflow) = manifest.generation.addingReportingOverflow(1)
        guard !overflow else { throw GranaryError(.tooLarge, "the index has no generations left", path: path) }
        next.generation = generation
        next.previousHash = hash
        next.engineVersion = Manifest.thisVersion
        let bytes = try next.encoded()
        let temporary = try prepare(bytes)
        try publish(temporary, next.generation)
        hash = Manifest.hash(of: bytes)
        let dropped = previous
        previous = manifest.generation > 0 ? manifest : nil
        manifest = next
        if let dropped { remove(dropped) }
        return next
    }

    /// Gives the index free. Further calls throw.
    public func close() {
        lock.release()
        if poison == nil { poison = GranaryError(.writerPoisoned, "the writer is closed", path: path) }
    }

    /// Removes the index, as far as the lock is still this writer's: manifests first, so that no crash leaves
    /// one whose files are gone. Files that are not the engine's stay.
    public func destroy() {
        defer { close() }
        guard lock.isStillHeld(), let names = try? fileSystem.list(path) else { return }
        for name in names where Manifest.generation(ofFileName: name) != nil {
            try? fileSystem.unlink("\(path)/\(name)")
        }
        // A manifest whose removal is not durable may come back, and with it the need for its data files.
        let isGone = (try? fileSystem.syncDirectory(path)) != nil
        for name in names where Self.isDisposable(name) && (isGone || name.hasSuffix(".tmp")) {
            try? fileSystem.unlink("\(path)/\(name)")
        }
        try? fileSystem.unlink("\(path)/\(Self.lockName)")
        try? fileSystem.syncDirectory(path)
    }

    // MARK: Steps

    /// Before the manifest is visible: lock, directory, manifest under a temporary name.
    private func prepare(_ bytes: [UInt8]) throws(GranaryError) -> String {
        guard lock.isStillHeld() else {
            throw poisoned(GranaryError(.locked, "the lock file has been removed or replaced", path: path))
        }
        // Names of data files must be durable before a manifest refers to them.
        try poisoning { () throws(GranaryError) in try fileSystem.syncDirectory(path) }
        let temporary = "\(path)/\(fileSystem.randomIdentifier()).tmp"
        do throws(GranaryError) {
            let file = try fileSystem.create(temporary)
            defer { file.close() }
            try file.write(bytes.rawBytes, at: 0)
            try file.sync()
        } catch {
            // Whatever the reason, this file will never be used.
            try? fileSystem.unlink(temporary)
            throw error.code == .diskFull ? error : poisoned(error)
        }
        return temporary
    }

    /// Makes the manifest visible, then durable.
    private func publish(_ temporary: String, _ generation: UInt64) throws(GranaryError) {
        let target = "\(path)/\(Manifest.fileName(generation))"
        do throws(GranaryError) {
            try fileSystem.rename(temporary, to: target)
        } catch {
            throw unpublished(temporary, target, generation, error)
        }
        do throws(GranaryError) {
            try fileSystem.syncDirectory(path)
        } catch {
            throw uncertain(generation, error)
        }
    }

    /// What a failed rename means. It may have been done all the same, so only what is seen counts.
    private func unpublished(
        _ temporary: String, _ target: String, _ generation: UInt64, _ cause: GranaryError
    ) -> GranaryError {
        do throws(GranaryError) {
            let (own, found) = (try fileSystem.status(temporary), try fileSystem.status(target))
            if cause.code == .diskFull, found == nil {
                try? fileSystem.unlink(temporary)
                return cause
            }
            if cause.code == .alreadyExists, let own, let found, own.identity != found.identity {
                return poisoned(
                    GranaryError(
                        .alreadyExists, "another writer has made generation \(generation)", path: path))
            }
        } catch {
            // Not even that can be seen.
        }
        return uncertain(generation, cause)
    }

    private func uncertain(_ generation: UInt64, _ cause: GranaryError) -> GranaryError {
        poisoned(
            GranaryError(
                .commitUncertain, "generation \(generation) may or may not be durable: \(cause.message)",
                path: path,
                systemError: cause.systemError))
    }

    private func poisoned(_ error: GranaryError) -> GranaryError {
        poison = error
        return error
    }

    private func poisoning(_ body: () throws(GranaryError) -> Void) throws(GranaryError) {
        do throws(GranaryError) { try body() } catch { throw poisoned(error) }
    }

    private func check() throws(GranaryError) {
        if let poison {
            throw GranaryError(
                .writerPoisoned, "an earlier failure leaves the writer unusable: \(poison.message)",
                path: path,
                systemError: poison.systemError)
        }
    }

    // MARK: Leftovers

    private var retainedNames: Set<String> {
        Set((manifest.files + (previous?.files ?? [])).map(\.name))
    }

    /// Removes an old generation's manifest and the files that only it had; what fails waits for the next
    /// opening.
    private func remove(_ old: Manifest) {
        try? fileSystem.unlink("\(path)/\(Manifest.fileName(old.generation))")
        let retained = retainedNames
        for file in old.files where !retained.contains(file.name) {
            try? fileSystem.unlink("\(path)/\(file.name)")
        }
    }

    private func removeLeftovers() throws(GranaryError) {
        let retained = retainedNames
        let manifests = Set([manifest, previous].compactMap { $0?.generation })
        for name in try fileSystem.list(path) {
            let isOld = Manifest.generation(ofFileName: name).map { !manifests.contains($0) } ?? false
            if isOld || (Self.isDisposable(name) && !retained.contains(name)) {
                try? fileSystem.unlink("\(path)/\(name)")
            }
        }
    }

    /// Whether a name is a data file's or a temporary file's: 32 hexadecimal digits and an extension of ours.
    /// Other names are not ours to remove.
    private static func isDisposable(_ name: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, Identifier128(hex: String(parts[0])) != nil else { return false }
        return parts[1] == "tmp" || FileKind.allCases.contains { "\($0)" == parts[1] }
    }

    private static func takeLock(_ fileSystem: any FileSystem, _ path: String) throws(GranaryError)
        -> any FileLock
    {
        try fileSystem.lock("\(path)/\(lockName)", stamp: SystemCalls.processStamp())
    }
}
