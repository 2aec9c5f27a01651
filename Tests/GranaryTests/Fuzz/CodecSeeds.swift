import CGranary
import GranaryStorage
import TestSupport

@testable import Granary

/// Inputs of the fuzz target `codec` that a writer could have written: what the engine's own encoders make,
/// behind what `CodecHarness` reads first.
struct CodecSeeds {
    /// By name.
    private(set) var all: [String: [UInt8]] = [:]

    init() throws {
        try addRows()
        try addLongRows()
        addSummaries()
        addBlocks()
        addImpacts()
        try addDense()
        try addFields()
        try addKeys()
        addComponents()
        try addPayloads()
        try addStructures()
    }

    private mutating func add(_ name: String, _ decoder: UInt8, _ write: (inout ByteWriter) throws -> Void)
        rethrows
    {
        var writer = ByteWriter()
        writer.append(decoder)
        try write(&writer)
        all[name] = writer.bytes
    }

    // MARK: Rows and lists

    private mutating func addRows() throws {
        // Places of the spaces in `RowsQuery.all`.
        for (space, components) in [(UInt8(4), UInt32(300)), (6, 65_536), (8, 70_000)] {
            for (number, type) in [WeightType.float16, .float32, .uint8].enumerated() {
                let far = components - 1
                let vectors: [[UInt32: Float]] = [
                    [0: 1, 3: 2.5, 8: 0.125, 255: 0.5, far: 3],
                    Dictionary(uniqueKeysWithValues: (0..<40).map { (7 * $0 + 1, 0.25 + Float($0) / 16) }),
                    [:],
                ]
                let rows = try EncodedTestRows(type, components: components, vectors: vectors)
                // Each flag in one of them: many times, and a table that hides a component.
                let flags = UInt8(number << 1) | (number == 1 ? 8 : 0) | (number == 2 ? 16 : 0)
                add("rows-\(type)-\(components)", 0) {
                    $0.bytes += [flags, space, 2]
                    $0.bytes += rows.starts.map(UInt8.init)
                    $0.bytes += rows.fineStarts.map(UInt8.init)
                    $0.append(UInt16(rows.bytes.count - 64))
                    $0.bytes += rows.bytes.dropLast(64)
                    $0.bytes += rows.fine
                }
            }
        }
    }

    /// More entries than are decoded at once, and of the query's components.
    private mutating func addLongRows() throws {
        for (space, name, step) in [(UInt8(6), "long", UInt32(7)), (8, "far", 250)] {
            let vector = Dictionary(uniqueKeysWithValues: (0..<264).map { ($0 * step, Float($0 % 50 + 1)) })
            let rows = try EncodedTestRows(
                .uint8, components: space == 6 ? 65_536 : 70_000, vectors: [vector])
            add("rows-\(name)", 0) {
                $0.bytes += [4, space, 0] + rows.starts.map(UInt8.init) + rows.fineStarts.map(UInt8.init)
                $0.append(UInt16(rows.bytes.count - 64))
                $0.bytes += rows.bytes.dropLast(64)
            }
        }
    }

    private mutating func addSummaries() {
        for (name, components, blocks, perBlock) in [
            ("packed", UInt32(300), 5, 4), ("long", 200, 20, 10), ("wide", 65_537 + 500, 18, 3),
            ("wide-packed", 65_537, 3, 3), ("two-buckets", 300, 20, 10), ("even", 250, 16, 8),
        ] {
            var entries: [granary_summary_entry] = []
            for block in 0..<blocks {
                for number in 0..<perBlock {
                    let component = UInt32(block * 3 + number * 21) % (components - 1)
                    entries.append(
                        granary_summary_entry(
                            component: number == perBlock - 1 ? components - 1 : component,
                            half: Kernels.half(0.25 * Float(1 + block + number)), block: UInt8(block)))
                }
            }
            let isWide = components > 65_536
            let table = SummaryTable.encode(entries, blocks: blocks, components: components)
            add("summaries-\(name)", 1) {
                $0.bytes.append(isWide ? 1 : 0)
                $0.append(UInt16(isWide ? (components - 65_537) / 5 : components - 1))
                $0.bytes += [0, 0, UInt8(table.count / 8), 5]
                for asked: UInt16 in [0, 3, 21, 63, isWide ? 10_922 : UInt16(components - 1)] {
                    $0.append(asked)
                }
                $0.bytes += table
            }
        }
    }

    private mutating func addBlocks() {
        for (width, gap) in [UInt32(1), 300, 70_000, 1 << 25].enumerated() {
            var block: [UInt8] = []
            PostingBlock.encode((0..<9).map { 5 + gap * $0 }, into: &block)
            add("block-\(width + 1)", 2) {
                $0.append(5 + gap * 8 + 1)
                $0.bytes += block
            }
        }
        var block: [UInt8] = []
        PostingBlock.encode(Array(0..<255), into: &block)
        add("block-full", 2) {
            $0.append(UInt32(255))
            $0.bytes += block
        }
    }

    private mutating func addImpacts() {
        // Flags, the request, k, the floor; each list: runs of a level and documents.
        let shapes: [(name: String, flags: UInt8, documents: UInt16, rest: [UInt8])] = [
            ("plain", 0, 299, [0, 3, 0]), ("scalar", 64, 299, [0x35, 9, 0]),
            ("wide-sums", 6, 299, [0x2d, 1, 0]), ("filtered", 64 + 8 + 16, 299, [0x24, 2, 7]),
            ("windows", 64 + 32, 200, [0x10, 0, 1]), ("all", 64, 65_535, [0x16, 255, 0]),
        ]
        for shape in shapes {
            let windows = (Int(shape.documents) + 1 + (shape.flags & 32 != 0 ? 65_536 : 0) + 65_535) / 65_536
            let lists: [[(level: UInt16, documents: [UInt16])]] = (0..<3).map { component in
                [
                    (66, [UInt16(component), 16, 18, 36]), (60, [5, 30, 31, 32, 33, 130]),
                    (31 - UInt16(component), [17, 100]),
                ]
            }
            var starts: [UInt8] = [0]
            var words: [UInt16] = []
            for list in lists {
                for window in 0..<windows {
                    // The last window of several has no list of the second component.
                    if window == 0 || windows == 1 || starts.count != 4 {
                        words.append(UInt16(list.count))
                        for run in list { words += [run.level, UInt16(run.documents.count - 1)] }
                        for run in list { words += run.documents }
                    }
                    starts.append(UInt8(words.count))
                }
            }
            add("impacts-\(shape.name)", 3) {
                $0.bytes.append(shape.flags)
                $0.append(shape.documents)
                $0.bytes += [2] + shape.rest + starts
                for word in words { $0.append(word) }
            }
        }
    }

    private mutating func addDense() throws {
        for (place, element) in DenseElement.allCases.enumerated() {
            for (dimensions, metric) in [(5, 0), (70, 2), (131, 1)] {
                let codec = try DenseRowCodec(
                    DenseSchema(
                        dimensions: dimensions, element: element, metric: DenseMetric.allCases[metric]))
                // What is padding is not looked at; every value of a float16 is, with those below 2^-14.
                let values = (0..<dimensions).map { place -> Float in
                    let whole = Float(place * 31 % 17 - 8)
                    return place % 3 == 0 ? whole / 1_048_576 : whole / 4
                }
                let row = try codec.encode(values)
                add("dense-\(element)-\(dimensions)", 4) {
                    $0.bytes += [UInt8(place | metric << 2), UInt8(dimensions - 1), UInt8(dimensions % 4)]
                    $0.bytes += [UInt8](repeating: 9, count: dimensions % 4) + row
                    if dimensions == 5 { $0.bytes += row }
                }
            }
        }
    }

    // MARK: Sections

    /// A file of what `write` writes.
    private static func file(_ write: (ContainerWriter) throws -> Void) throws -> Container {
        let system = MemoryFileSystem()
        let zero = Identifier128(high: 0, low: 0)
        let writer = try ContainerWriter(
            fileSystem: system, directory: ".", kind: .blocks, index: zero, id: zero)
        try write(writer)
        return try Container.open(fileSystem: system, directory: ".", record: try writer.finish())
    }

    private static func bytes(_ file: Container, _ id: SectionID) -> [UInt8] {
        guard let section = file.sectionIfPresent(id) else { return [] }
        var copy = ByteWriter()
        copy.append(section.bytes)
        return copy.bytes
    }

    private mutating func addFields() throws {
        let keys: [Field.Kind: [FieldKey]] = [
            .string: [FieldKey(""), FieldKey("m"), FieldKey("méx"), FieldKey("a")],
            .integer: [FieldKey(Int64(-3)), FieldKey(Int64.max), FieldKey(Int64(0))],
            .number: [FieldKey(0.5), FieldKey(-2.25), FieldKey(1e300)],
            .boolean: [FieldKey(true), FieldKey(false)],
        ]
        for (kind, keys) in keys {
            var buffer = FieldBuffer([Field("f", kind)])
            for row in 0..<UInt32(6) {
                buffer.add(
                    [FieldEntry(field: 0, key: keys[Int(row) % keys.count])]
                        + (row == 4 ? [FieldEntry(field: 0, key: keys[1])] : []), row: row)
            }
            let file = try Self.file { try buffer.write(ordinalOf: [3, 1, 4, 0, 5, 2], to: $0) }
            let (runs, ordinals) = (Self.bytes(file, .fieldRuns(0)), Self.bytes(file, .fieldOrdinals(0)))
            let (starts, values) = (
                Self.bytes(file, .fieldTextStarts(0)), Self.bytes(file, .fieldValues(0))
            )
            add("fields-\(kind)", 6) {
                $0.bytes += [kind.rawValue, 6]
                $0.bytes += [runs, ordinals, starts].map { UInt8($0.count / 4) }
                $0.bytes += runs + ordinals + starts + values
            }
        }
    }

    private mutating func addKeys() throws {
        let keys: [DocumentKey] = [.string("a"), .number(7), .string("document é"), .number(.max)]
        let encoded = try keys.map { try $0.encoded() }
        var starts: [UInt32] = [0]
        for key in encoded { starts.append(starts[starts.count - 1] + UInt32(key.count)) }
        let file = try Self.file {
            try KeySections.write(
                keys: encoded.flatMap { $0 }, starts: starts, order: [2, 0, 3, 1], to: $0)
        }
        for isMade in [true, false] {
            add(isMade ? "keys-made" : "keys", 7) {
                $0.bytes += [isMade ? 1 : 0, 4] + Self.bytes(file, .keyStarts)
                if !isMade { $0.bytes += Self.bytes(file, .keyOrdinals) + Self.bytes(file, .keyHashes) }
                $0.bytes += Self.bytes(file, .keys)
            }
        }
        for (name, key) in zip(["string", "number"], encoded) {
            add("key-\(name)", 15) { $0.bytes += key }
        }
    }

    private mutating func addComponents() {
        func words(_ words: [UInt32]) -> [UInt8] {
            var writer = ByteWriter()
            for word in words { writer.append(word) }
            return writer.bytes
        }
        let tokens = ["oil", "m", "price"]
        let starts: [UInt32] = [0, 3, 4, 9]
        add("components-direct", 8) {
            $0.bytes += [1, 3, 6, 0, 0] + words([5, 0, 2]) + words([1, .max, 2, .max, .max, 0])
        }
        add("components-sorted", 8) {
            $0.bytes += [2, 3, 6, 0, 0] + words([17, 4_000_000_000, 2]) + words([2, 17, 4_000_000_000])
            $0.bytes += words([2, 0, 1])
        }
        add("components-tokens", 8) {
            $0.bytes += [1 + 4, 3, 3, 4, 3] + words([0, 1, 2]) + words([0, 1, 2])
            $0.bytes += words(starts) + words([1, 0, 2]) + tokens.joined().utf8
        }
    }

    private mutating func addPayloads() throws {
        let text = Array("{\"n\": 1, \"s\": \"one one one one one one one one\"}".utf8)
        for method in PayloadCompression.allCases {
            let block = try Compression.compress(text + text, method)
            add("payloads-\(method)", 9) {
                $0.bytes += [method.rawValue, method.rawValue, 3, 1]
                for word in [0, 0, text.count, 0, text.count, text.count, Int(UInt32.max), 0, 0] {
                    $0.append(UInt32(word))
                }
                $0.append(UInt64(0))
                $0.append(UInt32(block.count))
                $0.append(UInt32(2 * text.count))
                $0.bytes += block
            }
            add("compression-\(method)", 10) {
                $0.bytes.append(method.rawValue | 128)
                $0.append(UInt16(2 * text.count))
                $0.bytes += block
            }
        }
    }

    private mutating func addStructures() throws {
        var dead = Tombstones(documents: 70)
        for ordinal: UInt32 in [0, 9, 64, 69] { _ = dead.insert(ordinal) }
        add("tombstones", 5) {
            $0.append(UInt16(70))
            $0.append(UInt16(4))
            for word in dead.words { $0.append(word) }
        }
        for (flag, rows) in [Calibration.defaults, Calibration.impactDefaults].enumerated() {
            add("calibration-\(flag)", 11) {
                $0.bytes.append(UInt8(flag))
                $0.bytes += Calibration(rows: rows, hasImpacts: flag == 1).encoded
            }
        }
        for (name, components, blocks, windows) in [
            ("blocks", UInt32(70_000), UInt32(9), UInt32(0)),
            ("windows", 300, 0, 2),
        ] {
            add("facts-\(name)", 12) {
                $0.bytes +=
                    SegmentFacts(
                        documents: 70_000, components: components, weights: .float16,
                        payloadCompression: .zstd, entries: 9, postings: 8, blocks: blocks,
                        windows: windows
                    ).encoded
            }
        }
        let dense = DenseSchema(dimensions: 70, element: .int8, metric: .euclidean)
        add("dense-facts", 13) {
            $0.bytes += DenseFacts(rows: 3, documents: 0, schema: dense, largestNorm: 2).encoded
        }
        let fields = [Field("f", .integer, path: "a.b"), Field("é", .string)]
        for (name, schema) in [
            ("plain", Schema()), ("full", Schema(weights: .uint8, dense: dense, fields: fields)),
        ] {
            let bytes = try SchemaCodec.encode(schema)
            add("schema-\(name)", 14) { $0.bytes += bytes }
        }
        add("reader", 16) {
            $0.bytes += [8, 0, 1, 2, 3, 4, 5 + 3 << 3, 6 + 5 << 3, 7 + 9 << 3]
            $0.bytes += (0..<31).map { UInt8($0) } + [1, 1, 1, 1, 1, 1, 1, 1, 2, 0, 0, 0, 8, 9]
        }
        add("checksums", 17) {
            $0.bytes += [67] + [UInt8](repeating: 0, count: 19) + (0..<150).map(UInt8.init)
        }
    }
}
