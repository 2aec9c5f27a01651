public import Granary
public import GranaryStorage

/// An index in memory for tests.
public struct TestIndex: Sendable {
    /// The directory of every test index.
    public static let path = "index"
    /// Where it is.
    public let fileSystem: TestFileSystem
    /// The index.
    public let index: Index

    /// An empty index.
    public init(
        _ schema: Schema = Schema(), fileSystem: TestFileSystem = TestFileSystem(), at path: String = path
    ) throws(GranaryError) {
        self.fileSystem = fileSystem
        index = try Index.create(at: path, schema: schema, fileSystem: fileSystem)
    }

    /// An index of some documents.
    public init(
        _ documents: [Document], schema: Schema = Schema(), options: WriterOptions = .small()
    ) throws(GranaryError) {
        try self.init(schema)
        try write(options) { (writer) throws(GranaryError) in
            for document in documents { try writer.upsert(document) }
        }
    }

    /// Writes with a writer of its own and commits.
    @discardableResult
    public func write(
        _ options: WriterOptions = .small(), _ body: (IndexWriter) throws(GranaryError) -> Void
    ) throws(GranaryError) -> CommitReceipt {
        let writer = try index.writer(options)
        defer { writer.close() }
        try body(writer)
        return try writer.commit()
    }

    /// All its files.
    public func files() throws(GranaryError) -> [String: [UInt8]] { try fileSystem.files(in: Self.path) }
}

extension WriterOptions {
    /// Options for small collections: few queries to calibrate, and impact-ordered lists from `exactBelow`
    /// documents on, blocks from `blocksFrom` on.
    public static func small(
        exactBelow: Int = 1000, blocksFrom: Int = 0, segmentDocuments: Int = 1 << 30,
        calibrationQueries: Int = 8, threads: Int = 1
    ) -> WriterOptions {
        WriterOptions(
            memoryBytes: 64 << 20, threads: threads, segmentDocuments: segmentDocuments,
            build: BuildOptions(
                exactBelow: exactBelow, blocksFrom: blocksFrom, calibrationQueries: calibrationQueries,
                calibrateFrom: 0),
            merging: MergeOptions(isAutomatic: false), reserveBytes: 0)
    }
}
