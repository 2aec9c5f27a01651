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
        #expect(whole.first?.payload == nil)
        #expect(
            whole.dropFirst().first?.payload.map { String(decoding: $0, as: UTF8.self) }
                == #"{"contents":"text of doc-01"}"#)
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

    @Test(
        "Vectors that Seismic's script and BigANN's wrote are read, and written with the same bytes",
        arguments: [("seismic.bin", "seismic"), ("bigann.csr", "csr")])
    func numberedVectors(_ name: String, _ format: String) throws {
        let tokens = try TextFile.names(Self.fixture("seismic.tokens"))
        let found = try read(name, InputFormat(rawValue: format)).map { document -> [String: Float] in
            guard case .components(let components, let weights) = document.sparse.entries else { return [:] }
            return Dictionary(uniqueKeysWithValues: zip(components.map { tokens[Int($0)] }, weights))
        }
        #expect(found == (try expected { $0 }).map(\.weights))
        let files = try Workspace()
        let built = try Executable.run(
            "build", "--index", files.file("index"), "--input", Self.fixture(name), "--format", format,
            "--weights", "float32")
        #expect(built.code == 0, "\(built.errors)")
        let exported = try Executable.run(
            "export", "--index", files.file("index"), "--format", format, "--output", files.file("out"))
        #expect(exported.code == 0, "\(exported.errors)")
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: files.file("out")))
                == Data(contentsOf: URL(fileURLWithPath: Self.fixture(name))))
    }

    @Test("A truth that BigANN's script wrote has what an exact search finds")
    func truth() throws {
        let files = try Workspace()
        let built = try Executable.run(
            "build", "--index", files.file("index"), "--input", Self.fixture("bigann.csr"), "--vocabulary",
            Self.fixture("seismic.tokens"))
        #expect(built.code == 0, "\(built.errors)")
        let queries = try files.write("q.jsonl", #"{"vector": {"oil": 1, "price": 1}}"#)
        let searched = try Executable.run(
            "search", "--index", files.file("index"), "--queries", queries, "--exact", "--run",
            files.file("run"))
        #expect(searched.code == 0, "\(searched.errors)")
        let evaluated = try Executable.run(
            "eval", "--run", files.file("run"), "--truth", Self.fixture("bigann.gt"), "-k", "3")
        #expect(evaluated.lines == ["recall@3    1.0000", "queries     1"])
        let truth = try GroundTruth.open(Self.fixture("bigann.gt"))
        #expect(Array(truth.ids(0)) == [2, 8, 3])
    }

    @Test(
        "Dense vectors of BigANN's script, faiss and NumPy are read, and written with the same bytes",
        arguments: [
            "bigann.fbin", "faiss.fvecs", "numpy-float16.npy", "numpy-float32.npy", "numpy-float64.npy",
        ])
    func denseVectors(_ name: String) throws {
        let file = try VectorFile.open(Self.fixture(name))
        var rows = file.rows()
        var found: [[Float]] = []
        while let row = try rows.next() { found.append(row) }
        #expect(found == [[0, -0.125, 1.5], [2, 0.25, -3], [65504, -1, 0.5], [1, 2, 3]])
        let encoder = try VectorFileEncoder(file.format, rowCount: 4, dimensions: 3)
        let bytes = try found.reduce(encoder.header) { try $0 + encoder.row($1) }
        // Ours have float32 values, whatever NumPy had.
        guard !name.contains("float16"), !name.contains("float64") else { return }
        #expect(try Data(contentsOf: URL(fileURLWithPath: Self.fixture(name))) == Data(bytes))
    }
}
