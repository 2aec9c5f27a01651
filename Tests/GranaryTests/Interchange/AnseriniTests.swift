import GranaryStorage
import TestSupport
import Testing

@testable import Granary

/// Anserini's JSON vectors, in and out.
@Suite struct AnseriniTests {
    private func documents(
        _ text: String, _ options: AnseriniReader.Options = .init(weights: .float)
    ) throws(GranaryError) -> [Document] {
        let fileSystem = try TestFileSystem(files: ["a.json": Array(text.utf8)], in: "in")
        let reader = try AnseriniReader("in/a.json", options: options, fileSystem: fileSystem)
        var documents: [Document] = []
        while let document = try reader.next() { documents.append(document) }
        return documents
    }

    private func failure(
        _ text: String, _ options: AnseriniReader.Options = .init(weights: .float)
    ) -> GranaryError? {
        do throws(GranaryError) {
            _ = try documents(text, options)
            return nil
        } catch { return error }
    }

    private static let first = #"{"id": "x", "contents": "a {b} \" ]", "vector": {"a": 1.5, "é": 2}}"#
    private static let second = #"{"vector": {}, "id": 7}"#

    @Test(
        "A file has an object a line, or several, or an array of them, or one over many lines",
        arguments: [
            "\(first)\n\(second)\n", "\(first)\(second)", "[\(first),\(second)]",
            "\u{FEFF} [\r\n\(first)\t,\n\(second) ]\n", first.replacing(",", with: "\n,\n") + second,
        ])
    func readsEveryForm(_ text: String) throws {
        let found = try documents(text)
        #expect(found.map(\.id) == ["x", 7])
        #expect(found.map(\.sparse.weightOfToken) == [["a": 1.5, "é": 2], [:]])
        #expect(found.last?.payload == nil)
        let payload = String(decoding: found.first?.payload ?? [], as: UTF8.self)
        #expect(payload == #"{"contents":"a {b} \" ]"}"#)
    }

    @Test("A file may have nothing in it", arguments: ["", " \n", "[]", " [ \n ] "])
    func readsNothing(_ text: String) throws {
        #expect(try documents(text).isEmpty)
    }

    @Test("Other members are the payload, without empty contents")
    func keepsMembers() throws {
        let text =
            #"{"contents": "", "id": "x", "title": "t", "vector": {}, "n": [1, {"id": 2}], "contents2": ""}"#
        let payload = try documents(text).first?.payload ?? []
        #expect(
            String(decoding: payload, as: UTF8.self)
                == #"{"title":"t","n":[1, {"id": 2}],"contents2":""}"#)
    }

    @Test("Numbers are weights, or whole multiples of them by a scale")
    func readsNumbers() throws {
        func weights(
            _ numbers: String, _ weights: VectorWeights, _ scale: Double? = nil
        ) throws -> [String: Float] {
            let scale = try scale.map { try ImpactScale(factor: $0) }
            return try documents(
                "{\"id\": 1, \"vector\": {\(numbers)}}", .init(weights: weights, scale: scale)
            ).first?.sparse.weightOfToken ?? [:]
        }
        #expect(try weights(#""a": 0.1, "b": 3"#, .float) == ["a": 0.1, "b": 3])
        #expect(try weights(#""a": 10, "b": 0.5"#, .float, 4) == ["a": 2.5, "b": 0.125])
        #expect(try weights(#""a": 150, "b": 0, "c": 1"#, .int, 100) == ["a": 1.5, "c": 0.01])
        #expect(try weights(#""a": 2.0, "b": 1e2"#, .int) == ["a": 2, "b": 100])
    }

    @Test("A fraction among whole numbers is an error that names line and token")
    func refusesFractions() {
        let text = "{\"id\": 1, \"vector\": {\"a\": 1}}\n{\"id\": 2,\n\"vector\": {\"oil\":\n1.5}}"
        let failure = failure(text, .init(weights: .int))
        #expect(failure?.code == .malformedInput)
        #expect(failure?.line == 4)
        #expect(failure?.path == "in/a.json")
        #expect(failure?.message.contains("\"oil\"") == true)
        #expect(self.failure(text) == nil)
    }

    @Test(
        "What is no such file is an error with the line",
        arguments: [
            ("x", 1, .malformedInput), ("{}", 1, .malformedInput), ("{\"id\": 1}", 1, .malformedInput),
            ("{\"vector\": {}}", 1, .malformedInput), ("\n{\"id\": 1, \"vector\": []}", 2, .malformedInput),
            ("{\"id\": 1, \"id\": 2, \"vector\": {}}", 1, .malformedInput),
            ("{\"id\": 1, \"vector\": {}, \"vector\": {}}", 1, .malformedInput),
            ("{\"id\": \"\", \"vector\": {}}", 1, .malformedInput),
            ("{\"id\": -1, \"vector\": {}}", 1, .malformedInput),
            ("{\"id\": 1, \"vector\": {\"a\": \"1\"}}", 1, .malformedInput),
            ("{\"id\": 1, \"vector\": {\"a\": -1}}", 1, .invalidWeight),
            ("{\"id\": 1, \"vector\": {\"a\": 1e9}}", 1, .invalidWeight),
            ("{\"id\": 1, \"vector\": {\"a\": 1, \"a\": 1}}", 1, .duplicateComponent),
            ("{\"id\": 1, \"vector\": {}]", 1, .malformedInput),
            ("[{\"id\": 1, \"vector\": {}}", 1, .malformedInput),
            ("[{\"id\": 1, \"vector\": {}},\n]", 2, .malformedInput), ("[1]", 1, .malformedInput),
            ("[{\"id\": 1, \"vector\": {}} {}]", 1, .malformedInput), ("[]\n[]", 2, .malformedInput),
            ("{\"id\": 1, \"vector\": {}}\n[]", 2, .malformedInput), ("[] {}", 1, .malformedInput),
            ("{\"id\": 1, \"vector\": {}}\n{\"id\": \"", 2, .malformedInput), ("\u{EF}", 1, .malformedInput),
        ] as [(String, UInt64, GranaryError.Code)])
    func refuses(_ text: String, _ line: UInt64, _ code: GranaryError.Code) {
        let failure = failure(text)
        #expect(failure?.code == code, "\(String(describing: failure))")
        #expect(failure?.line == line)
        #expect(failure?.path == "in/a.json")
    }

    @Test("Every beginning of an array is refused")
    func refusesBeginnings() {
        let bytes = Array("[\(Self.first),\n\(Self.second)]".utf8)
        for length in 1..<bytes.count {
            let text = String(decoding: bytes.prefix(length), as: UTF8.self)
            #expect(failure(text)?.code == .malformedInput, "\(length) bytes")
        }
    }

    @Test("An object over the limit is refused before it is read to its end")
    func refusesLongObjects() {
        let text = "{\"id\": 1, \"vector\": {}}\n{\"id\": 2, \"vector\": {}, \"t\": \"long\"}"
        let failure = failure(text, .init(weights: .float, maximumObjectBytes: 30))
        #expect(failure?.code == .tooLarge)
        #expect(failure?.line == 2)
    }

    // MARK: Writing

    private func line(
        _ document: Document, _ weights: VectorWeights = .float, _ scale: Double? = nil
    ) throws -> String {
        let scale = try scale.map { try ImpactScale(factor: $0) }
        return String(
            decoding: try AnseriniEncoder(weights: weights, scale: scale).line(document), as: UTF8.self)
    }

    @Test("A document comes back, exactly as numbers with a fraction")
    func comesBack() throws {
        let collection = try Collection.random(documents: 200, components: 50, seed: 83)
        var text = ""
        var expected: [Document] = []
        for (number, document) in collection.documents.enumerated() {
            let tokens = document.sparse.weightOfComponent.map { ("\"\($0.key)\n", $0.value) }
            var document = Document(id: document.id, sparse: try SparseVector(tokens: tokens))
            if number % 3 == 0 {
                document.payload = Array(#"{"contents":"a\n\"b","n":[1, {}],"o":null}"#.utf8)
            }
            expected.append(document)
            text += try line(document) + "\n"
        }
        #expect(text.count { $0 == "\n" } == 200)
        #expect(try documents(text) == expected)
        let scaled = try expected.map { try line($0, .float, 7) }.joined()
        let scale = try ImpactScale(factor: 7)
        #expect(try documents(scaled, .init(weights: .float, scale: scale)) == expected)
    }

    @Test("Whole numbers are weights times the scale, to the nearest and at least 1")
    func writesWholeNumbers() throws {
        let vector = try SparseVector(["a": 0.001, "b": 1.5, "c": 2.345])
        let text = try line(Document(id: 3, sparse: vector), .int, 100)
        #expect(text == #"{"id": 3, "contents": "", "vector": {"a": 1, "b": 150, "c": 235}}"#)
        #expect(errorCode { _ = try line(Document(id: 3, sparse: vector), .int) } == .invalidArgument)
        #expect(errorCode { _ = try line(Document(id: 3, sparse: vector), .int, 1e9) } == .unsupported)
    }

    @Test(
        "A payload stands beside the vector, whatever it is",
        arguments: [
            (#"{"contents": "c", "t": 1}"#, #""contents": "c", "t": 1"#),
            (#"{ "id" : 1 , "t" :[ 2 ] , "vector":{"a":1}}"#, #""contents": "", "t" :[ 2 ]"#),
            (#"{}"#, #""contents": """#), (#"[1]"#, #""contents": "", "payload": [1]"#),
            ("text", #""contents": "", "payload": "text""#),
            ("{\"a\":\n1}", #""contents": "", "a": 1"#),
        ])
    func writesPayloads(_ payload: String, _ expected: String) throws {
        let document = Document(id: "x", sparse: try SparseVector([:]), payload: Array(payload.utf8))
        let text = try line(document)
        #expect(text == "{\"id\": \"x\", \(expected), \"vector\": {}}")
        #expect(try documents(text).count == 1)
    }
}
