import CommandSupport
import Foundation
import Granary
import Testing

/// Files that the tools of others wrote. `Tests/CommandTests/Interchange/Fixtures/README.md` says how.
@Suite struct PeerFileTests {
    /// The path of a file of the fixtures.
    static func fixture(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)")
            .path
    }

    /// The entries of a document by token.
    private struct Expected: Equatable {
        var id: String
        var weights: [String: Float]
    }

    private func read(
        _ name: String, _ format: InputFormat? = nil, _ settings: InputSettings = InputSettings()
    ) throws -> [Document] {
        let source = try DocumentSource([Self.fixture(name)], format: format, settings: settings)
        var documents: [Document] = []
        while let document = try source.next() { documents.append(document) }
        return documents
    }

    private func plain(_ documents: [Document]) -> [Expected] {
        documents.map { document in
            guard case .tokens(let tokens, let weights) = document.sparse.entries else {
                return Expected(id: document.id.description, weights: ["no tokens": 0])
            }
            return Expected(
                id: document.id.description, weights: Dictionary(uniqueKeysWithValues: zip(tokens, weights)))
        }
    }

    /// The documents that all fixtures have, with other weights.
    private func expected(_ weight: (Float) -> Float?) throws -> [Expected] {
        plain(try read("documents.jsonl")).map {
            Expected(id: $0.id, weights: $0.weights.compactMapValues(weight))
        }
    }

    @Test("A CIFF file of ciff-toolkit has the impacts that were given to it")
    func ciffToolkit() throws {
        let whole = try expected { max(1, ($0 * 100).rounded()) }
        #expect(plain(try read("toolkit.ciff")) == whole)
        let scaled = try expected { max(1, ($0 * 100).rounded()) / 100 }
        let scale = try ImpactScale(factor: 100)
        #expect(plain(try read("toolkit.ciff", nil, InputSettings(scale: scale))) == scaled)
    }

    @Test("Two CIFF files that ciff-toolkit merged are read, in the order that it gave the documents")
    func mergedCIFF() throws {
        let whole = try expected { max(1, ($0 * 100).rounded()) }
        let merged = plain(try read("merged.ciff"))
        #expect(merged.map(\.id) != whole.map(\.id))
        #expect(merged.sorted { $0.id < $1.id } == whole.sorted { $0.id < $1.id })
    }

    @Test("A CIFF file of pyterrier-ciff, whose terms are in no order, has its impacts: cut off")
    func pyterrier() throws {
        let whole = try expected { $0 * 100 < 1 ? nil : Float(Int(Double($0.description)! * 100)) }
        #expect(plain(try read("pyterrier.ciff")) == whole)
    }

    @Test("Vectors that Pyserini wrote are read, with a fraction and without, and their contents kept")
    func pyserini() throws {
        let fractions = try read("pyserini-float.jsonl", .anserini, InputSettings(vectorWeights: .float))
        #expect(plain(fractions) == (try expected { $0 }))
        let scale = try ImpactScale(factor: 100)
        let whole = try read(
            "pyserini-int.jsonl", .anserini, InputSettings(vectorWeights: .int, scale: scale))
        #expect(plain(whole) == (try expected { max(1, ($0 * 100).rounded()) / 100 }))
        #expect(whole[0].payload == nil)
        #expect(
            whole[1].payload.map { String(decoding: $0, as: UTF8.self) } == #"{"contents":"text of doc-01"}"#)
        let refused = granaryError { () throws(GranaryError) in
            let source = try DocumentSource(
                [Self.fixture("pyserini-float.jsonl")], format: .anserini,
                settings: InputSettings(vectorWeights: .int))
            while try source.next() != nil {}
        }
        #expect(refused?.code == .malformedInput)
        #expect(refused?.line == 1)
        #expect(refused?.message.contains("\"price2\"") == true)
    }

    @Test("Vectors that Seismic's script wrote are read, and written with the same bytes")
    func seismic() throws {
        let tokens = try TextFile.names(Self.fixture("seismic.tokens"))
        let found = try read("seismic.bin", .seismic).map { document -> [String: Float] in
            guard case .components(let components, let weights) = document.sparse.entries else { return [:] }
            return Dictionary(uniqueKeysWithValues: zip(components.map { tokens[Int($0)] }, weights))
        }
        #expect(found == (try expected { $0 }).map(\.weights))
        let files = try Workspace()
        let built = try Executable.run(
            "build", "--index", files.file("index"), "--input", Self.fixture("seismic.bin"), "--format",
            "seismic", "--weights", "float32")
        #expect(built.code == 0, "\(built.errors)")
        let exported = try Executable.run(
            "export", "--index", files.file("index"), "--format", "seismic", "--output", files.file("out.bin")
        )
        #expect(exported.code == 0, "\(exported.errors)")
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: files.file("out.bin")))
                == Data(contentsOf: URL(fileURLWithPath: Self.fixture("seismic.bin"))))
    }
}
