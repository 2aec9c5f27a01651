public import Granary

/// What an index of the stress tool holds after so many batches. Each batch follows from a seed and its
/// number, so that whoever knows these can tell what must be there.
public struct StressModel: Sendable, Equatable {
    /// A change of a batch.
    public enum Change: Sendable {
        case upsert(id: UInt64, version: UInt64)
        case delete(id: UInt64)
        case deleteAll(ids: [UInt64])
    }

    /// The ids that there can be.
    public static let idCount: UInt64 = 120

    /// Of all random choices.
    public let seed: UInt64
    /// Batches so far.
    public private(set) var batch: UInt64 = 0
    /// The version of each document; a larger one was inserted later.
    public private(set) var versions: [UInt64: UInt64] = [:]

    /// An empty index.
    public init(seed: UInt64) { self.seed = seed }

    /// What a snapshot holds.
    ///
    /// - Throws: `corrupt` for what no writer of the stress tool has committed.
    public init(seed: UInt64, _ snapshot: Snapshot) throws(GranaryError) {
        self.seed = seed
        guard !snapshot.userData.isEmpty else { return }
        var found: [UInt64: UInt64] = [:]
        var last: UInt64 = 0
        try snapshot.forEachDocument { (document) throws(GranaryError) in
            guard case .number(let id) = document.id, let payload = document.payload, payload.count == 8
            else {
                throw GranaryError(.corrupt, "document \(document.id) is none of the stress tool's")
            }
            let version = Self.number(payload[...])
            guard document == Self.document(id, version), last < version else {
                throw GranaryError(.corrupt, "document \(id) is not its version \(version), or out of order")
            }
            last = version
            found[id] = version
        }
        versions = found
        batch = Self.number(snapshot.userData.prefix(8))
        guard snapshot.userData == userData, snapshot.documentCount == found.count else {
            throw GranaryError(
                .corrupt, "batch \(batch): \(found.count) documents do not go with their checksum")
        }
    }

    /// The next batch, done here as well.
    public mutating func advance() -> [Change] {
        batch += 1
        var random = TestRandom(seed: seed &* 0x9e37_79b9_7f4a_7c15 &+ batch)
        var changes: [Change] = []
        for position in 0..<UInt64(random.int(1...12)) {
            let id = UInt64(random.int(0...Int(Self.idCount) - 1))
            switch random.int(0...19) {
            case 0...12:
                versions[id] = batch * 1000 + position
                changes.append(.upsert(id: id, version: batch * 1000 + position))
            case 13...18:
                versions[id] = nil
                changes.append(.delete(id: id))
            default:
                let ids = (0..<4).map { (id + 7 * $0) % Self.idCount }
                for id in ids { versions[id] = nil }
                changes.append(.deleteAll(ids: ids))
            }
        }
        return changes
    }

    /// Does the batches up to a number.
    public mutating func advance(to batch: UInt64) {
        while self.batch < batch { _ = advance() }
    }

    /// What a commit stores beside the documents: batch, count, and a sum over the documents.
    public var userData: [UInt8] {
        let sum = versions.reduce(UInt64(0)) { $0 &+ ($1.key &+ 1) &* 0x9e37_79b9_7f4a_7c15 &* $1.value }
        return [batch, UInt64(versions.count), sum].flatMap(Self.bytes)
    }

    /// A version of a document. Weights are such that float16 stores them as they are.
    public static func document(_ id: UInt64, _ version: UInt64) -> Document? {
        var random = TestRandom(seed: version)
        var weights: [UInt32: Float] = [0: 1]
        for _ in 0..<random.int(0...8) {
            weights[UInt32(random.int(1...30))] = Float(Float16(random.float(0.01...3)))
        }
        let components = weights.keys.sorted()
        let vector = try? SparseVector(components: components, weights: components.map { weights[$0] ?? 0 })
        return vector.map { Document(id: .number(id), sparse: $0, payload: bytes(version)) }
    }

    /// A query; every document has component 0.
    public static func query(_ random: inout TestRandom) throws(GranaryError) -> SparseVector {
        let components = [0, UInt32(random.int(1...15)), UInt32(random.int(16...30))]
        return try SparseVector(
            components: components, weights: components.map { _ in random.float(0.5...2) })
    }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
