import Granary

/// A sound index of which bytes of one `.dense` file are replaced: verification searches of every fusion,
/// vectors read back, a full verification. Rows are compared with their checksums when they are first read:
/// damage of nothing but rows, without repaired checksums, never changes an answer. Behind repaired checksums
/// no score is a number that cannot be compared.
///
/// Input: u8 seed | u8 file | u8 mode (bit 0: repair checksums, root hash and manifest) | u8 k | u8 fusion |
/// u8 candidates | changes as in `Edits`.
enum DenseHarness {
    private static let sound = Result {
        try Seed.dense().map { try Index.open(at: Seed.path, fileSystem: $0.reading()).snapshot() }
    }

    static func run(_ input: inout Input) throws {
        let seeds = try Seed.dense()
        let place = input.below(seeds.count)
        let (seed, sound) = (seeds[place], try sound.get()[place])
        let (name, original) = seed.files[input.one(of: seed.places(.dense))]
        let isRepaired = input.byte() & 1 == 1
        let queries = try queries(&input, sound.schema)
        let bytes = Edits.apply(&input, to: original)
        var replaced = [name: bytes]
        if isRepaired {
            guard let repaired = seed.repaired(replaced) else { return }
            replaced = repaired
        }
        let isSameBesideRows = onlyRowsDiffer(bytes, original)
        let snapshot = try allowing {
            try Index.open(at: Seed.path, fileSystem: seed.reading(replaced)).snapshot()
        }
        guard let snapshot else {
            return try Finding.unless(bytes != original, "a sound index cannot be opened")
        }
        for query in queries {
            guard let hits = try allowing({ try snapshot.search(query) }) else { continue }
            if !isRepaired, isSameBesideRows {
                try Finding.unless(hits == (try sound.search(query)), "damage of rows changes an answer")
            }
            try Finding.unless(hits.allSatisfy { $0.dense?.isFinite ?? true }, "a score is no number")
        }
        for key in seed.keys {
            guard let document = try allowing({ try snapshot.document(id: key) }), let document else {
                continue
            }
            try Finding.unless(
                document.dense?.allSatisfy(\.isFinite) ?? true, "a value of a vector is no number")
        }
        let isSound = try allowing { try snapshot.verify(.full) } != nil
        try Finding.unless(
            isRepaired || isSound == (bytes == original), "a full verification takes damage for sound")
    }

    private static func queries(_ input: inout Input, _ schema: Schema) throws -> [Query] {
        let dimensions = schema.dense?.dimensions ?? 1
        let (k, fusion, candidates) = (Int(input.byte() % 40), input.byte(), Int(input.byte() % 40))
        let vector = (0..<dimensions).map { Float(($0 * 7 + k) % 16) / 4 - 2 }
        let fusions: [Fusion] = [
            .dense, .linear(sparse: 1, dense: 0.5), .reciprocalRank(k: 60, sparse: 1, dense: 1),
            .normalized(sparse: 0.5, dense: 0.5),
        ]
        let components: [UInt32] = [1, 3, 7, 11, 15]
        let sparse = try SparseVector(components: components, weights: [1, 2, 0.5, 1, 3])
        let none = try SparseVector(components: [], weights: [])
        return [none, sparse].map {
            Query(
                sparse: $0, dense: vector, k: k, candidates: candidates == 0 ? nil : candidates,
                fusion: fusions[Int(fusion) % 4], recall: fusion & 4 == 0 ? 1 : 0.9)
        }
    }

    /// Whether two files have the same bytes outside their section of vectors, which has number 65.
    private static func onlyRowsDiffer(_ bytes: [UInt8], _ original: [UInt8]) -> Bool {
        guard bytes != original else { return true }
        guard let rows = Edits.sections(original, { $0 == 65 }).first else { return false }
        return bytes[..<rows.lowerBound] == original[..<rows.lowerBound]
            && bytes[rows.upperBound...] == original[rows.upperBound...]
    }
}
