import Granary

/// Small sound indexes of every encoding, made once a process: what the harnesses damage.
public struct Seed: Sendable {
    /// Where it is in its file system.
    public static let path = "/index"
    /// File names and bytes.
    public let files: [(name: String, bytes: [UInt8])]
    /// The newest generation.
    public let manifest: Manifest
    /// Its documents' keys.
    public let keys: [DocumentKey]
    /// Whether its components have tokens.
    public let hasTokens: Bool

    /// All seeds.
    public static let all: [Seed] = {
        do {
            return [
                try make(.float16, .zstd, tokens: true, blocks: true, space: 60),
                try make(.float32, .lz4, tokens: false, blocks: true, space: 60),
                try make(.uint8, .none, tokens: false, blocks: true, space: 4_000_000_000),
                try make(.float16, .none, tokens: false, blocks: false, space: 60),
            ]
        } catch { report("a seed cannot be made: \(error)") }
    }()

    /// A file system with the files of this seed, some of them replaced.
    public func fileSystem(replacing replaced: [String: [UInt8]] = [:]) throws(GranaryError)
        -> MemoryFileSystem
    {
        let system = MemoryFileSystem()
        try system.createDirectory(Self.path)
        for (name, bytes) in files { try system.add("\(Self.path)/\(name)", replaced[name] ?? bytes) }
        return system
    }

    /// A vector made of a generator's numbers.
    static func vector(
        _ random: inout Random, tokens: Bool, space: UInt32, count: Int
    ) throws(GranaryError) -> SparseVector {
        var weights: [UInt32: Float] = [:]
        for _ in 0..<count { weights[random.next() % space] = Float(random.next() % 1000) / 250 + 0.01 }
        let pairs = weights.sorted { $0.key < $1.key }
        return tokens
            ? try SparseVector(tokens: pairs.map { ("t\($0.key)", $0.value) })
            : try SparseVector(components: pairs.map(\.key), weights: pairs.map(\.value))
    }

    private static func make(
        _ weights: WeightType, _ compression: PayloadCompression, tokens: Bool, blocks: Bool, space: UInt32
    ) throws -> Seed {
        let system = MemoryFileSystem()
        let index = try Index.create(
            at: path,
            schema: Schema(
                weights: weights, payloadCompression: compression,
                fields: weights == .float16
                    ? [Field("n", .integer), Field("s", .string), Field("f", .number, path: "n")] : []),
            fileSystem: system)
        // The first segment has blocks, the second impact-ordered lists.
        var build = BuildOptions(exactBelow: blocks ? 1 : 1000, blocksFrom: 15, calibrationQueries: 4)
        build.centroidFraction = 0.3
        let writer = try index.writer(WriterOptions(threads: 1, build: build))
        var random = Random(state: 0x9e37_79b9)
        var keys: [DocumentKey] = []
        for number in 0..<30 {
            let key: DocumentKey = number % 2 == 0 ? .number(UInt64(number)) : .string("document \(number)")
            keys.append(key)
            let payload = number % 3 == 0 ? nil : Array("{\"n\": \(number), \"s\": \"\(number % 5)\"}".utf8)
            let vector = try vector(&random, tokens: tokens, space: space, count: number % 12)
            try writer.upsert(Document(id: key, sparse: vector, payload: payload))
            if number == 20 { _ = try writer.commit() }
        }
        try writer.delete(id: keys[3])
        _ = try writer.commit(userData: [1, 2, 3])
        writer.close()
        let manifest = try IndexDirectory.latestManifest(fileSystem: system, path: path)
        var files: [(String, [UInt8])] = []
        for name in [Manifest.fileName(manifest.generation)] + manifest.files.map(\.name) {
            let file = try system.openForReading("\(path)/\(name)")
            files.append((name, try file.read(at: 0, count: Int(try file.length()))))
        }
        return Seed(files: files, manifest: manifest, keys: keys, hasTokens: tokens)
    }
}

/// A small generator with a fixed sequence.
struct Random {
    var state: UInt64

    mutating func next() -> UInt32 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt32(truncatingIfNeeded: state >> 33)
    }
}
