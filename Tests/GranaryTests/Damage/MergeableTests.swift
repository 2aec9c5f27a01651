import CGranary
import Granary
import GranaryStorage
import TestSupport
import Testing

/// What can be read and is more than a writer takes: a merge would fail or lose it, so that a full
/// verification finds it.
@Suite struct MergeableTests {
    @Test func aPayloadThatNoWriterTakesIsFound() throws {
        let test = try TestIndex(Schema(payloadCompression: .none))
        for number in 0..<2 {
            try test.write { (writer) throws(GranaryError) in
                try writer.upsert(
                    Document(
                        id: .number(UInt64(number)), sparse: try SparseVector(components: [1], weights: [1]),
                        payload: [UInt8(number)]))
            }
        }
        let (block, most) = (32 << 20, 16 << 20)
        for (length, isSound) in [(most, true), (most + 1, false), (block, false)] {
            let disk = try IndexImage.rewrite(
                try test.files(), directory: TestIndex.path,
                section: { _, section, bytes in
                    var bytes = bytes
                    switch section.id.name {
                    case "payload blocks": return [UInt8](repeating: 7, count: block)
                    case "payload directory":
                        RepairedBytes.put(UInt32(block), at: 8, in: &bytes)
                        RepairedBytes.put(UInt32(block), at: 12, in: &bytes)
                    case "payload positions": RepairedBytes.put(UInt32(length), at: 8, in: &bytes)
                    default: break
                    }
                    return bytes
                })
            let index = try Index.open(at: TestIndex.path, fileSystem: disk)
            #expect(errorCode { try index.snapshot().verify(.full) } == (isSound ? nil : .corrupt))
            let writer = try index.writer(.small())
            defer { writer.close() }
            #expect(errorCode { try writer.merge(to: 1) } == (isSound ? nil : .corrupt))
            if isSound { try index.snapshot().verify(.full) }
        }
    }
}
