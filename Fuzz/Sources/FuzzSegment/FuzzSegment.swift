import FuzzSupport
import Granary

/// A sound index of which bytes of one file are replaced, and all that a reader and a writer can do with it.
///
/// Input: u8 seed | u8 file | u8 mode (1: repair checksums, root hash and manifest) | edits of 8 bytes each:
/// u8 section (255: anywhere in the file) | u24 offset | u32 value, of which 1, 2 or 4 bytes are written.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    var input = Input(data, size)
    let seed = Seed.all[Int(input.byte()) % Seed.all.count]
    let (name, original) = seed.files[1 + Int(input.byte()) % (seed.files.count - 1)]
    let mode = input.byte()
    var bytes = original
    while !input.isEmpty { edit(&bytes, original, &input) }
    var replaced = [name: bytes]
    if mode & 1 == 1 {
        var manifest = seed.manifest
        guard let root = Repair.container(&bytes),
            let place = manifest.files.firstIndex(where: { $0.name == name })
        else { return 0 }
        manifest.files[place].rootHash = root
        replaced[name] = bytes
        replaced[seed.files[0].name] = try? manifest.encoded()
    }
    let isDamaged = mode & 1 == 0 && bytes != original
    do throws(GranaryError) {
        let index = try Index.open(at: Seed.path, fileSystem: try seed.fileSystem(replacing: replaced))
        let isSound = try read(index, seed)
        if isDamaged && isSound { report("a full verification passes over damage of \(name)") }
        if mode & 0x70 == 0 { try write(index, seed) }
    } catch {
        if error.message.isEmpty { report("an error without a message") }
    }
    return 0
}

/// Replaces bytes at a place of the section table of the original.
func edit(_ bytes: inout [UInt8], _ original: [UInt8], _ input: inout Input) {
    func number(_ at: Int) -> Int { (0..<6).reversed().reduce(0) { $0 << 8 | Int(original[at + $1]) } }
    let (section, shape) = (Int(input.byte()), input.number(UInt32.self))
    let value = input.number(UInt32.self)
    let footer = original.count - 64
    let (table, count) = (number(footer), Int(original[footer + 8]))
    var place = Int(shape & 0xffffff) % original.count
    if section != 255, count > 0 {
        let entry = table + 64 * (section % count)
        if number(entry + 16) > 0 { place = number(entry + 8) + Int(shape & 0xffffff) % number(entry + 16) }
    }
    for byte in 0..<[1, 2, 4, 4][Int(shape >> 24) % 4] where place + byte < bytes.count {
        bytes[place + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte))
    }
}

/// Searches and reads everything; whether a full verification finds nothing.
func read(_ index: Index, _ seed: Seed) throws(GranaryError) -> Bool {
    let snapshot = try index.snapshot()
    let vector =
        seed.hasTokens
        ? try SparseVector(["t1": 1, "t7": 0.5, "t20": 2, "t33": 1, "unknown": 1])
        : try SparseVector(components: [1, 7, 20, 33, 59, 4_000_000_000], weights: [1, 0.5, 2, 1, 1, 1])
    var queries = [
        Query(sparse: vector, k: 5, exact: true), Query(sparse: vector, k: 3, recall: 0.9),
        Query(sparse: vector, k: 100, settings: .everything),
    ]
    if let document = try? snapshot.document(id: seed.keys[11]) {
        queries.append(Query(sparse: document.sparse, k: 10, recall: 0.99))
    }
    if !snapshot.schema.fields.isEmpty {
        for filter: Filter in [
            .range("n", FieldRange(lower: .excluding(4), upper: .including(25))), .not(.equals("s", "3")),
            .oneOf("f", [7, 8.0, 29]), .range("s", FieldRange()), .allow(seed.keys),
        ] {
            var query = Query(sparse: vector, k: 5, recall: 0.9)
            query.filter = filter
            queries.append(query)
        }
    }
    for query in queries { _ = try? snapshot.search(query) }
    for key in seed.keys.suffix(8) {
        _ = try? snapshot.document(id: key)
        _ = try? snapshot.explain(vector, id: key)
        _ = try? snapshot.score(vector, ids: [key])
    }
    var count = 0
    try? snapshot.forEachDocument { (document) throws(GranaryError) in count += document.sparse.count }
    _ = snapshot.statistics()
    do throws(GranaryError) {
        try snapshot.verify(.full)
        return true
    } catch { return false }
}

/// Opens the index for writing, replaces and deletes documents, and commits.
func write(_ index: Index, _ seed: Seed) throws(GranaryError) {
    let writer = try index.writer(WriterOptions(threads: 1))
    defer { writer.close() }
    let vector =
        seed.hasTokens
        ? try SparseVector(["t1": 1, "new": 2]) : try SparseVector(components: [1, 9], weights: [1, 2])
    for key in seed.keys.prefix(4) { try writer.upsert(Document(id: key, sparse: vector)) }
    for key in seed.keys.suffix(4) { try writer.delete(id: key) }
    _ = try writer.commit()
    _ = try read(index, seed)
}
