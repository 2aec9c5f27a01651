import Granary

/// The documents of one file, whatever its layout.
protocol InputReader: AnyObject {
    /// The next document; nil at the end.
    ///
    /// - Parameter row: its number in the whole input, the id of one that has none.
    func next(row: UInt64) throws(GranaryError) -> Document?
    /// The line, or the row from 1, of what `next` gave last.
    var line: UInt64 { get }
    /// The share of the file that is read, 0...1.
    var fraction: Double { get }
}

extension InputFormat {
    /// A reader of a file of this format.
    ///
    /// - Throws: `invalidArgument` for Anserini's vectors without a word on how numbers are meant; what is
    ///   wrong at the beginning of the file, and errors of opening.
    func open(
        _ path: String, _ settings: InputSettings, watch: InputWatch? = nil
    ) throws(GranaryError) -> any InputReader {
        switch self {
        case .jsonl: try LinesInput(path, settings)
        case .csr: try MatrixInput(path, settings)
        case .ciff: try PostingsInput(path, settings, watch)
        case .anserini: try AnseriniInput(path, settings)
        case .seismic: try SeismicInput(path, settings)
        }
    }
}

private func share(_ done: UInt64, of total: UInt64) -> Double { Double(done) / Double(max(1, total)) }

/// Lines of JSON.
private final class LinesInput: InputReader {
    private let reader: JSONLinesReader

    init(_ path: String, _ settings: InputSettings) throws(GranaryError) {
        reader = try JSONLinesReader(
            path,
            options: .init(
                duplicates: settings.duplicates, maximumLineBytes: settings.maximumLineBytes,
                hasDecimalTokens: settings.hasDecimalTokens))
    }

    func next(row: UInt64) throws(GranaryError) -> Document? {
        reader.nextRow = row
        return try reader.next()
    }

    var line: UInt64 { reader.line }
    var fraction: Double { share(reader.bytesRead, of: reader.length) }
}

/// A BigANN matrix.
private final class MatrixInput: InputReader {
    private let file: CSRFile
    private var rows: CSRRows
    private(set) var line: UInt64 = 0

    init(_ path: String, _ settings: InputSettings) throws(GranaryError) {
        file = try CSRFile.open(path)
        rows = file.rows(0..<file.rowCount, duplicates: settings.duplicates)
    }

    func next(row: UInt64) throws(GranaryError) -> Document? {
        guard let vector = try rows.next() else { return nil }
        line += 1
        return Document(id: .number(row), sparse: vector)
    }

    var fraction: Double { share(line, of: UInt64(file.rowCount)) }
}

/// A CIFF file.
private final class PostingsInput: InputReader {
    private let reader: CIFFReader

    init(_ path: String, _ settings: InputSettings, _ watch: InputWatch?) throws(GranaryError) {
        reader = try CIFFReader(
            path,
            options: .init(
                scale: settings.scale, duplicates: settings.duplicates,
                hasDecimalTokens: settings.hasDecimalTokens, memoryBytes: settings.memoryBytes,
                temporaryDirectory: settings.temporaryDirectory))
        reader.cancellation = watch?.cancellation
        reader.progress = watch?.progress
    }

    func next(row: UInt64) throws(GranaryError) -> Document? { try reader.next() }

    var line: UInt64 { UInt64(reader.documentsRead) }
    /// Of the documents: the lists before them have a progress of their own.
    var fraction: Double { share(line, of: UInt64(reader.header.documentCount)) }
}

/// Anserini's JSON vectors.
private final class AnseriniInput: InputReader {
    private let reader: AnseriniReader

    init(_ path: String, _ settings: InputSettings) throws(GranaryError) {
        guard let weights = settings.vectorWeights else {
            throw GranaryError(
                .invalidArgument, "expected --vector-weights float or int for Anserini's vectors")
        }
        reader = try AnseriniReader(
            path,
            options: .init(
                weights: weights, scale: settings.scale, duplicates: settings.duplicates,
                maximumObjectBytes: settings.maximumLineBytes,
                hasDecimalTokens: settings.hasDecimalTokens))
    }

    func next(row: UInt64) throws(GranaryError) -> Document? { try reader.next() }

    var line: UInt64 { reader.line }
    var fraction: Double { share(reader.bytesRead, of: reader.length) }
}

/// Seismic's binary vectors.
private final class SeismicInput: InputReader {
    private let file: SeismicFile

    init(_ path: String, _ settings: InputSettings) throws(GranaryError) {
        file = try SeismicFile(path, duplicates: settings.duplicates)
    }

    func next(row: UInt64) throws(GranaryError) -> Document? {
        guard let vector = try file.next() else { return nil }
        return Document(id: .number(row), sparse: vector)
    }

    var line: UInt64 { UInt64(file.rowsRead) }
    var fraction: Double { share(line, of: UInt64(file.rowCount)) }
}
