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

    @Test(arguments: [(16_376, true), (16_384, false)])
    func aRowOfMoreEntriesThanAWriterTakesIsFound(_ most: Int, _ isSound: Bool) throws {
        let documents = try (0..<2).map { (number: Int) throws(GranaryError) -> Document in
            let components = number * most..<(number + 1) * most
            return Document(
                id: .number(UInt64(number)),
                sparse: try SparseVector(
                    components: components.map { UInt32($0) }, weights: components.map { _ in 1 }))
        }
        let test = try TestIndex(documents)
        let ids = (0..<UInt32(2 * most)).map { $0 }
        let codes = [UInt8](repeating: unsafe granary_code_floor(1), count: ids.count)
        var row = [UInt8](repeating: 0, count: 4 * ids.count + 1024)
        var stored: UInt32 = 0
        let length = unsafe granary_row_encode(ids, codes, ids.count, 0, &row, nil, &stored)
        #expect(stored == UInt32(2 * most))
        let (units, groups) = (UInt32(length / 8), UInt32(2 * most / 8))
        let disk = try IndexImage.rewrite(
            try test.files(), directory: TestIndex.path,
            section: { _, section, bytes in
                var bytes = bytes
                func put(_ words: [UInt32]) {
                    for (place, word) in words.enumerated() {
                        RepairedBytes.put(word, at: 4 * place, in: &bytes)
                    }
                }
                switch section.id.name {
                case "rows": return Array(row[..<length]) + bytes[(bytes.count / 2)...]
                case "row starts":
                    let old = UInt32(RepairedBytes.number(at: 8, 4, in: bytes))
                    put([0, units, units + old / 2])
                case "fine weights": return [UInt8](repeating: 0, count: 3 * most)
                case "fine starts": put([0, groups, groups + UInt32(most / 8)])
                case "segment": RepairedBytes.put(UInt64(3 * most), at: 16, in: &bytes)
                default: break
                }
                return bytes
            })
        let index = try Index.open(at: TestIndex.path, fileSystem: disk)
        #expect(try index.snapshot().document(id: .number(0)) != nil)
        #expect(errorCode { try index.snapshot().verify(.full) } == (isSound ? nil : .corrupt))
    }
}
