package import Granary
package import GranaryStorage

/// A small index with everything in it that an index can have, and the answers that it gives: what the tests
/// of damage damage. The same bytes on every run.
///
/// Segments with posting blocks, with impact-ordered lists and without either; tokens, payloads, fields,
/// dense vectors with row numbers and with places, deletes of two generations.
package struct DamageIndex: Sendable {
    /// All files but the lock, those that only the generation before has among them.
    package let files: [String: [UInt8]]
    /// The newest generation and the one before.
    package let newest: Manifest, previous: Manifest
    /// What the dense half says of every document, as long as nothing is wrong.
    package let denseHits: [Hit]
    package let fileSystem: FixedFileSystem

    package static let shared = Result { try DamageIndex() }
    package static let documents = 54

    /// Files of the newest generation and its manifest: what a full verification answers for.
    package var names: [String] { [Manifest.fileName(newest.generation)] + newest.files.map(\.name) }

    /// Files that no reader of the newest generation opens.
    package var others: [String] { files.keys.filter { !names.contains($0) }.sorted() }

    package init() throws {
        let collection = try Collection.random(
            documents: Self.documents, components: 30, entries: 0...14, seed: 501)
        let test = try TestIndex(
            Schema(
                payloadCompression: .zstd, dense: DenseSchema(dimensions: 24, element: .float16),
                fields: [Field("n", .integer), Field("s", .string)]))
        let options = WriterOptions.small(exactBelow: 12, blocksFrom: 26, calibrationQueries: 2)
        for part in [0..<30, 30..<48, 48..<54] {
            try test.write(options) { (writer) throws(GranaryError) in
                for number in part {
                    try writer.upsert(try Self.document(number, collection.documents[number]))
                }
            }
        }
        let keys = collection.documents.map(\.id)
        try test.write(options) { (writer) throws(GranaryError) in
            for number in [2, 33, 50] { try writer.delete(id: keys[number]) }
        }
        let writer = try test.index.writer(options)
        try writer.replaceDense([7, 8, 40].map { (keys[$0], Self.dense(100 + $0)) })
        for number in [4, 35] { try writer.delete(id: keys[number]) }
        _ = try writer.commit(userData: [1, 2, 3])
        writer.close()
        var files = try test.files()
        files["LOCK"] = nil
        newest = try IndexDirectory.latestManifest(fileSystem: test.fileSystem, path: TestIndex.path)
        previous = try IndexDirectory.manifest(
            newest.generation - 1, fileSystem: test.fileSystem, path: TestIndex.path)
        self.files = files
        fileSystem = FixedFileSystem(files: files, in: TestIndex.path)
        denseHits = try Self.denseHits(test.index.snapshot())
    }

    private static func document(_ number: Int, _ plain: Document) throws(GranaryError) -> Document {
        let tokens = plain.sparse.weightOfComponent.sorted { $0.key < $1.key }
        return Document(
            id: plain.id,
            sparse: try SparseVector(tokens: tokens.map { ("t\($0.key)", $0.value) }),
            dense: number % 5 == 1 ? nil : dense(number),
            payload: number % 4 == 3 ? nil : Array("{\"n\": \(number), \"s\": \"\(number % 6)\"}".utf8))
    }

    private static func dense(_ number: Int) -> [Float] {
        (0..<24).map { Float((number * 37 + $0 * 11) % 64) / 16 - 2 }
    }

    /// Every document by the dense half alone.
    package static func denseHits(_ snapshot: Snapshot) throws(GranaryError) -> [Hit] {
        try snapshot.search(
            Query(
                sparse: try SparseVector(components: [], weights: []), dense: dense(3), k: documents,
                fusion: .dense))
    }
}

extension DamageIndex {
    /// The file whose sectors a file may have by mistake: what stood in its place a generation before, or,
    /// where that is the same file, another of its kind.
    package func other(of name: String) -> [UInt8] {
        if name == Manifest.fileName(newest.generation) {
            return files[Manifest.fileName(previous.generation)] ?? []
        }
        let kind = newest.files.first { $0.name == name }?.kind
        let kin = newest.files.filter { $0.kind == kind }.map(\.name)
        let before = previous.files.filter { $0.kind == kind }.map(\.name)
        let place = kin.firstIndex(of: name) ?? 0
        let candidates = before.dropFirst(place).prefix(1) + kin
        return candidates.first { $0 != name }.flatMap { files[$0] } ?? []
    }

    /// Where the rows of a `.dense` file lie in it.
    package func rows(of name: String) throws -> Range<Int> {
        guard let record = newest.files.first(where: { $0.name == name && $0.kind == .dense }) else {
            return 0..<0
        }
        let file = try Container.open(
            fileSystem: fileSystem, directory: TestIndex.path, record: record)
        guard let rows = file.sections.first(where: { $0.id.name == "vectors" }) else { return 0..<0 }
        return rows.offset..<rows.offset + rows.count
    }
}
