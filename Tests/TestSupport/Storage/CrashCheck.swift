package import GranaryStorage

/// What must be true of an index after a crash (DESIGN, promises 1 and 2).
///
/// A workload says with `started` and `acknowledged` which generations it has begun and which it may rely on;
/// both are notes of the recording. Opening for writing acknowledges what it finds.
package struct CrashCheck: Sendable {
    /// The note of the newest generation whose commit has begun.
    package static let started = "started"
    /// The note of the newest generation that somebody has been told of.
    package static let acknowledged = "acknowledged"
    /// The note of a removal of the index: 1 when it has begun, 2 when it has returned.
    package static let removal = "removal"

    /// Another index beside the one that is worked on: the source of an attachment, or a backup.
    package struct Sibling: Sendable {
        /// Its directory.
        package let path: String
        /// What it holds; nothing else may ever be seen there.
        package let manifest: Manifest
        /// The note that is 0 once it may be there and 1 once it is acknowledged.
        package let note: String

        /// Makes one.
        package init(path: String, manifest: Manifest, note: String) {
            self.path = path
            self.manifest = manifest
            self.note = note
        }
    }

    /// The index directory.
    package let path: String
    /// Every generation that was ever begun, as it would be if it were published. One that failed may have
    /// been begun anew.
    package let generations: [UInt64: [Manifest]]
    /// Names that are not the engine's, which nobody may remove once they are durable.
    package let foreign: Set<String>
    /// Indexes beside it.
    package let siblings: [Sibling]

    /// Makes a check.
    package init(
        path: String, generations: [UInt64: [Manifest]], foreign: Set<String> = [], siblings: [Sibling] = []
    ) {
        self.path = path
        self.generations = generations
        self.foreign = foreign
        self.siblings = siblings
    }

    /// Opens an image as a reader, then as a writer, and commits on it.
    ///
    /// - Returns: what is wrong; nil when nothing is.
    package func violation(of image: CrashImage) -> String? {
        let low = image.notes[CrashCheck.acknowledged] ?? 0
        let high = image.notes[CrashCheck.started] ?? 0
        let removal = image.notes[CrashCheck.removal] ?? 0
        let fileSystem = image.fileSystem()
        for sibling in siblings {
            if let violation = violation(of: sibling, fileSystem, image.notes) { return violation }
        }
        let foreignBefore = foreignNames(fileSystem)
        do throws(GranaryError) {
            guard let manifest = try Self.newest(fileSystem, path) else {
                if removal > 0 { return nil }
                // Before the first acknowledgement there may be no index; then one can be made.
                return low == 0 ? creationViolation(fileSystem) : "there is no index"
            }
            if removal == 2 { return "an index that was removed is there again" }
            guard (low...max(low, high)).contains(manifest.generation) else {
                return "opened at generation \(manifest.generation), expected \(low) to \(high)"
            }
            guard generations[manifest.generation]?.contains(manifest) == true else {
                return "generation \(manifest.generation) is not what was committed"
            }
            try SampleIndex.verify(manifest, fileSystem, path)
            if removal == 0, let violation = previousViolation(fileSystem, manifest) { return violation }
            try goOn(fileSystem, manifest)
        } catch {
            return "\(error)"
        }
        guard foreignNames(fileSystem) == foreignBefore else { return "a foreign file was removed" }
        return nil
    }

    private func violation(
        of sibling: Sibling, _ fileSystem: MemoryFileSystem, _ notes: [String: UInt64]
    ) -> String? {
        guard let note = notes[sibling.note] else { return nil }
        do throws(GranaryError) {
            guard let found = try Self.newest(fileSystem, sibling.path) else {
                return note == 0 ? nil : "there is no index at \(sibling.path)"
            }
            try SampleIndex.verify(found, fileSystem, sibling.path)
            return found == sibling.manifest ? nil : "the index at \(sibling.path) is another"
        } catch {
            return "at \(sibling.path): \(error)"
        }
    }

    /// The newest manifest; nil where there is none. A manifest whose files are missing is no absence.
    private static func newest(
        _ fileSystem: MemoryFileSystem, _ path: String
    ) throws(GranaryError) -> Manifest? {
        do throws(GranaryError) {
            return try IndexDirectory.latestManifest(fileSystem: fileSystem, path: path)
        } catch {
            guard error.code == .notFound || error.code == .notAnIndex else { throw error }
            return nil
        }
    }

    /// The generation before the newest is whole too: a slow reader may be about to open it, and a repair may
    /// go back to it.
    private func previousViolation(_ fileSystem: MemoryFileSystem, _ manifest: Manifest) -> String? {
        let number = manifest.generation - 1
        guard number > 0, generations[number] != nil else { return nil }
        do throws(GranaryError) {
            let previous = try IndexDirectory.manifest(number, fileSystem: fileSystem, path: path)
            try SampleIndex.verify(previous, fileSystem, path)
            return generations[number]?.contains(previous) == true
                ? nil : "generation \(number) is not what was committed"
        } catch {
            return "the generation before \(manifest.generation) is not whole: \(error)"
        }
    }

    /// Takes the index for writing and commits; nothing but what the last two generations have may be left.
    private func goOn(_ fileSystem: MemoryFileSystem, _ manifest: Manifest) throws(GranaryError) {
        let writer = try DirectoryWriter.open(fileSystem: fileSystem, path: path)
        guard writer.manifest == manifest else {
            throw GranaryError(.corrupt, "the writer opened generation \(writer.manifest.generation)")
        }
        let next = try SampleIndex.commit(writer)
        guard next.generation == manifest.generation + 1 else {
            throw GranaryError(
                .corrupt, "committed generation \(next.generation) after \(manifest.generation)")
        }
        writer.close()
        guard try SampleIndex.verified(fileSystem, path) == next else {
            throw GranaryError(
                .corrupt, "generation \(next.generation) is not what was committed after the crash")
        }
        var expected = Set((manifest.files + next.files).map(\.name))
        expected.formUnion([manifest, next].map { Manifest.fileName($0.generation) })
        expected.formUnion(["LOCK"])
        let names = Set(try fileSystem.list(path)).subtracting(foreign).subtracting(["RESERVE"])
        guard names == expected else {
            throw GranaryError(
                .corrupt,
                "left over \(names.subtracting(expected).sorted()), "
                    + "missing \(expected.subtracting(names).sorted())"
            )
        }
    }

    private func creationViolation(_ fileSystem: MemoryFileSystem) -> String? {
        do throws(GranaryError) {
            if !foreignNames(fileSystem).isEmpty { return nil }
            let writer = try DirectoryWriter.create(fileSystem: fileSystem, path: path, schema: [1])
            try SampleIndex.commit(writer)
            writer.close()
            try SampleIndex.verified(fileSystem, path)
            return nil
        } catch {
            return "no index can be made after the crash: \(error)"
        }
    }

    private func foreignNames(_ fileSystem: MemoryFileSystem) -> Set<String> {
        if foreign.isEmpty { return [] }
        return Set((try? fileSystem.list(path)) ?? []).intersection(foreign)
    }
}
