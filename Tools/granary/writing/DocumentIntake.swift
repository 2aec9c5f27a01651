import CommandSupport
import Granary

/// The documents of a source on their way into an index.
struct DocumentIntake {
    let source: DocumentSource
    let cancellation: Cancellation
    let bar: ProgressBar
    /// The file that names of components come from: what is wrong in them is wrong there.
    var vocabularyPath: String?

    /// Opens a writer, and says where the vocabulary is that it does not like.
    func open(_ body: () throws(GranaryError) -> IndexWriter) throws(GranaryError) -> IndexWriter {
        do throws(GranaryError) {
            return try body()
        } catch {
            guard error.code == .invalidArgument, error.line != nil, error.path == nil else { throw error }
            var placed = error
            placed.path = vocabularyPath
            throw placed
        }
    }

    /// Takes all documents in.
    ///
    /// - Parameter each: called after each document.
    /// - Throws: what is wrong with the input, with file and line; `cancelled`; what the writer throws.
    func run(
        into writer: IndexWriter, each: () throws(GranaryError) -> Void = {}
    ) throws(GranaryError) {
        while let document = try source.next() {
            try cancellation.check()
            do throws(GranaryError) {
                try writer.upsert(document)
            } catch {
                throw placed(error)
            }
            if source.rowCount % 256 == 0 {
                bar.report(
                    WorkProgress(phase: .reading, done: source.rowCount), fraction: source.fraction)
            }
            try each()
        }
    }

    /// What the writer does not like about a document, with the place that it came from.
    private func placed(_ error: GranaryError) -> GranaryError {
        // An argument can only be wrong in the document, whatever path the writer gives.
        guard error.code == .invalidArgument || (error.code == .tooLarge && error.path == nil) else {
            return error
        }
        var placed = error
        (placed.path, placed.line) = (source.place.path, source.place.line)
        return placed
    }
}
