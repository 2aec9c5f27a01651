import ArgumentParser
import Foundation
package import Granary

/// Layouts of documents and queries.
package enum InputFormat: String, CaseIterable, Sendable, ExpressibleByArgument {
    /// One JSON object a line.
    case jsonl
    /// BigANN's sparse matrix.
    case csr

    /// The format that a file's name tells.
    package init?(path: String) {
        switch (path as NSString).pathExtension.lowercased() {
        case "jsonl", "ndjson", "json": self = .jsonl
        case "csr", "spmat": self = .csr
        default: return nil
        }
    }
}

/// The documents or queries of several files, one after the other.
package final class DocumentSource {
    private enum Reader {
        case lines(JSONLinesReader)
        case matrix(CSRFile, CSRRows)
    }

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
    private let options: JSONLinesReader.Options
    private let ignoresDense: Bool
    private var vectorRows: VectorRows?
    /// What was read ahead, with its places; the next one is the last.
    private var ahead: [(document: Document, place: (path: String, line: UInt64))] = []
    private var current = 0
    /// The reader of the current file; nil before its first row.
    private var reader: Reader?
    private var row: UInt64 = 0

    /// Looks at all files; each is read when its turn comes.
    ///
    /// - Parameters:
    ///   - format: nil tells it by each file's name.
    ///   - ids: a file with the id of each row, one a line.
    ///   - vectors: the dense vectors of the rows, in place of those in the files.
    ///   - ignoresDense: whether dense vectors in the files are passed over.
    /// - Throws: `invalidArgument` for a file of unknown format, and errors of opening.
    package init(
        _ files: [String], format: InputFormat? = nil, ids: String? = nil, vectors: VectorFile? = nil,
        ignoresDense: Bool = false,
        options: JSONLinesReader.Options = JSONLinesReader.Options()
    ) throws(GranaryError) {
        paths = files.map(Self.resolved)
        self.options = options
        self.ignoresDense = ignoresDense
        self.vectors = vectors
        vectorRows = vectors?.rows()
        var formats: [InputFormat] = []
        var sizes: [UInt64] = []
        for path in paths {
            guard let format = format ?? InputFormat(path: path) else {
                throw GranaryError(
                    .invalidArgument,
                    "expected a name that ends in .jsonl or .csr, or --format; found \(path)")
            }
            if format == .csr { _ = try CSRFile.open(path) }
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
            switch try openReader() {
            case .lines(let reader):
                reader.nextRow = rowCount
                if let document = try reader.next() {
                    place = (reader.path, reader.line)
                    return try completed(document)
                }
            case .matrix(let file, var rows):
                place = (file.path, row + 1)
                let vector = try rows.next()
                reader = .matrix(file, rows)
                if let vector {
                    row += 1
                    return try completed(Document(id: .number(rowCount), sparse: vector))
                }
            }
            current += 1
            reader = nil
            row = 0
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

    private func openReader() throws(GranaryError) -> Reader {
        if let reader { return reader }
        let path = paths[current]
        let opened: Reader
        switch formats[current] {
        case .jsonl: opened = .lines(try JSONLinesReader(path, options: options))
        case .csr:
            let file = try CSRFile.open(path)
            opened = .matrix(file, file.rows(0..<file.rowCount, duplicates: options.duplicates))
        }
        reader = opened
        return opened
    }

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
        let total = sizes.reduce(0, +)
        guard total > 0, current < paths.count else { return 1 }
        var done = Double(sizes[..<current].reduce(0, +))
        switch reader {
        case .lines(let reader): done += Double(reader.bytesRead)
        case .matrix(let file, _):
            done += Double(sizes[current]) * Double(row) / Double(max(1, file.rowCount))
        case nil: break
        }
        return done / Double(total)
    }
}
