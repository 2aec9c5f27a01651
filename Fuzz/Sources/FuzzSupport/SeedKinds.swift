import Granary
import TestSupport

/// The seeds, made once a process and kept. What an input says of a seed is its place in one of these lists:
/// new ones go to the end, or every corpus means something else.
extension Seed {
    /// Every encoding of the sparse half.
    static func all() throws -> [Seed] { try sparse.get() }
    /// Every element of the dense half; rows that share pages, and rows larger than one.
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
        try [
            DenseSchema(dimensions: 6, element: .float32, metric: .innerProduct),
            DenseSchema(dimensions: 20, element: .float16, metric: .cosine),
            DenseSchema(dimensions: 9, element: .bfloat16, metric: .euclidean),
            DenseSchema(dimensions: 5, element: .int8, metric: .euclidean),
            DenseSchema(dimensions: 1100, element: .float32, metric: .innerProduct),
        ].map { dense in
            let isLong = dense.dimensions > 1000
            return try SeedRecipe(
                schema: Schema(dense: dense), space: 20, documents: isLong ? 9 : 16, border: isLong ? 5 : 9
            ).seed()
        }
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
