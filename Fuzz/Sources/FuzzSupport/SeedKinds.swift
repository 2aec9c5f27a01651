import Granary
import GranaryStorage
import TestSupport

/// The seeds, made once a process and kept. What an input says of a seed is its place in one of these lists:
/// new ones go to the end, or every corpus means something else.
extension Seed {
    /// Every encoding of the sparse half.
    static func all() throws -> [Seed] { try sparse.get() }
    /// Every element of the dense half; rows that share pages, and rows larger than one; rows in one file and
    /// places in another, as merges leave those of large files.
    static func dense() throws -> [Seed] { try denseKinds.get() }
    /// Every kind of field.
    static func fields() throws -> Seed { try fieldKinds.get() }

    private static let sparse = Result { () throws -> [Seed] in
        let fields = [Field("n", .integer), Field("s", .string), Field("f", .number, path: "n")]
        return try [
            SeedRecipe(schema: Schema(payloadCompression: .zstd, fields: fields), hasTokens: true),
            SeedRecipe(schema: Schema(weights: .float32, payloadCompression: .lz4)),
            SeedRecipe(schema: Schema(weights: .uint8), space: 4_000_000_000),
            SeedRecipe(schema: Schema(fields: fields), hasLists: false),
        ].map { try $0.seed() }
    }

    private static let denseKinds = Result { () throws -> [Seed] in
        let kinds = [
            DenseSchema(dimensions: 6, element: .float32, metric: .innerProduct),
            DenseSchema(dimensions: 20, element: .float16, metric: .cosine),
            DenseSchema(dimensions: 9, element: .bfloat16, metric: .euclidean),
            DenseSchema(dimensions: 5, element: .int8, metric: .euclidean),
            DenseSchema(dimensions: 1100, element: .float32, metric: .innerProduct),
        ]
        var seeds: [Seed] = []
        for kind in kinds {
            let isLong = kind.dimensions > 1000
            let recipe = SeedRecipe(
                schema: Schema(dense: kind), space: 20, documents: isLong ? 9 : 16, border: isLong ? 5 : 9)
            seeds.append(try recipe.seed())
        }
        let small = DenseSchema(dimensions: 4, element: .float16)
        let recipe = SeedRecipe(schema: Schema(dense: small), space: 20, documents: 16, border: 9)
        seeds.append(try recipe.seed().withSplitVectors())
        return seeds
    }

    private static let fieldKinds = Result { () throws -> Seed in
        let test = try TestIndex(Schema(fields: FactDocuments.fields), at: path)
        let facts = try Self.facts.get()
        for part in [0..<40, 40..<60] {
            try test.write(.small(exactBelow: 30, calibrationQueries: 2)) { (writer) throws(GranaryError) in
                for document in facts.documents[part] { try writer.upsert(document) }
            }
        }
        let manifest = try IndexDirectory.latestManifest(fileSystem: test.fileSystem, path: path)
        let all = try test.files()
        let names = [Manifest.fileName(manifest.generation)] + manifest.files.map(\.name)
        return Seed(
            files: names.map { ($0, all[$0] ?? []) }, manifest: manifest, keys: facts.documents.map(\.id),
            hasTokens: false)
    }

    /// The documents of the seed with fields: what a filter matches follows from them.
    static let facts = Result { () throws -> FactDocuments in
        let documents = try Collection.random(documents: 60, components: 20, entries: 1...6, seed: 91)
        return FactDocuments(documents.documents, seed: 92)
    }
}

extension Seed {
    /// The same index, in which the places of the first segment's vectors are in a file of their own.
    fileprivate func withSplitVectors() throws(GranaryError) -> Seed {
        let disk = try writing()
        var manifest = manifest
        guard let place = manifest.segments.first?.files.last else { return self }
        let container = try Container.open(
            fileSystem: disk, directory: Seed.path, record: manifest.files[Int(place)])
        let writer = try ContainerWriter(
            fileSystem: disk, directory: Seed.path, kind: .dense, index: manifest.index,
            id: disk.randomIdentifier())
        for section in container.sections {
            var bytes = ByteWriter()
            bytes.append(section.bytes)
            // No rows, in the facts and in the section of vectors (`Formats/dense.md`).
            if section.id.name == "dense" { bytes.bytes.replaceSubrange(0..<4, with: [0, 0, 0, 0]) }
            if section.id.name == "vectors" { bytes.bytes = [] }
            try writer.beginSection(section.id, codec: section.codec)
            try writer.append(bytes.bytes)
            try writer.endSection(elements: section.elements)
        }
        manifest.files.append(try writer.finish())
        manifest.segments[0].files.append(UInt32(manifest.files.count - 1))
        var files = files
        files[0].bytes = try manifest.encoded()
        let made = manifest.files[manifest.files.count - 1].name
        files.append((made, try disk.files(in: Seed.path)[made] ?? []))
        return Seed(files: files, manifest: manifest, keys: keys, hasTokens: hasTokens)
    }
}
