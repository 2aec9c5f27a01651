import Synchronization

/// The steps of a commit, in order.
extension DirectoryWriter {
    /// Publishes the next generation. Its new files are finished (and so durable) already.
    ///
    /// - Parameter change: makes the next generation of this one.
    /// - Throws: `diskFull`, `tooLarge` and `invalidArgument` (nothing is published, the writer stays
    ///   usable), `commitUncertain` (the outcome is unknown), and others that poison the writer: nothing is
    ///   removed then, since the system's word is in doubt.
    public func commit(_ change: (inout Manifest) -> Void) throws(GranaryError) -> Manifest {
        try finish(try prepare(change))
    }

    /// The first half of a commit: all that is slow or likely to fail. Nothing is visible yet.
    ///
    /// On a full disk the reserve is given up for it. Until it is finished or aborted there can be no other
    /// commit.
    /// - Parameter change: makes the next generation of this one.
    /// - Throws: as `commit`, apart from `commitUncertain`.
    public func prepare(_ change: (inout Manifest) -> Void) throws(GranaryError) -> PreparedManifest {
        try checkUsable()
        let (manifest, hash) = try state.withLock { state throws(GranaryError) in
            guard state.commit == .none else {
                throw GranaryError(
                    .invalidArgument, "expected the prepared commit to be finished or aborted first",
                    path: path)
            }
            state.commit = .underWay
            return (state.manifest, state.hash)
        }
        do throws(GranaryError) {
            var next = manifest
            change(&next)
            let (generation, overflow) = manifest.generation.addingReportingOverflow(1)
            guard !overflow else {
                throw GranaryError(.tooLarge, "the index has no generations left", path: path)
            }
            next.generation = generation
            next.previousHash = hash
            next.engineVersion = Manifest.thisVersion
            let bytes = try next.encoded()
            let temporary = try givingUpReserve { () throws(GranaryError) in try write(bytes) }
            state.withLock { $0.commit = .prepared(temporary: temporary) }
            return PreparedManifest(manifest: next, hash: Manifest.hash(of: bytes), temporary: temporary)
        } catch {
            state.withLock { $0.commit = .none }
            throw error
        }
    }

    /// The second half: makes the generation visible, then durable.
    ///
    /// - Throws: as `commit`; `invalidArgument` for what is finished or aborted already.
    public func finish(_ prepared: PreparedManifest) throws(GranaryError) -> Manifest {
        try checkUsable()
        try state.withLock { state throws(GranaryError) in
            guard state.commit == .prepared(temporary: prepared.temporary) else {
                throw GranaryError(
                    .invalidArgument, "expected a commit that is neither finished nor aborted", path: path)
            }
            state.commit = .underWay
        }
        do throws(GranaryError) {
            try checkLock()
            try publish(prepared)
        } catch {
            state.withLock { $0.commit = .none }
            throw error
        }
        let dropped = state.withLock { state in
            let dropped = state.previous
            state.previous = state.manifest.generation > 0 ? state.manifest : nil
            (state.manifest, state.hash) = (prepared.manifest, prepared.hash)
            state.adopted.subtract(prepared.manifest.files.map(\.name))
            state.commit = .none
            return dropped
        }
        if let dropped { remove(dropped) }
        reserve.restore()
        return prepared.manifest
    }

    /// Gives a prepared commit up. Its new data files stay; `discard` removes them. Does nothing to one that
    /// is finished or aborted already.
    public func abort(_ prepared: PreparedManifest) {
        let isPending = state.withLock { state in
            guard state.commit == .prepared(temporary: prepared.temporary) else { return false }
            state.commit = .none
            return true
        }
        if isPending { try? fileSystem.unlink(prepared.temporary) }
    }

    /// Does something that needs room on the disk; when it is full, gives the reserve up and does it once
    /// more.
    public func givingUpReserve<Result>(
        _ body: () throws(GranaryError) -> Result
    ) throws(GranaryError) -> Result {
        let losses = reserve.losses
        do throws(GranaryError) {
            return try body()
        } catch {
            guard error.code == .diskFull, poison == nil, reserve.giveUp(after: losses) else { throw error }
        }
        return try body()
    }

    private func checkLock() throws(GranaryError) {
        guard lock.isStillHeld() else {
            throw poisoned(GranaryError(.locked, "the lock file has been removed or replaced", path: path))
        }
    }

    /// Before the manifest is visible: lock, directory, manifest under a temporary name.
    private func write(_ manifest: [UInt8]) throws(GranaryError) -> String {
        try checkLock()
        do throws(GranaryError) {
            // Names of data files must be durable before a manifest refers to them.
            try fileSystem.syncDirectory(path)
        } catch {
            throw poisoned(error)
        }
        let temporary = "\(path)/\(fileSystem.randomIdentifier()).tmp"
        do throws(GranaryError) {
            let file = try fileSystem.create(temporary)
            defer { file.close() }
            try file.write(manifest.rawBytes, at: 0)
            try file.sync()
        } catch {
            // Whatever the reason, this file will never be used.
            try? fileSystem.unlink(temporary)
            throw error.code == .diskFull ? error : poisoned(error)
        }
        return temporary
    }

    /// Makes the manifest visible, then durable.
    private func publish(_ prepared: PreparedManifest) throws(GranaryError) {
        let generation = prepared.manifest.generation
        let target = "\(path)/\(Manifest.fileName(generation))"
        let losses = reserve.losses
        do throws(GranaryError) {
            do throws(GranaryError) {
                try fileSystem.rename(prepared.temporary, to: target)
            } catch {
                // A directory that grows needs room too.
                guard error.code == .diskFull, isUnnamed(target), reserve.giveUp(after: losses) else {
                    throw error
                }
                try fileSystem.rename(prepared.temporary, to: target)
            }
        } catch {
            throw unpublished(prepared.temporary, target, generation, error)
        }
        do throws(GranaryError) {
            try fileSystem.syncDirectory(path)
        } catch {
            throw uncertain(generation, error)
        }
    }

    private func isUnnamed(_ target: String) -> Bool {
        do throws(GranaryError) { return try fileSystem.status(target) == nil } catch { return false }
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
                path: path, systemError: cause.systemError))
    }

    private func poisoned(_ error: GranaryError) -> GranaryError {
        poison(error)
        return error
    }
}
