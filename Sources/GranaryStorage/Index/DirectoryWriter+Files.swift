import Synchronization

/// Data files that come from elsewhere, and those that nothing needs any more.
extension DirectoryWriter {
    /// Takes a data file of another index in, under its own name: by a hard link, else by a durable copy of
    /// what is mapped. No generation has it before it is committed; `discard` gives it up again.
    ///
    /// - Throws: `alreadyExists` for a file that this index has, what is wrong with the bytes of a file that
    ///   must be copied, errors of writing. Nothing is left then.
    public func adopt(_ file: Container) throws(GranaryError) -> FileRecord {
        let record = file.record
        let isThere = try removals.withLock { _ throws(GranaryError) in
            try checkUsable()
            try state.withLock { state throws(GranaryError) in
                guard !state.manifest.files.contains(where: { $0.name == record.name }),
                    state.adopted.insert(record.name).inserted
                else {
                    throw GranaryError(
                        .alreadyExists, "expected a file that the index does not have, found \(record.name)",
                        path: path)
                }
            }
            do throws(GranaryError) {
                return try fileSystem.status("\(path)/\(record.name)") != nil
            } catch {
                state.withLock { _ = $0.adopted.remove(record.name) }
                throw error
            }
        }
        do throws(GranaryError) {
            if isThere {
                // Of the generation before, say; from now on it is kept.
                try Container.open(fileSystem: fileSystem, directory: path, record: record).verify()
                try fileSystem.syncFile("\(path)/\(record.name)")
            } else {
                try FileTransfer(fileSystem: fileSystem, directory: path).bring(file)
            }
        } catch {
            state.withLock { _ = $0.adopted.remove(record.name) }
            throw error
        }
        return record
    }

    /// Removes data files that no retained generation has. What cannot be removed waits for the next opening;
    /// a poisoned writer removes nothing.
    public func discard(_ files: [FileRecord]) {
        removals.withLock { _ in
            let names = state.withLock { state in
                state.adopted.subtract(files.map(\.name))
                return state.poison == nil ? Set(files.map(\.name)).subtracting(state.retainedNames) : []
            }
            guard !names.isEmpty, lock.isStillHeld() else { return }
            for name in names.sorted() { try? fileSystem.unlink("\(path)/\(name)") }
        }
    }

    /// Removes an old generation's manifest and the files that only it had; what fails waits for the next
    /// opening.
    func remove(_ old: Manifest) {
        try? fileSystem.unlink("\(path)/\(Manifest.fileName(old.generation))")
        removals.withLock { _ in
            let retained = state.withLock { $0.retainedNames }
            for file in old.files where !retained.contains(file.name) {
                try? fileSystem.unlink("\(path)/\(file.name)")
            }
        }
    }

    /// Removes what neither of the two newest generations has.
    func removeLeftovers() throws(GranaryError) {
        let (retained, manifests) = state.withLock { state in
            (state.retainedNames, Set([state.manifest, state.previous].compactMap { $0?.generation }))
        }
        for name in try fileSystem.list(path) {
            let isOld = Manifest.generation(ofFileName: name).map { !manifests.contains($0) } ?? false
            if isOld || (Self.isDisposable(name) && !retained.contains(name)) {
                try? fileSystem.unlink("\(path)/\(name)")
            }
        }
    }

    /// Whether a name is a data file's or a temporary file's: 32 hexadecimal digits and an extension of ours.
    /// Other names are not ours to remove.
    static func isDisposable(_ name: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, Identifier128(hex: String(parts[0])) != nil else { return false }
        return parts[1] == "tmp" || FileKind.allCases.contains { "\($0)" == parts[1] }
    }
}

extension DirectoryWriter.State {
    /// The data files that stay: those of the two newest generations, and those that have been adopted.
    var retainedNames: Set<String> {
        adopted.union((manifest.files + (previous?.files ?? [])).map(\.name))
    }
}
