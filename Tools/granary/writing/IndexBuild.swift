import CommandSupport
import Granary

/// The building of a new index, which is there whole or not at all.
struct IndexBuild {
    /// What was built.
    struct Receipt {
        var documents: Int
        var replaced: Int
        var generation: UInt64
    }

    var path: String
    var schema: Schema
    var options: WriterOptions
    var fileSystem: any FileSystem = PosixFileSystem()

    /// Builds; on any error what was made is removed, and the directory too if it was made here.
    func run(_ intake: DocumentIntake) throws(GranaryError) -> Receipt {
        var options = options
        options.merging.isAutomatic = false
        let isNew = try fileSystem.status(path) == nil
        if !isNew { try makeWay() }
        do throws(GranaryError) {
            let writer = try intake.open { () throws(GranaryError) in
                try IndexWriter.create(at: path, schema: schema, options: options, fileSystem: fileSystem)
            }
            do throws(GranaryError) {
                try intake.run(into: writer)
                let replaced = writer.replacedCount
                let receipt = try writer.commit()
                writer.close()
                return Receipt(
                    documents: receipt.documents, replaced: replaced, generation: receipt.generation)
            } catch {
                writer.destroy()
                throw error
            }
        } catch {
            // Does nothing to a directory with something in it.
            if isNew { try? fileSystem.removeDirectory(path) }
            throw error
        }
    }

    /// Removes what a build leaves that was killed before its commit: an index of the first generation, which
    /// has nothing and is in nobody's hands.
    ///
    /// - Throws: `alreadyExists` for any other index, `locked` for one that is being made.
    private func makeWay() throws(GranaryError) {
        // What is no index is refused, or taken, by whoever makes one.
        guard let index = try? Index.open(at: path, fileSystem: fileSystem) else { return }
        let full = GranaryError(
            .alreadyExists,
            "expected an absent or empty directory, found an index (to add documents to it: granary add)",
            path: path)
        guard Self.isBlank(index) else { throw full }
        let writer = try index.writer(
            WriterOptions(merging: MergeOptions(isAutomatic: false), reserveBytes: 0))
        // Somebody may have filled it until now.
        guard Self.isBlank(index) else {
            writer.close()
            throw full
        }
        warn("an index without documents was there, as a killed build leaves it; made anew (\(path))")
        writer.destroy()
    }

    private static func isBlank(_ index: Index) -> Bool {
        guard let snapshot = try? index.snapshot() else { return false }
        return snapshot.generation == 1 && snapshot.statistics().segments.isEmpty && snapshot.userData.isEmpty
    }
}
