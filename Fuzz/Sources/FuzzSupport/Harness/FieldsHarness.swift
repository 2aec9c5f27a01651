import Granary
import TestSupport

/// An index with fields of every kind, of which bytes of the columns of one segment may be replaced, and a
/// filter of any shape. In a sound index a filter matches what the documents' payloads say. In any index a
/// filter and its opposite divide the documents between them.
///
/// Input: u8 file | u8 mode (bit 0: repair checksums, root hash and manifest) | u8 changes | the changes, as
/// in `Edits` | the filter, as in `FilterInput`.
enum FieldsHarness {
    /// Of fields (`Formats/fields.md`).
    private static let firstSection = 256

    static func run(_ input: inout Input) throws {
        let seed = try Seed.fields()
        let (name, original) = seed.files[input.one(of: seed.places(.blocks))]
        let isRepaired = input.byte() & 1 == 1
        let changes = Int(input.byte() % 6)
        let bytes = Edits.apply(&input, to: original, limit: changes) { $0 >= firstSection }
        let filter = FilterInput.filter(&input, keys: seed.keys)
        var replaced = [name: bytes]
        if isRepaired {
            guard let repaired = seed.repaired(replaced) else { return }
            replaced = repaired
        }
        let fileSystem = bytes == original ? seed.fixed : seed.reading(replaced)
        let snapshot = try allowing { try Index.open(at: Seed.path, fileSystem: fileSystem).snapshot() }
        guard let snapshot else {
            return try Finding.unless(bytes != original, "a sound index cannot be opened")
        }
        try search(snapshot, filter, facts: bytes == original ? try Seed.facts.get() : nil)
        let isSound = try allowing { try snapshot.verify(.full) } != nil
        try Finding.unless(
            isRepaired || isSound == (bytes == original), "a full verification takes damage for sound")
    }

    /// - Parameter facts: what a filter matches in a sound index; nil for another.
    private static func search(_ snapshot: Snapshot, _ filter: Filter, facts: FactDocuments?) throws {
        let all = try SparseVector(
            components: Array(0..<20), weights: [Float](repeating: 1, count: 20))
        func hits(_ filter: Filter?, exact: Bool) throws -> [Hit]? {
            var query = Query(sparse: all, k: 1000, exact: exact)
            query.filter = filter
            return try allowing { try snapshot.search(query) }
        }
        guard let every = try hits(nil, exact: true) else { return }
        _ = try hits(filter, exact: false)
        guard let found = try hits(filter, exact: true) else { return }
        if let facts {
            try Finding.unless(
                found == every.filter { facts.matches($0.id, filter) }, "\(filter) matches others")
        }
        guard let rest = try hits(.not(filter), exact: true) else { return }
        try Finding.unless(
            every.filter { hit in found.contains(hit) != rest.contains(hit) } == every
                && found.count + rest.count == every.count,
            "\(filter) and its opposite do not divide the documents")
    }
}

/// A filter from bytes, of any shape and with any value.
enum FilterInput {
    private static let fields = FactDocuments.fields.map(\.name) + ["unknown"]
    private static let texts = ["de", "en", "fr", "é", "e\u{301}", "", "red", "green", "blue", "x"]

    static func filter(_ input: inout Input, keys: [DocumentKey], depth: Int = 0) -> Filter {
        func parts(_ input: inout Input) -> [Filter] {
            (0..<input.below(4)).map { _ in filter(&input, keys: keys, depth: depth + 1) }
        }
        // Beyond the depth that filters may have, to see it refused, but not without end.
        switch depth > 70 ? 0 : input.byte() % 10 {
        case 0: return .allow(some(&input, keys))
        case 1: return .deny(some(&input, keys))
        case 2, 3: return .equals(input.one(of: fields), value(&input))
        case 4:
            let field = input.one(of: fields)
            return .oneOf(field, (0..<input.below(5)).map { _ in value(&input) })
        case 5, 6:
            let field = input.one(of: fields)
            return .range(field, FieldRange(lower: bound(&input), upper: bound(&input)))
        case 7: return .and(parts(&input))
        case 8: return .or(parts(&input))
        default: return .not(filter(&input, keys: keys, depth: depth + 1))
        }
    }

    private static func some(_ input: inout Input, _ keys: [DocumentKey]) -> [DocumentKey] {
        (0..<input.below(6)).map { _ in input.byte() & 15 == 15 ? "unknown" : input.one(of: keys) }
    }

    private static func bound(_ input: inout Input) -> FieldBound {
        switch input.below(3) {
        case 0: .unbounded
        case 1: .including(value(&input))
        default: .excluding(value(&input))
        }
    }

    private static func value(_ input: inout Input) -> FieldValue {
        switch input.byte() % 8 {
        case 0: .string(input.one(of: texts))
        case 1: .string(String(decoding: input.next(Int(input.byte() % 9)), as: UTF8.self))
        case 2, 3: .integer(Int64(Int8(bitPattern: input.byte())))
        case 4: .integer(Int64(bitPattern: input.number(UInt64.self)))
        case 5: .number(Double(Int8(bitPattern: input.byte())) / 4)
        case 6: .number(Double(bitPattern: input.number(UInt64.self)))
        default: .boolean(input.byte() & 1 == 1)
        }
    }
}
