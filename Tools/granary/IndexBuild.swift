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
    /// The file that names of components come from: what is wrong in them is wrong there.
    var vocabularyPath: String?
    var fileSystem: any FileSystem = PosixFileSystem()

    /// Builds; on any error what was made is removed, and the directory too if it was made here.
    func run(
        _ source: DocumentSource, cancellation: Cancellation, bar: ProgressBar
    ) throws(GranaryError) -> Receipt {
        let isNew = try fileSystem.status(path) == nil
        let index = try Index.create(at: path, schema: schema, fileSystem: fileSystem)
        do throws(GranaryError) {
            return try fill(index, source, cancellation, bar)
        } catch {
            bar.finish()
            remove(isNew: isNew)
            throw error
        }
    }

    private func fill(
        _ index: Index, _ source: DocumentSource, _ cancellation: Cancellation, _ bar: ProgressBar
    ) throws(GranaryError) -> Receipt {
        let writer = try openWriter(index)
        defer { writer.close() }
        while let document = try source.next() {
            try cancellation.check()
            do throws(GranaryError) {
                try writer.upsert(document)
            } catch {
                throw placed(error, source)
            }
            if source.rowCount % 256 == 0 {
                bar.report(
                    WorkProgress(phase: .reading, done: source.rowCount), fraction: source.fraction)
            }
        }
        let replaced = writer.replacedCount
        let receipt = try writer.commit()
        return Receipt(documents: receipt.documents, replaced: replaced, generation: receipt.generation)
    }

    private func openWriter(_ index: Index) throws(GranaryError) -> IndexWriter {
        do throws(GranaryError) {
            return try index.writer(options)
        } catch {
            guard error.code == .invalidArgument, error.line != nil, error.path == nil else { throw error }
            var placed = error
            placed.path = vocabularyPath
            throw placed
        }
    }

    /// What the writer does not like about a document, with the place that it came from.
    private func placed(_ error: GranaryError, _ source: DocumentSource) -> GranaryError {
        guard [.invalidArgument, .tooLarge].contains(error.code), error.path == nil else { return error }
        var placed = error
        (placed.path, placed.line) = (source.place.path, source.place.line)
        return placed
    }

    /// Removes the files of an index that did not come to be; those of others stay, and with them the
    /// directory.
    private func remove(isNew: Bool) {
        for name in (try? fileSystem.list(path)) ?? [] {
            let parts = name.split(separator: ".", omittingEmptySubsequences: false)
            let isData = parts.count == 2 && parts[0].count == 32 && parts[0].allSatisfy(\.isHexDigit)
            if isData || name == "LOCK" || name.hasPrefix("MANIFEST-") {
                try? fileSystem.unlink("\(path)/\(name)")
            }
        }
        if isNew { try? fileSystem.removeDirectory(path) }
    }
}
