import GranaryStorage
import TestSupport
import Testing

@testable import Granary

/// Seismic's binary vectors, in and out.
@Suite struct SeismicTests {
    private func vectors(
        _ bytes: [UInt8], _ duplicates: SparseVector.Duplicates = .reject
    ) throws(GranaryError) -> [SparseVector] {
        let fileSystem = try TestFileSystem(files: ["a.bin": bytes], in: "in")
        let file = try SeismicFile("in/a.bin", duplicates: duplicates, fileSystem: fileSystem)
        var vectors: [SparseVector] = []
        while let vector = try file.next() { vectors.append(vector) }
        return vectors
    }

    private func failure(_ bytes: [UInt8]) -> GranaryError? {
        do throws(GranaryError) {
            _ = try vectors(bytes)
            return nil
        } catch { return error }
    }

    private static func words(_ words: [UInt32]) -> [UInt8] {
        words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }

    private static let half = Float(0.5).bitPattern
    private static let two = Float(2).bitPattern
    private static let sample = words([3, 2, 9, 1, half, two, 0, 1, .max, two])

    @Test("Vectors are read, sorted, with empty ones")
    func reads() throws {
        let found = try vectors(Self.sample).map(\.entries)
        #expect(
            found == [.components([1, 9], [2, 0.5]), .components([], []), .components([.max], [2])])
        #expect(try vectors(Self.words([0])).isEmpty)
        let double = Self.words([1, 2, 9, 9, Self.half, Self.two])
        #expect(try vectors(double, .sum).map(\.entries) == [.components([9], [2.5])])
    }

    @Test("Every other length is refused")
    func refusesLengths() {
        for length in Self.sample.indices {
            let code = failure(Array(Self.sample.prefix(length)))?.code
            #expect(code == .truncated || code == .malformedInput, "\(length) bytes")
        }
        #expect(failure(Self.sample + [0])?.code == .malformedInput)
    }

    @Test(
        "What is wrong is named with the vector",
        arguments: [
            ([2, 0, .max], GranaryError.Code.tooLarge, 2), ([2, 0, 1 << 20], .truncated, 2),
            ([1, 2, 9, 9, half, two], .duplicateComponent, 1),
            ([1, 1, 9, Float(-1).bitPattern], .invalidWeight, 1),
            ([1, 1, 9, Float.nan.bitPattern], .invalidWeight, 1), ([.max, 0, 0], .malformedInput, nil),
        ] as [([UInt32], GranaryError.Code, UInt64?)])
    func refuses(_ words: [UInt32], _ code: GranaryError.Code, _ line: UInt64?) {
        let failure = failure(Self.words(words))
        #expect(failure?.code == code)
        #expect(failure?.line == line)
        #expect(failure?.path == "in/a.bin")
    }

    @Test("Live rows come back exactly, in order of insertion")
    func comesBack() throws {
        let collection = try Collection.random(documents: 300, components: 90, stride: 1000, seed: 89)
        let index = try TestIndex(
            collection.documents, schema: Schema(weights: .float32), options: .small(segmentDocuments: 100))
        try index.write { (writer) throws(GranaryError) in
            for number in [0, 5, 299] { try writer.delete(id: collection.documents[number].id) }
        }
        var bytes: [UInt8] = []
        try index.index.snapshot().exportSeismic { (piece) throws(GranaryError) in bytes += piece }
        let expected = collection.documents.enumerated().filter { ![0, 5, 299].contains($0.offset) }
        #expect(try vectors(bytes) == expected.map(\.element.sparse))
    }
}
