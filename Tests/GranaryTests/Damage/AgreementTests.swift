import Granary
import GranaryStorage
import TestSupport
import Testing

/// Files that are sound one by one and contradict each other or their manifest, every checksum right.
@Suite struct AgreementTests {
    private static func document(_ id: String, _ weight: Float = 1) throws(GranaryError) -> Document {
        Document(
            id: .string(id), sparse: try SparseVector(components: [1, 2], weights: [weight, 3]),
            dense: [weight, 2])
    }

    /// Two segments, the second with fewer documents; "b" of the first is replaced in the second.
    private static func files() throws -> [String: [UInt8]] {
        let test = try TestIndex(Schema(dense: DenseSchema(dimensions: 2, element: .float32)))
        for ids in [["a", "b", "c"], ["b", "d"]] {
            try test.write { (writer) throws(GranaryError) in
                for id in ids { try writer.upsert(try document(id, Float(ids.count))) }
            }
        }
        return try test.files()
    }

    private static func index(
        _ files: [String: [UInt8]], _ change: @escaping (inout Manifest) -> Void
    ) throws -> (index: Index, disk: TestFileSystem) {
        let disk = try IndexImage.rewrite(files, directory: TestIndex.path, manifest: change)
        return (try Index.open(at: TestIndex.path, fileSystem: disk), disk)
    }

    /// Gives the first segment its deleted document back.
    private static func revive(_ manifest: inout Manifest) {
        guard let dead = manifest.segments[0].deadFile else { return }
        manifest.files.remove(at: Int(dead))
        (manifest.segments[0].deadFile, manifest.segments[0].dead) = (nil, 0)
        for segment in manifest.segments.indices {
            manifest.segments[segment].files = manifest.segments[segment].files.map {
                $0 > dead ? $0 - 1 : $0
            }
        }
    }

    @Test func aFileOfTwoSegmentsOrTwiceInOneOrInNoneIsRefused() throws {
        let changes: [@Sendable (inout Manifest) -> Void] = [
            { manifest in
                var copy = manifest.segments[1]
                copy.ordinal = manifest.nextSegmentOrdinal
                manifest.nextSegmentOrdinal += 1
                manifest.segments.append(copy)
            },
            { manifest in
                let dense = manifest.segments[1].files[2]
                manifest.segments[1].files += [UInt32](repeating: dense, count: 1000)
            },
            { $0.segments.removeLast() },
            { manifest in
                let none = Identifier128(high: 0, low: 0)
                manifest.files.append(FileRecord(id: none, kind: .dead, length: .max, rootHash: none))
            },
        ]
        for change in changes {
            let (index, disk) = try Self.index(try Self.files(), change)
            #expect(errorCode { _ = try index.snapshot() } == .corrupt)
            #expect(errorCode { _ = try index.writer(.small()) } != nil)
            #expect(
                errorCode { _ = try Index.repairPlan(at: TestIndex.path, fileSystem: disk) } == .corrupt)
        }
    }
}
