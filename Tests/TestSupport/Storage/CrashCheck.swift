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

    /// The index directory.
    package let path: String
    /// Every generation that was ever begun, as it would be if it were published.
    package let generations: [UInt64: Manifest]
    /// Names that are not the engine's, which nobody may remove once they are durable.
    package let foreign: Set<String>

    /// Makes a check.
    package init(path: String, generations: [UInt64: Manifest], foreign: Set<String> = []) {
        self.path = path
        self.generations = generations
        self.foreign = foreign
    }

    /// Opens an image as a reader, then as a writer, and commits on it.
    ///
    /// - Returns: what is wrong; nil when nothing is.
    package func violation(of image: CrashImage) -> String? {
        let low = image.notes[CrashCheck.acknowledged] ?? 0
        let high = image.notes[CrashCheck.started] ?? 0
        let fileSystem = image.fileSystem()
        let foreignBefore = foreignNames(fileSystem)
        do throws(GranaryError) {
            let manifest = try SampleIndex.verified(fileSystem, path)
            guard (low...max(low, high)).contains(manifest.generation) else {
                return "opened at generation \(manifest.generation), expected \(low) to \(high)"
            }
            guard manifest == generations[manifest.generation] else {
                return "generation \(manifest.generation) is not what was committed"
            }
            try goOn(fileSystem, manifest)
        } catch {
            // Before the first acknowledgement there may be no index; then one can be made.
            guard low == 0, error.code == .notFound || error.code == .notAnIndex else { return "\(error)" }
            return creationViolation(fileSystem)
        }
        guard foreignNames(fileSystem) == foreignBefore else { return "a foreign file was removed" }
        return nil
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
        let names = Set(try fileSystem.list(path)).subtracting(foreign)
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
        Set((try? fileSystem.list(path)) ?? []).intersection(foreign)
    }
}
