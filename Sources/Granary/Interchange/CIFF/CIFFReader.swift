import GranaryStorage

/// The documents of a file in the Common Index File Format (CIFF), in ascending order of their numbers there.
///
/// The file has posting lists; documents come of their transposition, which the first call of `next` makes.
/// The weight of an entry is its impact (the field `tf`) divided by a scale: that of the options, or the one
/// that our exports state in the header, or 1. Ids are the strings of the file's records.
///
/// Memory: what the options say, and the terms. Disk: 12 bytes a posting in a temporary file, where memory
/// does not hold all. Not for several threads at once. Source: the definition of CIFF by its authors
/// (OSIRRC), version 1.
public final class CIFFReader {
    /// How a file is read.
    public struct Options: Sendable {
        /// What a weight of 1 is as an impact; nil takes the file's word.
        public var scale: ImpactScale?
        /// What to do with a term that has two lists with one document.
        public var duplicates: SparseVector.Duplicates
        /// Whether terms are components in decimal rather than tokens.
        public var hasDecimalTokens: Bool
        /// Memory for the transposition, in bytes.
        public var memoryBytes: Int
        /// Where the temporary file of the transposition is made. It has no name there.
        public var temporaryDirectory: String

        /// Makes options.
        public init(
            scale: ImpactScale? = nil, duplicates: SparseVector.Duplicates = .reject,
            hasDecimalTokens: Bool = false, memoryBytes: Int = 256 << 20, temporaryDirectory: String = "."
        ) {
            self.scale = scale
            self.duplicates = duplicates
            self.hasDecimalTokens = hasDecimalTokens
            self.memoryBytes = memoryBytes
            self.temporaryDirectory = temporaryDirectory
        }
    }

    /// What stands at the beginning of the file.
    public let header: CIFFHeader
    /// How impacts become weights.
    public let scale: ImpactScale
    /// Bytes of the file.
    public var length: UInt64 { reader.length }
    /// Bytes read so far.
    public var bytesRead: UInt64 { reader.offset }
    /// Documents that `next` gave.
    public private(set) var documentsRead = 0
    /// Stops the transposition.
    public var cancellation: Cancellation?
    /// Told how far the transposition is: it can take minutes before there is a first document.
    public var progress: ((WorkProgress) -> Void)?

    private let options: Options
    private var reader: ProtobufReader
    private var entries: Transposition
    private var names: TermNames
    private var isTransposed = false
    /// The first entry that belongs to no document yet.
    private var pending: Transposition.Entry?
    private var lastDocument: Int32 = -1
    /// What ended the reading: the file is then somewhere in a list or behind a record.
    private var failure: GranaryError?

    /// Opens a file and reads its header.
    ///
    /// - Throws: `malformedInput`, `truncated`, `unsupportedVersion`, errors of opening.
    public init(
        _ path: String, options: Options = Options(), fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GranaryError) {
        self.options = options
        var reader = try ProtobufReader(path, fileSystem: fileSystem)
        header = try CIFFHeader(&reader)
        if let scale = options.scale {
            self.scale = scale
        } else {
            scale = try header.scale(path: path) ?? .identity
        }
        self.reader = reader
        names = TermNames(areDecimal: options.hasDecimalTokens)
        entries = Transposition(
            memoryBytes: options.memoryBytes, fileSystem: fileSystem, directory: options.temporaryDirectory)
    }

    /// The next document; nil at the end.
    ///
    /// - Throws: `malformedInput`, `tooLarge` and `truncated` with the byte for what is wrong with a list or
    ///   a record, among them counts that are not those of the header and records that are not in ascending
    ///   order; `invalidWeight` and `duplicateComponent` with the document, counted from 1;
    ///   `tooLarge` for one of over 2^20 entries; `cancelled`; errors of reading, and of writing the
    ///   temporary file. The first error is thrown by every further call.
    public func next() throws(GranaryError) -> Document? {
        if let failure { throw failure }
        do throws(GranaryError) {
            return try nextDocument()
        } catch {
            failure = error
            throw error
        }
    }

    private func nextDocument() throws(GranaryError) -> Document? {
        if !isTransposed { try transpose() }
        guard documentsRead < header.documentCount else {
            try expectEnd()
            return nil
        }
        let record = try DocumentRecord(&reader)
        guard record.number > lastDocument else {
            throw reader.malformed(
                "records of documents in ascending order, found \(record.number) after \(lastDocument)")
        }
        lastDocument = record.number
        let vector: SparseVector
        do throws(GranaryError) {
            vector = try self.vector(of: record)
        } catch {
            var placed = error
            (placed.path, placed.line) = (reader.path, UInt64(documentsRead) + 1)
            throw placed
        }
        documentsRead += 1
        return Document(id: .string(record.id), sparse: vector)
    }

    /// Reads all posting lists.
    private func transpose() throws(GranaryError) {
        var postings = 0
        for number in 0..<header.listCount {
            if number % 64 == 0 { try report() }
            // Lists without postings have no name: there may be one for each byte of a file with holes.
            let (term, before) = (UInt32(names.count), postings)
            var list = try PostingList(&reader)
            while let (document, impact) = try list.next(&reader) {
                if postings % 65_536 == 65_535 { try report() }
                postings += 1
                try entries.append(Transposition.Entry(column: document, row: term, value: impact))
            }
            let name = list.term
            guard names.add(name, isUsed: postings > before) else {
                throw reader.malformed(
                    "a component from 0 to 4294967295 in decimal, found \"\(name.prefix(80))\"")
            }
        }
        try entries.finish()
        pending = try entries.next()
        isTransposed = true
    }

    private func report() throws(GranaryError) {
        try cancellation?.check()
        progress?(WorkProgress(phase: .transposing, done: reader.offset, total: reader.length))
    }

    private func vector(of record: DocumentRecord) throws(GranaryError) -> SparseVector {
        var terms: [Int] = []
        var weights: [Float] = []
        while let entry = pending, Int64(entry.column) <= Int64(record.number) {
            guard entry.column == record.number else { throw stray(entry) }
            guard Int(entry.row) < names.count else { throw Transposition.damaged }
            guard terms.count < SparseVector.mostEntriesRead else {
                throw GranaryError(
                    .tooLarge,
                    "expected up to \(SparseVector.mostEntriesRead) entries of document \"\(record.id)\", "
                        + "found more")
            }
            terms.append(Int(entry.row))
            weights.append(scale.weight(of: entry.value))
            pending = try entries.next()
        }
        return try names.vector(terms, weights, options.duplicates)
    }

    private func expectEnd() throws(GranaryError) {
        if let pending { throw stray(pending) }
        guard reader.offset == reader.length else {
            throw reader.malformed(
                "the end after \(header.documentCount) documents, found \(reader.length - reader.offset) bytes"
            )
        }
    }

    private func stray(_ entry: Transposition.Entry) -> GranaryError {
        reader.malformed(
            "records in ascending order, one for each document with postings; found none for document "
                + "\(entry.column)")
    }
}

/// The terms of a file, in the order of their lists.
private struct TermNames {
    private let areDecimal: Bool
    private var tokens: [String] = []
    private var components: [UInt32] = []

    init(areDecimal: Bool) { self.areDecimal = areDecimal }

    /// Terms that have a name.
    var count: Int { areDecimal ? components.count : tokens.count }

    /// Adds the name of a list that has postings; false for one that is no component and should be.
    mutating func add(_ name: String, isUsed: Bool) -> Bool {
        guard areDecimal else {
            if isUsed { tokens.append(name) }
            return true
        }
        guard let component = UInt32(name) else { return false }
        if isUsed { components.append(component) }
        return true
    }

    func vector(
        _ terms: [Int], _ weights: [Float], _ duplicates: SparseVector.Duplicates
    ) throws(GranaryError) -> SparseVector {
        if areDecimal {
            return try SparseVector(
                components: terms.map { components[$0] }, weights: weights, duplicates: duplicates)
        }
        return try SparseVector(
            tokens: zip(terms, weights).map { (tokens[$0], $1) }, duplicates: duplicates)
    }
}
