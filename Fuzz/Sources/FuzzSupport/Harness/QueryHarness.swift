import Granary

/// Queries of any weights, components, k and accuracy on sound indexes. An exact answer must be what scoring
/// every document gives, and an approximate one a part of it in the same order.
///
/// Input: u8 seed | u8 accuracy | u16 k | f64 recall, mass or factor | entries: u32 component, f32 weight.
enum QueryHarness {
    private static let snapshots = Result {
        try Seed.all().map { try Index.open(at: Seed.path, fileSystem: $0.reading()).snapshot() }
    }

    static func run(_ input: inout Input) throws {
        let seeds = try Seed.all()
        let place = input.below(seeds.count)
        let (seed, snapshot) = (seeds[place], try snapshots.get()[place])
        let accuracy = input.byte()
        let k =
            accuracy & 0x80 == 0
            ? Int(input.number(UInt16.self)) % 70 : Int(Int16(bitPattern: input.number(UInt16.self)))
        let setting = Double(bitPattern: input.number(UInt64.self))
        guard let vector = try vector(&input, accuracy, hasTokens: seed.hasTokens) else { return }
        let query: Query =
            switch accuracy & 3 {
            case 0: Query(sparse: vector, k: k, exact: true)
            case 1: Query(sparse: vector, k: k, recall: setting)
            case 2:
                Query(
                    sparse: vector, k: k,
                    settings: SearchSettings(listMass: setting, leastImpact: setting, estimateFactor: 0.8))
            default:
                Query(
                    sparse: vector, k: k,
                    settings: SearchSettings(listMass: 1, leastImpact: 0, estimateFactor: setting))
            }
        guard let hits = try allowing({ try snapshot.search(query) }) else { return }
        try check(hits, query, seed, snapshot)
    }

    private static func vector(
        _ input: inout Input, _ accuracy: UInt8, hasTokens: Bool
    ) throws -> SparseVector? {
        var (components, weights): ([UInt32], [Float]) = ([], [])
        while !input.isEmpty, components.count < 200 {
            let component = input.number(UInt32.self)
            components.append(accuracy & 0x40 == 0 ? component % 64 : component)
            weights.append(Float(bitPattern: input.number(UInt32.self)))
        }
        let duplicates = SparseVector.Duplicates.allCases[Int(accuracy >> 4 & 3) % 3]
        return try allowing {
            hasTokens
                ? try SparseVector(
                    tokens: zip(components, weights).map { ("t\($0.0)", $0.1) }, duplicates: duplicates)
                : try SparseVector(components: components, weights: weights, duplicates: duplicates)
        }
    }

    private static func check(_ hits: [Hit], _ query: Query, _ seed: Seed, _ snapshot: Snapshot) throws {
        let scores = try snapshot.score(query.sparse, ids: seed.keys)
        // Keys are in order of insertion, so a stable sort settles ties.
        let all = zip(seed.keys, scores).compactMap { key, score in score.map { Hit(id: key, score: $0) } }
            .filter { $0.score > 0 }.enumerated()
            .sorted { ($1.element.score, $0.offset) < ($0.element.score, $1.offset) }.map(\.element)
        try Finding.unless(
            query.accuracy != .exact || hits == Array(all.prefix(query.k)), "an exact answer is wrong")
        var rest = all[...]
        for hit in hits {
            guard let place = rest.firstIndex(of: hit) else {
                throw Finding("a hit that scoring does not give, or out of order")
            }
            rest = rest[(place + 1)...]
        }
        try Finding.unless(hits.count >= min(query.k, all.count), "fewer than k hits where k exist")
    }
}
