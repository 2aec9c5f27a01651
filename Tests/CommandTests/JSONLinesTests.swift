import Granary
import Testing

/// What a line of JSON becomes.
@Suite struct JSONLinesTests {
    /// A line that is right, and the document that it is.
    struct Good: Sendable, CustomTestStringConvertible {
        var line: String
        var id: DocumentKey = 0
        var vector: SparseVector.Entries
        var dense: [Float]?
        var payload: String?
        var testDescription: String { line }

        init(
            _ line: String, id: DocumentKey = 0, _ vector: SparseVector.Entries, dense: [Float]? = nil,
            payload: String? = nil
        ) {
            (self.line, self.id, self.vector, self.payload) = (line, id, vector, payload)
            self.dense = dense
        }
    }

    static let good: [Good] = [
        Good(#"{"id":"a","vector":{"oil":1.5}}"#, id: "a", .tokens(["oil"], [1.5])),
        Good(#" { "vector" : { "b" : 1 , "a" : 2e0 } , "id" : 7 } "#, id: 7, .tokens(["a", "b"], [2, 1])),
        Good(#"{"id":18446744073709551615,"vector":{}}"#, id: .number(.max), .tokens([], [])),
        Good(#"{"vector":{"z":0,"a":0.0,"m":1}}"#, .tokens(["m"], [1])),
        Good(#"{"vector":{"a":-0}}"#, .tokens([], [])),
        Good(#"{"indices":[9,4294967295,0],"values":[1,2,3]}"#, .components([0, 9, .max], [3, 1, 2])),
        Good(#"{"values":[],"indices":[]}"#, .components([], [])),
        Good(#"{"vector":{"\u00e9\ud83d\ude00\n\"\\\/":1}}"#, .tokens(["é😀\n\"\\/"], [1])),
        Good(#"{"vector":{"é😀":65504}}"#, .tokens(["é😀"], [65504])),
        Good(
            #"{"vector":{"a":1},"payload":{"x": [1, null]}}"#, .tokens(["a"], [1]),
            payload: #"{"x": [1, null]}"#),
        Good(#"{"payload":"text","vector":{}}"#, .tokens([], []), payload: #""text""#),
        Good(#"{"payload":null,"vector":{}}"#, .tokens([], [])),
        Good(
            #"{"title":"T","vector":{},"text":"line\n2","n": 1.0}"#, .tokens([], []),
            payload: #"{"title":"T","text":"line\n2","n":1.0}"#),
        Good(#"{"text":"t","payload":false,"vector":{}}"#, .tokens([], []), payload: "false"),
        Good(#"{"dense":[0.5,-1],"vector":{}}"#, .tokens([], []), dense: [0.5, -1]),
        Good(
            #"{"vector":{},"dense": [ 1e-3 , -1E2,0 ],"n":1}"#, .tokens([], []), dense: [0.001, -100, 0],
            payload: #"{"n":1}"#),
        Good(#"{"dense":null,"vector":{}}"#, .tokens([], [])),
    ]

    /// What is kept as a payload is read by others as one value, one deeper than its members.
    @Test("A payload of further members is JSON as deep as an import takes, and comes back as it was")
    func depthOfMembers() throws {
        func line(_ depth: Int) -> String {
            let value = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            return "{\"id\":1,\"vector\":{},\"year\":2019,\"deep\":\(value)}"
        }
        let fileSystem = try MemoryFileSystem.with("in.jsonl", line(255).utf8)
        let document = try #require(try JSONLinesReader("in.jsonl", fileSystem: fileSystem).next())
        let again = try MemoryFileSystem.with("out.jsonl", document.jsonLine())
        #expect(try JSONLinesReader("out.jsonl", fileSystem: again).next()?.payload == document.payload)
        let deeper = try MemoryFileSystem.with("in.jsonl", line(256).utf8)
        let reader = try JSONLinesReader("in.jsonl", fileSystem: deeper)
        #expect(granaryError { () throws(GranaryError) in _ = try reader.next() }?.code == .malformedInput)
        let objects = try AnseriniReader(
            "in.jsonl", options: .init(weights: .float), fileSystem: deeper)
        #expect(granaryError { () throws(GranaryError) in _ = try objects.next() }?.code == .malformedInput)
    }

    @Test("A line that is right becomes its document", arguments: good)
    func readsGoodLine(_ good: Good) throws {
        let fileSystem = try MemoryFileSystem.with("in.jsonl", good.line.utf8)
        let reader = try JSONLinesReader("in.jsonl", fileSystem: fileSystem)
        let document = try #require(try reader.next())
        #expect(document.id == good.id)
        #expect(document.sparse.entries == good.vector)
        #expect(document.dense == good.dense)
        #expect(document.payload.map { String(decoding: $0, as: UTF8.self) } == good.payload)
        #expect(try reader.next() == nil)
    }

    /// A line that is wrong, and what its error says.
    struct Bad: Sendable, CustomTestStringConvertible {
        var line: String
        var code: GranaryError.Code
        var says: String
        var testDescription: String { String(line.prefix(80)) }

        init(_ line: String, _ code: GranaryError.Code, _ says: String) {
            (self.line, self.code, self.says) = (line, code, says)
        }

        init(_ line: String, _ says: String) { self.init(line, .malformedInput, says) }
    }

    static let bad: [Bad] = [
        Bad("[]", "an object"),
        Bad("{", "a name in quotes"),
        Bad("nonsense", "an object"),
        Bad(#"{"id":"a""#, "a closing brace"),
        Bad(#"{"id":"a"}"#, "\"vector\""),
        Bad(#"{"id":"a","vector":{}} x"#, "the end of the line"),
        Bad(#"{"id":"a","vector":{},}"#, "a name in quotes"),
        Bad(#"{"id":"a" "vector":{}}"#, "a comma"),
        Bad(#"{id:"a","vector":{}}"#, "a name in quotes"),
        Bad(#"{"id""a","vector":{}}"#, "a colon"),
        Bad(#"{"id":"","vector":{}}"#, "1 to 255 bytes"),
        Bad("{\"id\":\"\(String(repeating: "i", count: 256))\",\"vector\":{}}", "1 to 255 bytes"),
        Bad(#"{"id":-1,"vector":{}}"#, "an id"),
        Bad(#"{"id":1.5,"vector":{}}"#, "an id"),
        Bad(#"{"id":18446744073709551616,"vector":{}}"#, "an id"),
        Bad(#"{"id":null,"vector":{}}"#, "an id"),
        Bad(#"{"id":"a","id":"b","vector":{}}"#, "once"),
        Bad(#"{"vector":{},"vector":{}}"#, "once"),
        Bad(#"{"vector":[1]}"#, "an object of tokens"),
        Bad(#"{"vector":{"a":"1"}}"#, "a weight"),
        Bad(#"{"vector":{"a":null}}"#, "a weight"),
        Bad(#"{"vector":{"a":01}}"#, "a weight"),
        Bad(#"{"vector":{"a":.5}}"#, "a weight"),
        Bad(#"{"vector":{"a":+1}}"#, "a weight"),
        Bad(#"{"vector":{"a":1.}}"#, "a digit after the point"),
        Bad(#"{"vector":{"a":1e}}"#, "a digit in the exponent"),
        Bad(#"{"vector":{"a":-1}}"#, .invalidWeight, "0 to 65504"),
        Bad(#"{"vector":{"a":65505}}"#, .invalidWeight, "0 to 65504"),
        Bad(#"{"vector":{"a":1e999}}"#, .invalidWeight, "0 to 65504"),
        Bad(#"{"vector":{"a":NaN}}"#, .invalidWeight, "0 to 65504"),
        Bad(#"{"vector":{"a":Infinity}}"#, .invalidWeight, "0 to 65504"),
        Bad(#"{"vector":{"a":-Infinity}}"#, .invalidWeight, "0 to 65504"),
        Bad(#"{"indices":[1],"values":[NaN]}"#, .invalidWeight, "0 to 65504"),
        Bad(#"{"vector":{"a":1,"b":1,"a":2}}"#, .duplicateComponent, "once"),
        Bad(#"{"indices":[3,3],"values":[1,1]}"#, .duplicateComponent, "once"),
        Bad(#"{"indices":[4294967296],"values":[1]}"#, "0 to 4294967295"),
        Bad(#"{"indices":[-1],"values":[1]}"#, "0 to 4294967295"),
        Bad(#"{"indices":[1.0],"values":[1]}"#, "0 to 4294967295"),
        Bad(#"{"indices":[1,2],"values":[1]}"#, "as many values as indices"),
        Bad(#"{"indices":[1]}"#, "together"),
        Bad(#"{"vector":{},"indices":[],"values":[]}"#, "found both"),
        Bad(#"{"vector":{"a\x":1}}"#, "an escape"),
        Bad(#"{"vector":{"\ud800":1}}"#, "surrogate"),
        Bad(#"{"vector":{"\udc00":1}}"#, "surrogate"),
        Bad(#"{"vector":{"\ud800\u0041":1}}"#, "surrogate"),
        Bad(#"{"vector":{"\ud83dx":1}}"#, "surrogate"),
        Bad(#"{"vector":{"\u12g4":1}}"#, "hexadecimal"),
        Bad("{\"vector\":{\"a\u{1}\":1}}", "control"),
        Bad(#"{"vector":{"a"#, "a closing quote"),
        Bad(#"{"vector":{},"dense":[1],"dense":[1]}"#, "once"),
        Bad(#"{"vector":{},"dense":null,"dense":[1]}"#, "once"),
        Bad(#"{"vector":{},"dense":[]}"#, "a number, or null"),
        Bad(#"{"vector":{},"dense":1}"#, "an array of numbers"),
        Bad(#"{"vector":{},"dense":[1,]}"#, "a finite number"),
        Bad(#"{"vector":{},"dense":[1,"2"]}"#, "a finite number"),
        Bad(#"{"vector":{},"dense":[[1]]}"#, "a finite number"),
        Bad(#"{"vector":{},"dense":[NaN]}"#, "a finite number"),
        Bad(#"{"vector":{},"dense":[-Infinity]}"#, "a finite number"),
        Bad(#"{"vector":{},"dense":[1e39]}"#, "a finite number"),
        Bad(#"{"payload":tru,"vector":{}}"#, "a value"),
        Bad(#"{"payload":[1,],"vector":{}}"#, "a value"),
        Bad("{\"payload\":\(String(repeating: "[", count: 100_000))", "deep"),
    ]

    @Test("A line that is wrong is named with file, line and what was expected", arguments: bad)
    func refusesBadLine(_ bad: Bad) throws {
        let good = #"{"id":"good","vector":{"a":1}}"#
        let fileSystem = try MemoryFileSystem.with("in.jsonl", "\(good)\n\n\(bad.line)\n\(good)\n".utf8)
        let reader = try JSONLinesReader("in.jsonl", fileSystem: fileSystem)
        #expect(try reader.next()?.id == "good")
        let error = try #require(granaryError { () throws(GranaryError) in _ = try reader.next() })
        #expect(error.code == bad.code, "\(error)")
        #expect(error.path == "in.jsonl")
        #expect(error.line == 3)
        #expect(error.message.contains(bad.says), "\(error)")
    }

    @Test("Bytes that are not UTF-8 are refused")
    func refusesInvalidUTF8() throws {
        for bytes: [UInt8] in [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80]] {
            let line = Array("{\"vector\":{\"".utf8) + bytes + Array("\":1}}".utf8)
            let reader = try JSONLinesReader("in", fileSystem: try MemoryFileSystem.with("in", line))
            let error = granaryError { () throws(GranaryError) in _ = try reader.next() }
            #expect(error?.code == .malformedInput)
            #expect(error?.line == 1)
        }
    }

    @Test("Duplicates are settled as asked")
    func settlesDuplicates() throws {
        let line = #"{"vector":{"a":1,"b":4,"a":2}}"#
        for (rule, weight) in [(SparseVector.Duplicates.max, Float(2)), (.sum, 3)] {
            let reader = try JSONLinesReader(
                "in", options: .init(duplicates: rule), fileSystem: try MemoryFileSystem.with("in", line.utf8)
            )
            #expect(try reader.next()?.sparse.entries == .tokens(["a", "b"], [weight, 4]))
        }
    }

    @Test("Decimal tokens become components")
    func readsDecimalTokens() throws {
        let text = "{\"vector\":{\"10\":1,\"9\":2}}\n{\"vector\":{\"oil\":1}}\n"
        let reader = try JSONLinesReader(
            "in", options: .init(hasDecimalTokens: true),
            fileSystem: try MemoryFileSystem.with("in", text.utf8))
        #expect(try reader.next()?.sparse.entries == .components([9, 10], [2, 1]))
        let error = granaryError { () throws(GranaryError) in _ = try reader.next() }
        #expect(error?.code == .malformedInput)
        #expect(error?.line == 2)
    }

    @Test("A line without an id gets its row number, and blank lines are no rows")
    func numbersRows() throws {
        let text = "\u{FEFF}{\"vector\":{}}\r\n  \n\n{\"id\":\"x\",\"vector\":{}}\n{\"vector\":{}}"
        let reader = try JSONLinesReader("in", fileSystem: try MemoryFileSystem.with("in", text.utf8))
        var ids: [DocumentKey] = []
        while let document = try reader.next() { ids.append(document.id) }
        #expect(ids == [0, "x", 2])
        #expect(reader.line == 5)
    }

    @Test("A line over the limit is refused with its number, one of the limit is read")
    func limitsLines() throws {
        let line = #"{"vector":{"a":1}}"#
        let text = line + "\n" + line + " \n"
        let reader = try JSONLinesReader(
            "in", options: .init(maximumLineBytes: line.utf8.count),
            fileSystem: try MemoryFileSystem.with("in", text.utf8))
        #expect(try reader.next() != nil)
        let error = granaryError { () throws(GranaryError) in _ = try reader.next() }
        #expect(error?.code == .tooLarge)
        #expect(error?.line == 2)
        #expect(error?.path == "in")
    }

    @Test("A line of 100 MB is refused before it is in memory")
    func refusesHugeLine() throws {
        let text = [UInt8](repeating: UInt8(ascii: "["), count: 100_000_000)
        let reader = try JSONLinesReader("in", fileSystem: try MemoryFileSystem.with("in", text))
        let error = granaryError { () throws(GranaryError) in _ = try reader.next() }
        #expect(error?.code == .tooLarge)
        #expect(error?.line == 1)
        #expect(reader.bytesRead < 20 << 20)
    }

    @Test("What is written as a line is read as the same document")
    func linesRoundTrip() throws {
        let seed: UInt64 = 11
        var random = SeededGenerator(seed: seed)
        let alphabet = ["a", "é", "\"", "\\", "\n", "\u{1}", "\u{7f}", "😀", "/", " ", "\u{2028}"]
        for _ in 0..<300 {
            let word = { (random: inout SeededGenerator) in
                (0..<Int.random(in: 1...6, using: &random)).map { _ in
                    alphabet.randomElement(using: &random) ?? ""
                }.joined()
            }
            var tokens: [String: Float] = [:]
            for _ in 0..<Int.random(in: 0...20, using: &random) {
                tokens[word(&random)] = Float(bitPattern: UInt32.random(in: 1...0x477F_E000, using: &random))
            }
            let payloads = ["{\"a\": 1}", "null and void", "[1,\n 2]", "\"text\""]
            let values = (0..<Int.random(in: 1...8, using: &random)).map { _ in
                Float(
                    bitPattern: UInt32.random(in: 0...0x7F7F_FFFF, using: &random)
                        | (random.next() & 1 == 0 ? 0 : 1 << 31))
            }
            let document = Document(
                id: Bool.random(using: &random) ? .string(word(&random)) : .number(random.next()),
                sparse: try SparseVector(tokens), dense: Bool.random(using: &random) ? values : nil,
                payload: payloads.randomElement(using: &random).map { Array($0.utf8) })
            let line = document.jsonLine()
            #expect(!line.contains(0x0A))
            let reader = try JSONLinesReader("in", fileSystem: try MemoryFileSystem.with("in", line))
            let read = try #require(try reader.next(), "seed \(seed)")
            #expect(read.id == document.id)
            #expect(read.sparse == document.sparse, "seed \(seed)")
            #expect(read.dense?.map(\.bitPattern) == document.dense?.map(\.bitPattern), "seed \(seed)")
            #expect(read.payload == document.payload.map { JSONText.value($0) })
        }
    }
}
