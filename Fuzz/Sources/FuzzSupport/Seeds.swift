import Granary
import TestSupport

/// A small sound index: what the harnesses damage. The same bytes in every process.
struct Seed: Sendable {
    /// Where it is in its file system.
    static let path = "index"
    /// File names and bytes; the newest manifest first.
    let files: [(name: String, bytes: [UInt8])]
    /// The newest generation.
    let manifest: Manifest
    /// Its documents' keys, in order of insertion.
    let keys: [DocumentKey]
    /// Whether its components have tokens.
    let hasTokens: Bool
    /// The files, mapped once.
    let fixed: FixedFileSystem

    init(files: [(name: String, bytes: [UInt8])], manifest: Manifest, keys: [DocumentKey], hasTokens: Bool) {
        (self.files, self.manifest, self.keys, self.hasTokens) = (files, manifest, keys, hasTokens)
        fixed = FixedFileSystem(
            files: Dictionary(uniqueKeysWithValues: files.map { ($0.name, $0.bytes) }), in: Self.path)
    }

    /// A file system for readers with the files of this seed, some of them replaced.
    func reading(_ replaced: [String: [UInt8]] = [:]) -> FixedFileSystem {
        replaced.reduce(fixed) { $0.replacing($1.key, with: $1.value) }
    }

    /// A file system for writers with the files of this seed, some of them replaced.
    func writing(_ replaced: [String: [UInt8]] = [:]) throws(GranaryError) -> TestFileSystem {
        let pairs = files.map { ($0.name, replaced[$0.name] ?? $0.bytes) }
        return try TestFileSystem(files: Dictionary(uniqueKeysWithValues: pairs), in: Self.path)
    }

    /// Places in `files` of the data files of a kind.
    func places(_ kind: FileKind) -> [Int] {
        manifest.files.indices.filter { manifest.files[$0].kind == kind }.map { $0 + 1 }
    }

    /// The same index with some files changed, whose checksums and root hashes are made right again.
    ///
    /// - Returns: the files to replace, the manifest among them; nil where the bytes are too far from a
    ///   container for that.
    func repaired(_ changed: [String: [UInt8]]) -> [String: [UInt8]]? {
        var (replaced, manifest) = (changed, manifest)
        for (name, var bytes) in changed {
            guard let root = Repair.container(&bytes),
                let place = manifest.files.firstIndex(where: { $0.name == name })
            else { return nil }
            manifest.files[place].rootHash = root
            replaced[name] = bytes
        }
        replaced[files[0].name] = try? manifest.encoded()
        return replaced
    }
}

/// How a seed is made.
struct SeedRecipe {
    var schema: Schema
    var hasTokens = false
    /// Whether the first segment has blocks and the second impact-ordered lists; else neither has any.
    var hasLists = true
    /// Components are below this.
    var space: UInt32 = 60
    var documents = 30
    /// The document after which the first segment ends.
    var border = 20

    func seed() throws(GranaryError) -> Seed {
        let test = try TestIndex(schema, at: Seed.path)
        var options = WriterOptions.small(
            exactBelow: hasLists ? 1 : 1000, blocksFrom: documents / 2, calibrationQueries: 4)
        options.build.centroidFraction = 0.3
        let writer = try test.index.writer(options)
        var random = SeedRandom(state: 0x9e37_79b9)
        var keys: [DocumentKey] = []
        for number in 0..<documents {
            let document = try document(number, &random)
            keys.append(document.id)
            try writer.upsert(document)
            if number == border { _ = try writer.commit() }
        }
        try writer.delete(id: keys[3])
        // A file of vectors with places.
        if schema.dense != nil { try writer.replaceDense([0, 1].map { (keys[$0], dense(40 + $0)) }) }
        _ = try writer.commit(userData: [1, 2, 3])
        writer.close()
        let manifest = try IndexDirectory.latestManifest(fileSystem: test.fileSystem, path: Seed.path)
        let all = try test.files()
        let names = [Manifest.fileName(manifest.generation)] + manifest.files.map(\.name)
        return Seed(
            files: names.map { ($0, all[$0] ?? []) }, manifest: manifest, keys: keys, hasTokens: hasTokens)
    }

    private func document(_ number: Int, _ random: inout SeedRandom) throws(GranaryError) -> Document {
        let key: DocumentKey = number % 2 == 0 ? .number(UInt64(number)) : .string("document \(number)")
        let payload = number % 3 == 0 ? nil : Array("{\"n\": \(number), \"s\": \"\(number % 5)\"}".utf8)
        var weights: [UInt32: Float] = [:]
        for _ in 0..<number % 12 { weights[random.next() % space] = Float(random.next() % 1000) / 250 + 0.01 }
        let pairs = weights.sorted { $0.key < $1.key }
        let vector =
            hasTokens
            ? try SparseVector(tokens: pairs.map { ("t\($0.key)", $0.value) })
            : try SparseVector(components: pairs.map(\.key), weights: pairs.map(\.value))
        let hasDense = schema.dense != nil && number % 4 != 3
        return Document(id: key, sparse: vector, dense: hasDense ? dense(number) : nil, payload: payload)
    }

    /// A dense vector of a number.
    func dense(_ number: Int) -> [Float] {
        (0..<(schema.dense?.dimensions ?? 0)).map { Float((number * 29 + $0 * 13) % 64) / 8 - 3.5 }
    }
}

/// A small generator with a fixed sequence.
struct SeedRandom {
    var state: UInt64

    mutating func next() -> UInt32 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt32(truncatingIfNeeded: state >> 33)
    }
}
