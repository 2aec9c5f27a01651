public import Granary

/// The indexes whose files are committed under `Formats/golden`, by the name of their directory.
public enum GoldenIndex: String, CaseIterable, Sendable {
    /// Nothing has ever been added.
    case empty
    /// A document with tokens and a payload.
    case oneDocument = "one-document"
    /// Three segments, deletes and updates in each way, both kinds of keys, payloads as they are.
    case deletes
    /// float16 weights, impact-ordered lists, tokens, payloads in zstd, dense float32.
    case float16
    /// float32 weights, blocks with summaries, payloads in lz4, dense float16 of unit length.
    case float32
    /// uint8 weights after a merge, scattered components, no payload, dense int8.
    case uint8
    /// A field of each kind, dense bfloat16.
    case fields
    /// More components than 16 bits can number.
    case wide
    /// The largest of what documents are named and described by.
    case largestIDs = "largest-ids"
    /// `.dense` files that a merge and a replacement have kept.
    case sharedDense = "shared-dense"
    /// What `Snapshot.backup` makes.
    case backup

    /// How it is made.
    public func recipe() throws(GranaryError) -> GoldenRecipe {
        switch self {
        case .empty: GoldenRecipe(Schema())
        case .oneDocument: try GoldenRecipes.oneDocument()
        case .deletes: try GoldenRecipes.deletes()
        case .float16: try GoldenRecipes.float16()
        case .float32: try GoldenRecipes.float32()
        case .uint8: try GoldenRecipes.uint8()
        case .fields: try GoldenRecipes.fields()
        case .wide: try GoldenRecipes.wide()
        case .largestIDs: try GoldenRecipes.largestIDs()
        case .sharedDense: try GoldenRecipes.sharedDense()
        case .backup: try GoldenRecipes.backup()
        }
    }

    /// Makes its files, the same each time.
    public func files(threads: Int = 1) throws(GranaryError) -> [String: [UInt8]] {
        // Any number will do that the name alone decides.
        let seed = rawValue.utf8.reduce(1) { $0 &* 31 &+ UInt64($1) }
        return try recipe().files(seed: seed, threads: threads)
    }

    /// Whether its data files are compressed in the repository: one that cannot be small otherwise, since
    /// each component takes some 25 bytes of directories and rows.
    public var isPacked: Bool { self == .wide }
}
