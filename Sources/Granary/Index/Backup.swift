import GranaryStorage

extension Snapshot {
    /// Makes an index of what this generation has, at another path: by hard links where the file system has
    /// them, else by copies. The index may be written meanwhile.
    ///
    /// When it returns, the backup is durable; a crash before that leaves the whole or no index. Linked files
    /// share their bytes with this index, and so any damage of the disk: `isVerified` makes copies.
    /// - Parameters:
    ///   - path: a directory that is absent (its parent exists) or empty.
    ///   - isVerified: copies every file, after comparing all of its checksums, and then those of the copy.
    /// - Throws: `alreadyExists` for a directory with anything in it, `invalidArgument` for a snapshot that
    ///   shows more than is committed, what is wrong with a file that is copied, errors of writing,
    ///   `cancelled`. What was made is removed.
    public func backup(
        to path: String, isVerified: Bool = false, progress: (@Sendable (WorkProgress) -> Void)? = nil,
        cancellation: Cancellation? = nil
    ) throws(GranaryError) {
        try backup(
            manifest, to: path, isVerified: isVerified,
            BuildProgress(handler: progress, cancellation: cancellation))
    }

    /// As the synchronous `backup`, on a thread of the engine's own.
    public func backup(
        to path: String, isVerified: Bool = false, progress: (@Sendable (WorkProgress) -> Void)? = nil,
        cancellation: Cancellation? = nil
    ) async throws(GranaryError) {
        let report = BuildProgress(handler: progress, cancellation: cancellation)
        try await Background.work { () throws(GranaryError) in
            try self.backup(self.manifest, to: path, isVerified: isVerified, report)
        }
    }

    /// Makes an index of some segments, by their names in statistics, with an identifier of its own.
    func backup(to path: String, segments names: Set<String>) throws(GranaryError) {
        let chosen = manifest.segments.filter { record in
            record.files.first.map { names.contains(manifest.files[Int($0)].id.description) } ?? false
        }
        let part = manifest.extracting(
            Set(chosen.map(\.ordinal)), as: fileSystem.randomIdentifier())
        try backup(part, to: path, isVerified: false, BuildProgress())
    }

    private func backup(
        _ manifest: Manifest, to path: String, isVerified: Bool, _ report: BuildProgress
    ) throws(GranaryError) {
        guard sequence == self.manifest.nextSequence else {
            throw GranaryError(
                .invalidArgument,
                "expected a snapshot of what is committed, found one with later operations: commit, and back "
                    + "up a new snapshot of the index",
                path: path)
        }
        let backup = IndexBackup(
            of: manifest, files: segments.flatMap(\.files), to: path, fileSystem: fileSystem,
            isVerified: isVerified)
        try backup.run { (done, total) throws(GranaryError) in try report.report(.copying, done, total) }
    }
}
