import GranaryStorage
import TestSupport
import Testing

@testable import Granary

/// The writing of CIFF files: what is written is what the format asks for, and comes back.
@Suite struct CIFFExportTests {
    @Test("What is no weight has no impact", arguments: [-1, -0.001, .nan, .infinity] as [Float])
    func scaleOfNoWeight(_ weight: Float) throws {
        let scale = try ImpactScale(factor: 100)
        #expect([.invalidWeight, .unsupported].contains(errorCode { _ = try scale.impact(of: weight) }))
        let code = errorCode { _ = try ImpactScale(bits: 8, largestWeight: weight) }
        #expect(code == .invalidArgument)
    }

    /// Documents with tokens, of several segments, some replaced and some deleted.
    private func index(_ documents: Int, seed: UInt64) throws -> TestIndex {
        let collection = try Collection.random(documents: documents, components: 300, seed: seed)
        let index = try TestIndex(
            try collection.documents.map { document in
                let tokens = document.sparse.weightOfComponent.map { ("t\($0.key)é", $0.value) }
                return Document(id: document.id, sparse: try SparseVector(tokens: tokens))
            }, options: .small(segmentDocuments: 150))
        try index.write { (writer) throws(GranaryError) in
            for number in stride(from: 0, to: documents, by: 10) {
                try writer.delete(id: collection.documents[number].id)
            }
            try writer.upsert(Document(id: "d1", sparse: try SparseVector(["t0é": 3.5, "new": 0.001])))
        }
        return index
    }

    private func exported(
        _ snapshot: Snapshot, _ options: CIFFExportOptions = CIFFExportOptions()
    ) throws(GranaryError) -> [UInt8] {
        var bytes: [UInt8] = []
        try snapshot.exportCIFF(options) { (piece) throws(GranaryError) in bytes += piece }
        return bytes
    }

    private func documents(_ bytes: [UInt8], memoryBytes: Int = 1 << 20) throws -> [Document] {
        let reader = try CIFFReader(
            "in/a.ciff", options: .init(memoryBytes: memoryBytes, temporaryDirectory: "in"),
            fileSystem: try TestFileSystem(files: ["a.ciff": bytes], in: "in"))
        var documents: [Document] = []
        while let document = try reader.next() { documents.append(document) }
        return documents
    }

    private func live(_ snapshot: Snapshot) throws -> [Document] {
        var documents: [Document] = []
        try snapshot.forEachDocument { documents.append($0) }
        return documents
    }

    @Test(
        "Live documents come back in their order, each weight within half a step of its impact",
        arguments: [nil, 4, 16] as [Int?])
    func comesBack(bits: Int?) throws {
        let snapshot = try index(600, seed: 71).index.snapshot()
        var options = CIFFExportOptions(bits: bits, memoryBytes: 0)
        options.temporaryDirectory = TestIndex.path
        let bytes = try exported(snapshot, options)
        options.memoryBytes = 1 << 28
        #expect(try exported(snapshot, options) == bytes, "memory changes nothing")
        let (stored, found) = (try live(snapshot), try documents(bytes))
        #expect(try documents(bytes, memoryBytes: 0) == found, "memory changes nothing")
        #expect(found.map(\.id.description) == stored.map(\.id.description))
        let largest = stored.flatMap { $0.sparse.weightOfToken.values }.max() ?? 0
        let step = Double(largest) / Double(1 << (bits ?? 8) - 1)
        for (document, original) in zip(found, stored) {
            let (weights, expected) = (document.sparse.weightOfToken, original.sparse.weightOfToken)
            #expect(weights.keys.sorted() == expected.keys.sorted())
            for (token, weight) in expected {
                let difference = abs(Double(weights[token] ?? 0) - Double(weight))
                // What would be 0 is 1.
                let limit = Double(weight) < step / 2 ? step : step * 0.500_001
                #expect(difference <= limit, "\(original.id) \(token)")
            }
        }
    }

    @Test(
        "A file has all that other readers check: frequencies, lengths, sums, order, and its scale in words")
    func isWhole() throws {
        let snapshot = try index(200, seed: 73).index.snapshot()
        let options = CIFFExportOptions(scale: try ImpactScale(factor: 100), temporaryDirectory: ".")
        let messages = CIFFBytes.messages(try exported(snapshot, options))
        let stored = try live(snapshot)
        let header = try #require(messages.first)
        let (listCount, count) = (Int(header.number(2)), Int(header.number(3)))
        #expect(header.number(1) == 1)
        #expect(count == stored.count)
        #expect(header.number(4) == header.number(2))
        #expect(header.number(5) == header.number(3))
        #expect(header.text(8) == "Granary: weight = tf / 100.0")
        #expect(messages.count == 1 + listCount + count)
        var lengths = [UInt64](repeating: 0, count: count)
        var terms: [[UInt8]] = []
        for list in messages[1...listCount] {
            terms.append(Array(list.text(1).utf8))
            var (document, impacts, postings): (Int, UInt64, UInt64) = (0, 0, 0)
            for case (4, .bytes(let bytes)) in list {
                let posting = CIFFBytes.fields(bytes)
                document += Int(posting.number(1))
                impacts += posting.number(2)
                lengths[document] += posting.number(2)
                let weight = stored[document].sparse.weightOfToken[list.text(1)] ?? 0
                #expect(posting.number(2) == max(1, UInt64((Double(weight) * 100).rounded())))
                postings += 1
            }
            #expect(list.number(2) == postings)
            #expect(list.number(3) == impacts)
        }
        #expect(terms.count == Set(stored.flatMap { $0.sparse.weightOfToken.keys }).count)
        #expect(zip(terms, terms.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
        let records = messages[(1 + listCount)...]
        #expect(records.map { Int($0.number(1)) } == Array(0..<count))
        #expect(records.map { $0.text(2) } == stored.map(\.id.description))
        #expect(records.map { $0.number(3) } == lengths)
        let total = lengths.reduce(0, +)
        #expect(header.number(6) == total)
        #expect(header.contains { $0 == (7, .double((Double(total) / Double(count)).bitPattern)) })
    }

    @Test("Whole weights come back exactly at a scale of 1, and the same file of them")
    func keepsImpacts() throws {
        let weights: [Float] = [1, 2, 254, 255, 256, 2048]
        let index = try TestIndex(
            try (0..<6).map { number in
                Document(
                    id: .string("d\(number)"),
                    sparse: try SparseVector(["x": weights[number], "y\(number % 2)": Float(number + 1)]))
            })
        let snapshot = try index.index.snapshot()
        let options = CIFFExportOptions(scale: try ImpactScale(factor: 1))
        let bytes = try exported(snapshot, options)
        let found = try documents(bytes)
        #expect(found == (try live(snapshot)))
        #expect(try exported(try TestIndex(found).index.snapshot(), options) == bytes)
    }

    @Test("Without a vocabulary terms are components in decimal, and numbers as ids are strings")
    func numberedIndex() throws {
        let vector = try SparseVector(components: [7, 4_000_000_000], weights: [1, 2])
        let index = try TestIndex([
            Document(id: 7, sparse: vector), Document(id: 1, sparse: try SparseVector([:])),
        ])
        let found = try documents(
            try exported(try index.index.snapshot(), CIFFExportOptions(scale: try ImpactScale(factor: 2))))
        #expect(found.map(\.id) == [.string("7"), .string("1")])
        #expect(found.map(\.sparse.weightOfToken) == [["7": 1, "4000000000": 2], [:]])
    }

    @Test("An index without documents is a file without any, and so is one of empty documents without lists")
    func exportsNothing() throws {
        #expect(try documents(try exported(try TestIndex().index.snapshot())).isEmpty)
        let empty = try TestIndex([Document(id: "x", sparse: try SparseVector([:]))])
        let bytes = try exported(try empty.index.snapshot())
        #expect(CIFFBytes.messages(bytes).first?.number(2) == 0)
        #expect(try documents(bytes).map(\.id) == ["x"])
    }

    @Test("Impacts of too many bits, no bits at all and a scale that is none are refused")
    func refuses() throws {
        let index = try TestIndex([Document(id: "x", sparse: try SparseVector(["a": 3]))])
        let snapshot = try index.index.snapshot()
        func code(_ scale: Double?, _ bits: Int?) -> GranaryError.Code? {
            errorCode {
                let scale = try scale.map { try ImpactScale(factor: $0) }
                _ = try exported(snapshot, CIFFExportOptions(scale: scale, bits: bits))
            }
        }
        #expect(code(85, 8) == nil)
        #expect(code(86, 8) == .unsupported)
        #expect(code(86, nil) == nil)
        #expect(code(1e9, nil) == .unsupported)
        #expect(code(nil, 31) == nil)
        for bits in [0, 32, -1] { #expect(code(nil, bits) == .invalidArgument) }
        for scale in [0, -1, Double.nan, .infinity] { #expect(code(scale, nil) == .invalidArgument) }
    }

    @Test("A cancelled export stops, a full disk is an error, and so is what the taker of bytes throws")
    func stops() throws {
        let index = try index(2000, seed: 79)
        let snapshot = try index.index.snapshot()
        let cancellation = Cancellation()
        cancellation.cancel()
        #expect(
            errorCode { _ = try exported(snapshot, CIFFExportOptions(cancellation: cancellation)) }
                == .cancelled)
        index.fileSystem.limitWrites(to: 1000)
        let options = CIFFExportOptions(memoryBytes: 0, temporaryDirectory: TestIndex.path)
        #expect(errorCode { _ = try exported(snapshot, options) } == nil, "it fits in the buffer")
        let many = try TestIndex(
            try Collection.random(documents: 6000, components: 100, entries: 40...60, seed: 80).documents)
        many.fileSystem.limitWrites(to: 1000)
        let large = try many.index.snapshot()
        #expect(errorCode { _ = try exported(large, options) } == .diskFull)
        #expect(
            errorCode {
                try snapshot.exportCIFF { (_) throws(GranaryError) in throw GranaryError(.io, "gone") }
            } == .io)
    }
}
