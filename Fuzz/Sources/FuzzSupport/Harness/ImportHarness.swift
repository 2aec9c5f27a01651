import Granary
import TestSupport

/// The readers of input files. What one takes must come back the same after it is written.
///
/// Input: u8 importer (its place in `Importer`, modulo their number) | u8 options (bits 0 and 1: duplicates,
/// bit 2: decimal tokens, bit 3: a scale of 100, bit 4: write through an index and read again) | the file.
enum ImportHarness {
    static func run(_ input: inout Input) throws {
        let importer = Importer.allCases[input.below(Importer.allCases.count)]
        let options = input.byte()
        let bytes = input.rest()
        if importer == .truth { return try VectorImport.checkTruth(bytes) }
        if importer == .names { return try checkNames(bytes) }
        if let format = importer.vectors { return try VectorImport.check(format, bytes) }
        let run = try allowing { try ImportRun(importer, options, bytes) }
        try run?.check()
    }

    /// Ids of rows, one a line.
    private static func checkNames(_ bytes: [UInt8]) throws {
        let system = MemoryFileSystem()
        try system.add("./input", bytes)
        let taken = try allowing { try TextFile.names("./input", fileSystem: system) }
        guard let names = taken else { return }
        try Finding.unless(names.allSatisfy { (1...255).contains($0.utf8.count) }, "a name of no length")
        // A mark at the beginning, or a return at the end of a name, is taken for one of the file's.
        guard names.first?.unicodeScalars.first != "\u{feff}", !names.contains(where: { $0.utf8.last == 13 })
        else { return }
        try system.add("./again", names.flatMap { $0.utf8 + [UInt8(ascii: "\n")] })
        let again = try TextFile.names("./again", fileSystem: system)
        try Finding.unless(again == names, "names change when they are written and read")
    }
}

/// What is read.
private enum Importer: CaseIterable {
    case lines, matrix, postings, fractions, wholeNumbers, seismic
    // Without documents. New ones go to the end.
    case truth, vectors, halfVectors, countedVectors, arrays, names

    /// The layout of dense vectors; nil for other files.
    var vectors: VectorFormat? {
        switch self {
        case .vectors: .fbin
        case .halfVectors: .f16bin
        case .countedVectors: .fvecs
        case .arrays: .npy
        default: nil
        }
    }
}

/// One file read by one importer.
private struct ImportRun {
    let importer: Importer
    let duplicates: SparseVector.Duplicates
    let hasDecimalTokens: Bool
    let scale: ImpactScale?
    let goesThroughIndex: Bool
    let bytes: [UInt8]

    private static let longestLine = 1 << 16
    private static let mostDocuments = 1000

    init(_ importer: Importer, _ options: UInt8, _ bytes: [UInt8]) throws(GranaryError) {
        self.importer = importer
        duplicates = SparseVector.Duplicates.allCases[Int(options & 3) % 3]
        hasDecimalTokens = options & 4 != 0
        scale = options & 8 != 0 ? try ImpactScale(factor: 100) : nil
        goesThroughIndex = options & 16 != 0
        self.bytes = bytes
    }

    /// Reads the file and checks what comes of it.
    func check() throws {
        guard let documents = try allowing({ try documents(bytes, scale) }) else { return }
        for document in documents { try compareLine(document) }
        if goesThroughIndex, documents.count <= 50 { try compareExport(documents) }
    }

    /// The documents of a file of this importer.
    private func documents(_ bytes: [UInt8], _ scale: ImpactScale?) throws(GranaryError) -> [Document] {
        let system = try fileSystem(bytes)
        var number: UInt64 = 0
        let next: () throws(GranaryError) -> Document?
        switch importer {
        case .lines:
            let reader = try JSONLinesReader(
                "./input",
                options: .init(
                    duplicates: duplicates, maximumLineBytes: Self.longestLine,
                    hasDecimalTokens: hasDecimalTokens), fileSystem: system)
            next = { () throws(GranaryError) in try reader.next() }
        case .matrix:
            let file = try CSRFile.open("./input", fileSystem: system)
            var rows = file.rows(0..<file.rowCount, duplicates: duplicates)
            next = { () throws(GranaryError) in
                number += 1
                return try rows.next().map { Document(id: .number(number), sparse: $0) }
            }
        case .postings:
            let reader = try CIFFReader(
                "./input",
                options: .init(
                    scale: scale, duplicates: duplicates, hasDecimalTokens: hasDecimalTokens, memoryBytes: 0),
                fileSystem: system)
            next = { () throws(GranaryError) in try reader.next() }
        case .fractions, .wholeNumbers:
            let reader = try AnseriniReader(
                "./input",
                options: .init(
                    weights: importer == .fractions ? .float : .int, scale: scale, duplicates: duplicates,
                    maximumObjectBytes: Self.longestLine, hasDecimalTokens: hasDecimalTokens),
                fileSystem: system)
            next = { () throws(GranaryError) in try reader.next() }
        case .seismic:
            let file = try SeismicFile("./input", duplicates: duplicates, fileSystem: system)
            next = { () throws(GranaryError) in
                number += 1
                return try file.next().map { Document(id: .number(number), sparse: $0) }
            }
        // Checked by `VectorImport`.
        case .truth, .vectors, .halfVectors, .countedVectors, .arrays, .names: return []
        }
        var documents: [Document] = []
        while documents.count < Self.mostDocuments, let document = try next() { documents.append(document) }
        return documents
    }
}

private func fileSystem(_ bytes: [UInt8]) throws(GranaryError) -> MemoryFileSystem {
    let system = MemoryFileSystem()
    try system.add("./input", bytes)
    return system
}

extension ImportRun {
    /// A document as a line of ours or of Anserini's, and read again, is the same.
    func compareLine(_ document: Document) throws {
        var isDecimal = hasDecimalTokens
        // Components are written in decimal.
        if case .components = document.sparse.entries { isDecimal = true }
        let line: [UInt8]
        let again: Document?
        do throws(GranaryError) {
            switch importer {
            case .fractions, .wholeNumbers:
                line = try AnseriniEncoder(weights: .float, scale: nil).line(document)
                again = try AnseriniReader(
                    "./input",
                    options: .init(weights: .float, maximumObjectBytes: 1 << 24, hasDecimalTokens: isDecimal),
                    fileSystem: try fileSystem(line)
                ).next()
            default:
                line = document.jsonLine()
                again = try JSONLinesReader(
                    "./input",
                    options: .init(maximumLineBytes: 1 << 24, hasDecimalTokens: isDecimal),
                    fileSystem: try fileSystem(line)
                ).next()
            }
        } catch { throw Finding("a written document cannot be read: \(error)") }
        try Finding.unless(!line.contains(0x0a), "a document is written on two lines")
        try Finding.unless(again?.id == document.id, "an id changes when it is written and read")
        try Finding.unless(
            again?.sparse == document.sparse, "a vector changes when it is written and read")
    }

    /// Documents in an index, exported in the layout that they came in, are the same.
    func compareExport(_ documents: [Document]) throws {
        guard importer == .postings || importer == .seismic else { return }
        let ids = Set(documents.map(\.id))
        guard ids.count == documents.count else { return }
        let system = MemoryFileSystem()
        let index = try Index.create(at: "./index", schema: Schema(weights: .float32), fileSystem: system)
        let writer = try index.writer(
            WriterOptions(threads: 1, merging: MergeOptions(isAutomatic: false), reserveBytes: 0))
        defer { writer.close() }
        // Too many components, or tokens in one document and components in another.
        let areTaken = try allowing { () throws -> Bool in
            for document in documents { try writer.upsert(document) }
            return true
        }
        guard areTaken == true else { return }
        _ = try writer.commit()
        let snapshot = try index.snapshot()
        var file: [UInt8] = []
        var expected = documents
        if importer == .seismic {
            try snapshot.exportSeismic { (piece) throws(GranaryError) in file += piece }
        } else {
            // Impacts of a scale that is stated are read as the weights that they came of.
            let scale = scale ?? .identity
            guard documents.allSatisfy({ $0.isWhole(at: scale) }) else { return }
            try snapshot.exportCIFF(CIFFExportOptions(scale: scale, memoryBytes: 0)) {
                (piece) throws(GranaryError) in file += piece
            }
        }
        let again: [Document]
        do throws(GranaryError) {
            again = try self.documents(file, nil)
        } catch { throw Finding("an export cannot be read: \(error)") }
        // Rows without ids are numbered anew.
        if importer == .seismic {
            for row in expected.indices { expected[row].id = .number(UInt64(row + 1)) }
        }
        try Finding.unless(again == expected, "documents change when they are exported and read")
    }
}

extension Document {
    /// Whether all weights are those of impacts at a scale.
    fileprivate func isWhole(at scale: ImpactScale) -> Bool {
        let weights: [Float]
        switch sparse.entries {
        case .components(_, let values), .tokens(_, let values): weights = values
        }
        return weights.allSatisfy { weight in
            (try? scale.impact(of: weight)).map { scale.weight(of: $0) == weight } ?? false
        }
    }
}
