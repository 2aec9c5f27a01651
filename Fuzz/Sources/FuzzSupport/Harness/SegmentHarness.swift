import Granary
import TestSupport

/// A sound index of which bytes of one file are replaced, and all that a reader and a writer can do with it.
/// Damage without repaired checksums never passes a full verification, and changes no answer of an index that
/// is opened to compare what it reads.
///
/// Input: u8 seed | u8 file | u8 mode (bit 0: repair checksums, root hash and manifest; bit 1: write, too;
/// bits 2 to 4: search, read documents, filter; bit 5: compare at the first touch) | changes as in `Edits`.
/// An input that does little is fast.
enum SegmentHarness {
    static func run(_ input: inout Input) throws {
        let seed = input.one(of: try Seed.all())
        let (name, original) = seed.files[1 + input.below(seed.files.count - 1)]
        let mode = input.byte()
        let bytes = Edits.apply(&input, to: original)
        var replaced = [name: bytes]
        if mode & 1 == 1 {
            guard let repaired = seed.repaired(replaced) else { return }
            replaced = repaired
        }
        let isDamaged = mode & 1 == 0 && bytes != original
        let isSound = try allowing {
            try read(try Index.open(at: Seed.path, fileSystem: seed.reading(replaced)), seed, mode)
        }
        try Finding.unless(
            !(isDamaged && isSound == true), "a full verification passes over damage of \(name)")
        if isDamaged, mode & 32 != 0 { try expectNoOtherAnswer(seed, replaced, mode) }
        guard mode & 2 != 0 else { return }
        let disk = try seed.writing(replaced)
        _ = try allowing { try write(try Index.open(at: Seed.path, fileSystem: disk), seed, mode) }
    }

    /// Searches and reads a damaged index that compares what it reads with its checksums.
    private static func expectNoOtherAnswer(
        _ seed: Seed, _ replaced: [String: [UInt8]], _ mode: UInt8
    ) throws {
        let sound = try Index.open(at: Seed.path, fileSystem: seed.reading()).snapshot()
        let damaged = try allowing {
            try Index.open(at: Seed.path, fileSystem: seed.reading(replaced), verification: .firstTouch)
                .snapshot()
        }
        guard let damaged else { return }
        for query in queries(sound, try vector(seed), seed, mode) {
            let (hits, wanted) = (try allowing { try damaged.search(query) }, try sound.search(query))
            try Finding.unless(hits ?? wanted == wanted, "damage changes an answer at the first touch")
        }
        for key in seed.keys.suffix(8) {
            let found = try allowing { try damaged.document(id: key) }
            let wanted = try sound.document(id: key)
            try Finding.unless(found ?? wanted == wanted, "damage changes a document at the first touch")
        }
    }

    private static func vector(_ seed: Seed) throws -> SparseVector {
        seed.hasTokens
            ? try SparseVector(["t1": 1, "t7": 0.5, "t20": 2, "t33": 1, "unknown": 1])
            : try SparseVector(components: [1, 7, 20, 33, 59, 4_000_000_000], weights: [1, 0.5, 2, 1, 1, 1])
    }

    /// Searches and reads; whether a full verification finds nothing.
    private static func read(_ index: Index, _ seed: Seed, _ mode: UInt8) throws -> Bool {
        let snapshot = try index.snapshot()
        let vector = try vector(seed)
        for query in queries(snapshot, vector, seed, mode) { _ = try allowing { try snapshot.search(query) } }
        if mode & 8 != 0 { try readDocuments(snapshot, vector, seed) }
        return try allowing { try snapshot.verify(.full) } != nil
    }

    private static func readDocuments(_ snapshot: Snapshot, _ vector: SparseVector, _ seed: Seed) throws {
        for key in seed.keys.suffix(8) {
            _ = try allowing { try snapshot.document(id: key) }
            _ = try allowing { try snapshot.explain(vector, id: key) }
            _ = try allowing { try snapshot.score(vector, ids: [key]) }
        }
        var count = 0
        _ = try allowing {
            try snapshot.forEachDocument { (document) throws(GranaryError) in count += document.sparse.count }
        }
        _ = try allowing { try snapshot.forEachKey { _ in count += 1 } }
        _ = try allowing { try snapshot.exportCSR { count += $0.count } }
        _ = try allowing { try snapshot.exportSeismic { count += $0.count } }
        _ = try allowing { try snapshot.exportCIFF(CIFFExportOptions(memoryBytes: 0)) { count += $0.count } }
        _ = try allowing { try snapshot.vocabulary().count }
        _ = snapshot.statistics()
    }

    private static func queries(
        _ snapshot: Snapshot, _ vector: SparseVector, _ seed: Seed, _ mode: UInt8
    ) -> [Query] {
        var queries: [Query] = []
        if mode & 4 != 0 {
            queries = [
                Query(sparse: vector, k: 5, exact: true), Query(sparse: vector, k: 3, recall: 0.9),
                Query(sparse: vector, k: 100, settings: .everything),
            ]
            if let document = try? snapshot.document(id: seed.keys[11]) {
                queries.append(Query(sparse: document.sparse, k: 10, recall: 0.99))
            }
        }
        if mode & 16 == 0 || snapshot.schema.fields.isEmpty { return queries }
        for filter: Filter in [
            .range("n", FieldRange(lower: .excluding(4), upper: .including(25))), .not(.equals("s", "3")),
            .oneOf("f", [7, 8.0, 29]), .range("s", FieldRange()), .allow(seed.keys),
        ] {
            var query = Query(sparse: vector, k: 5, recall: 0.9)
            query.filter = filter
            queries.append(query)
        }
        return queries
    }

    /// Opens the index for writing, replaces and deletes documents, and commits.
    private static func write(_ index: Index, _ seed: Seed, _ mode: UInt8) throws {
        let writer = try index.writer(WriterOptions.small().uncalibrated)
        defer { writer.close() }
        let vector =
            seed.hasTokens
            ? try SparseVector(["t1": 1, "new": 2]) : try SparseVector(components: [1, 9], weights: [1, 2])
        for key in seed.keys.prefix(4) { try writer.upsert(Document(id: key, sparse: vector)) }
        for key in seed.keys.suffix(4) { try writer.delete(id: key) }
        _ = try writer.commit()
        _ = try read(index, seed, mode)
    }
}

extension WriterOptions {
    /// The same without the searches of calibration, which are as many as settings times queries.
    var uncalibrated: WriterOptions {
        var options = self
        options.build.calibrateFrom = .max
        return options
    }
}
