import ArgumentParser
import Foundation
package import Granary

/// The documents or queries of several files, one after the other.
package final class DocumentSource {
    /// The files, links resolved.
    package let paths: [String]
    /// Rows read so far.
    package private(set) var rowCount: UInt64 = 0
    /// The file of dense vectors, where they are not in the lines.
    package let vectors: VectorFile?
    /// The file and line, or row, that `next` gave last.
    package private(set) var place: (path: String, line: UInt64) = ("", 0)

    private let formats: [InputFormat]
    private let sizes: [UInt64]
    private let ids: TextFile?
    private let settings: InputSettings
    private let ignoresDense: Bool
    private var vectorRows: VectorRows?
    /// What was read ahead, with its places; the next one is the last.
    private var ahead: [(document: Document, place: (path: String, line: UInt64))] = []
    private var current = 0
    /// The reader of the current file; nil before its first row.
    private var reader: (any InputReader)?
    private var watch: InputWatch?

    /// Looks at all files; each is read when its turn comes.
    ///
    /// - Parameters:
    ///   - format: nil tells it by each file's name.
    ///   - ids: a file with the id of each row, one a line.
    ///   - vectors: the dense vectors of the rows, in place of those in the files.
    ///   - ignoresDense: whether dense vectors in the files are passed over.
    ///   - settings: how the files are read.
    /// - Throws: `invalidArgument` for a file of unknown format, what is wrong at the beginning of a file,
    ///   and errors of opening.
    package init(
        _ files: [String], format: InputFormat? = nil, ids: String? = nil, vectors: VectorFile? = nil,
        ignoresDense: Bool = false, settings: InputSettings = InputSettings()
    ) throws(GranaryError) {
        paths = files.map(Self.resolved)
        self.settings = settings
        self.ignoresDense = ignoresDense
        self.vectors = vectors
        vectorRows = vectors?.rows()
        var formats: [InputFormat] = []
        var sizes: [UInt64] = []
        for path in paths {
            guard let format = format ?? InputFormat(path: path) else {
                throw GranaryError(
                    .invalidArgument,
                    "expected a name that ends in .jsonl, .csr or .ciff, or --format; found \(path)")
            }
            // What has a header is looked at now rather than after hours of reading other files.
            _ = try format.open(path, settings)
            formats.append(format)
            sizes.append(try PosixFileSystem().openForReading(path).length())
        }
        self.formats = formats
        self.sizes = sizes
        self.ids = try ids.map { (path) throws(GranaryError) in try TextFile(Self.resolved(path)) }
    }

    /// A path without links: the engine itself follows none.
    package static func resolved(_ path: String) -> String {
        URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    }

    /// The files that hold data of the user: what is wrong in them is bad input.
    package var inputs: [String] { paths + [ids?.path, vectors?.path].compactMap { $0 } }

    /// The next document; nil at the end.
    ///
    /// - Throws: what is wrong with the input, with file and line; `malformedInput` for fewer or more ids or
    ///   dense vectors than rows.
    package func next() throws(GranaryError) -> Document? {
        guard let known = ahead.popLast() else { return try read() }
        place = known.place
        return known.document
    }

    /// The dimensions of the dense vectors: those of their file, or of the first one in the input; nil where
    /// there is none.
    ///
    /// Reads ahead, at most 1024 documents or some 64 MiB: one that comes later is not found.
    /// - Throws: as `next`.
    package func findDimensions() throws(GranaryError) -> Int? {
        if let vectors { return vectors.dimensions > 0 ? vectors.dimensions : nil }
        if ignoresDense { return nil }
        var found: [(document: Document, place: (path: String, line: UInt64))] = []
        var bytes = 0
        while found.count < 1024, bytes < 64 << 20, found.last?.document.dense == nil,
            let document = try next()
        {
            found.append((document, place))
            bytes += (document.payload?.count ?? 0) + 32 * document.sparse.count
        }
        ahead += found.reversed()
        return found.last?.document.dense?.count
    }

    private func read() throws(GranaryError) -> Document? {
        while current < paths.count {
            let reader = try openReader()
            if let document = try reader.next(row: rowCount) {
                place = (paths[current], reader.line)
                return try completed(document)
            }
            current += 1
            self.reader = nil
        }
        if let ids, try ids.next() != nil {
            throw GranaryError(
                .malformedInput, "expected \(rowCount) ids, one for each row, found more", path: ids.path,
                line: ids.line)
        }
        if let vectors, vectors.rowCount != rowCount {
            throw GranaryError(
                .malformedInput,
                "expected \(rowCount) dense vectors, one for each row, found \(vectors.rowCount)",
                path: vectors.path)
        }
        return nil
    }

    private func openReader() throws(GranaryError) -> any InputReader {
        if let reader { return reader }
        let opened = try formats[current].open(paths[current], settings, watch: watch)
        reader = opened
        return opened
    }

    /// Has what takes long before there is a document report to `watch`, which can stop it.
    package func report(to watch: InputWatch) { self.watch = watch }

    /// The document with the id and the dense vector that other files have for it.
    private func completed(_ document: Document) throws(GranaryError) -> Document {
        var document = document
        rowCount += 1
        if ignoresDense { document.dense = nil }
        if let vectors {
            guard let values = try vectorRows?.next() else {
                throw GranaryError(
                    .malformedInput,
                    "expected a dense vector for each row, found \(vectors.rowCount) for \(rowCount) rows "
                        + "or more", path: vectors.path)
            }
            document.dense = values
        }
        if let id = try nextID() { document.id = id }
        return document
    }

    private func nextID() throws(GranaryError) -> DocumentKey? {
        guard let ids else { return nil }
        guard let id = try ids.next() else {
            throw GranaryError(
                .malformedInput, "expected an id for each row, found \(rowCount - 1)", path: ids.path,
                line: ids.line + 1)
        }
        guard (1...255).contains(id.utf8.count) else {
            throw GranaryError(
                .malformedInput, "expected an id of 1 to 255 bytes, found \(id.utf8.count)", path: ids.path,
                line: ids.line)
        }
        return .string(id)
    }

    /// The share of all files that is read, 0...1.
    package var fraction: Double {
        let total = sizes.reduce(0) { $0 + Double($1) }
        guard total > 0, current < paths.count else { return 1 }
        let done = sizes[..<current].reduce(0) { $0 + Double($1) }
        return (done + Double(sizes[current]) * (reader?.fraction ?? 0)) / total
    }
}
