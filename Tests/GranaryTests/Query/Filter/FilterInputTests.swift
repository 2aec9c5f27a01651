import TestSupport
import Testing

@testable import Granary

/// Filters, fields and payloads that cannot be, or say nothing.
@Suite struct FilterInputTests {
    private static let fields = [
        Field("s", .string), Field("i", .integer), Field("n", .number), Field("b", .boolean),
    ]

    private func message(_ body: () throws(GranaryError) -> Void) -> String {
        do throws(GranaryError) {
            try body()
            return ""
        } catch {
            return error.code == .invalidArgument ? error.message : "another code: \(error.code)"
        }
    }

    @Test func aFilterThatTheSchemaDoesNotAllowIsAnInvalidArgumentThatSaysWhich() throws {
        let vector = try SparseVector(components: [1], weights: [1])
        let snapshot = try TestIndex(
            [Document(id: 1, sparse: vector)], schema: Schema(fields: Self.fields)
        ).index.snapshot()
        var deep = Filter.allow([])
        for _ in 0..<Filter.largestDepth { deep = .not(deep) }
        let cases: [(Filter, String)] = [
            (.equals("unknown", 1), "\"unknown\""), (.range("S", FieldRange()), "\"S\""),
            (.equals("s", 1), "\"s\""), (.equals("s", true), "\"s\""), (.equals("i", "1"), "\"i\""),
            (.equals("i", 1.5), "\"i\""), (.oneOf("b", [true, 0]), "\"b\""),
            (.equals("n", .number(.nan)), "\"n\""), (.equals("n", "1"), "\"n\""),
            (.range("i", FieldRange(from: 3, through: 2)), "\"i\""),
            (.range("i", FieldRange(lower: .including(3), upper: .excluding(3))), "\"i\""),
            (.range("s", FieldRange(from: "b", through: "a")), "\"s\""),
            (.range("n", FieldRange(lower: .excluding(0.0), upper: .including(-0.0))), "\"n\""),
            (.and([.or([.not(.equals("nowhere", 1))])]), "\"nowhere\""),
            (.allow([1, ""]), "id"), (.deny([.string(String(repeating: "x", count: 256))]), "id"),
            (deep, "deep"),
        ]
        for (filter, word) in cases {
            for text in [vector, try SparseVector(components: [], weights: [])] {
                var query = Query(sparse: text)
                query.filter = filter
                let found = message { () throws(GranaryError) in _ = try snapshot.search(query) }
                #expect(found.contains(word), "\(filter): \(found)")
            }
        }
        for filter: Filter in [
            .equals("i", .integer(.min)), .equals("n", 3), .equals("n", .number(-.infinity)), .not(.or([])),
            .range("n", FieldRange(from: -0.0, through: 0)), .oneOf("s", []), .allow([]), .and([]),
            .equals("s", .string(String(repeating: "x", count: 5000))),
        ] {
            var query = Query(sparse: vector)
            query.filter = filter
            #expect(message { () throws(GranaryError) in _ = try snapshot.search(query) } == "")
        }
    }

    @Test func fieldsThatCannotBeAreAnInvalidArgumentAndLeaveNothing() throws {
        let long = String(repeating: "x", count: 256)
        let cases: [[Field]] = [
            [Field("", .string)], [Field(long, .string)], [Field("a", .string, path: "")],
            [Field("a", .string, path: "b..c")], [Field("a", .string, path: ".b")],
            [Field("a", .string, path: long)], [Field("a", .string), Field("a", .integer, path: "b")],
            (0...Field.largestCount).map { Field("f\($0)", .integer) },
        ]
        for fields in cases {
            let system = TestFileSystem()
            #expect(
                message { () throws(GranaryError) in
                    _ = try Index.create(at: "i", schema: Schema(fields: fields), fileSystem: system)
                } != "")
            #expect(
                message { () throws(GranaryError) in
                    _ = try IndexWriter.create(at: "i", schema: Schema(fields: fields), fileSystem: system)
                } != "")
            #expect(try system.status("i") == nil)
        }
    }

    @Test func aSchemaComesBackFromItsBytesAndOthersAreRefused() throws {
        let schema = Schema(
            weights: .uint8, payloadCompression: .none,
            fields: [Field("é", .string, path: "a.b.c"), Field("n", .number), Field("b", .boolean)])
        let bytes = try SchemaCodec.encode(schema)
        #expect(try SchemaCodec.decode(bytes, path: "") == schema)
        let most = Schema(
            fields: (0..<Field.largestCount).map { Field("f\($0)", .integer, path: "p.\($0)") })
        #expect(try SchemaCodec.decode(try SchemaCodec.encode(most), path: "") == most)
        for length in 0..<bytes.count {
            #expect(
                errorCode { _ = try SchemaCodec.decode(Array(bytes.prefix(length)), path: "") }
                    == .unsupportedVersion)
        }
        #expect(errorCode { _ = try SchemaCodec.decode(bytes + [0], path: "") } == .unsupportedVersion)
        for position in 6..<bytes.count {
            var damaged = bytes
            damaged[position] = 0xff
            let found = try? SchemaCodec.decode(damaged, path: "")
            #expect(found != schema)
        }
    }

    @Test func segmentsOfAnIndexWithOtherFieldsAreNotAttached() throws {
        let system = TestFileSystem()
        let other = try Index.create(
            at: "other", schema: Schema(fields: [Field("s", .integer)]), fileSystem: system)
        let writer = try other.writer(.small())
        try writer.upsert(Document(id: 1, sparse: try SparseVector(components: [1], weights: [1])))
        _ = try writer.commit()
        writer.close()
        let index = try Index.create(
            at: "own", schema: Schema(fields: Self.fields), fileSystem: system)
        let own = try index.writer(.small())
        defer { own.close() }
        #expect(errorCode { _ = try own.attach(["other"]) } == .invalidArgument)
    }

    // MARK: Payloads

    private func values(_ payload: String, _ fields: [Field] = Self.fields) throws -> [FieldEntry] {
        try FieldExtraction(fields).values(of: Array(payload.utf8))
    }

    @Test func valuesOfTheDeclaredTypeAreTakenFromWhereThePathLeads() throws {
        let fields = [
            Field("a", .string, path: "x.a"), Field("b", .integer, path: "x.y.b"),
            Field("c", .number, path: "c"),
            Field("d", .boolean, path: "x.d"), Field("e", .integer, path: "c"),
        ]
        let found = try values(
            #"{"a": "no", "x": {"a": "\u00e9\"", "y": {"b": -5, "c": 2}, "d": true, "z": [1]}, "c": 3.0}"#,
            fields)
        #expect(
            found == [
                FieldEntry(field: 0, key: FieldKey("é\"")), FieldEntry(field: 1, key: FieldKey(Int64(-5))),
                FieldEntry(field: 2, key: FieldKey(3.0)), FieldEntry(field: 3, key: FieldKey(true)),
                FieldEntry(field: 4, key: FieldKey(Int64(3))),
            ])
    }

    /// Steps were once members × values: of a line of 16 MiB, which an import takes, more than a day of them.
    @Test(.timeLimit(.minutes(1))) func aMemberThatStandsOftenTakesNoLongerBesideManyValues() throws {
        let values = Array(repeating: "1", count: 300_000).joined(separator: ",")
        let members = (0..<100_000).map { "\"i\":\($0)" }.joined(separator: ",")
        let fields = [Field("i", .integer), Field("many", .integer)]
        let found = try self.values("{\"many\":[\(values)],\(members)}", fields)
        #expect(found.count == 300_001)
        #expect(found.first == FieldEntry(field: 0, key: FieldKey(Int64(99_999))))
    }

    @Test func whatIsNotThereOrOfAnotherTypeIsNoValue() throws {
        for payload in [
            "", "no JSON", "[1]", "3", "{", "{\"i\": 1", "{\"i\": 1} x", "{\"i\": 01}", "{}", "{\"s\": null}",
            "{\"s\": 1, \"i\": \"1\", \"n\": true, \"b\": 0}", "{\"s\": {}, \"i\": {\"i\": 1}}",
            "{\"i\": 1.5}", "{\"s\": [], \"i\": [[1]], \"n\": [null]}",
            "{\"n\": \"1\"}", "{\"b\": \"true\"}",
        ] {
            #expect(try values(payload).isEmpty, "\(payload)")
        }
        #expect(try FieldExtraction(Self.fields).values(of: nil).isEmpty)
        #expect(try FieldExtraction([]).values(of: Array("{\"i\": 1}".utf8)).isEmpty)
    }

    @Test func numbersAreIntegersWhereTheyHaveNoFraction() throws {
        func integer(_ text: String) throws -> [FieldEntry] { try values("{\"i\": \(text)}") }
        for (text, value) in [
            ("0", 0), ("-0", 0), ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min),
            ("2e3", 2000), ("4.0", 4), ("-1.5e1", -15),
        ] as [(String, Int64)] {
            #expect(try integer(text) == [FieldEntry(field: 1, key: FieldKey(value))], "\(text)")
        }
        for text in [
            "0.5", "9223372036854775808", "-9223372036854775809", "1e30", "123456789012345678901234",
        ] {
            #expect(try integer(text).isEmpty, "\(text)")
        }
        #expect(try values("{\"n\": 1e999}").isEmpty)
        #expect(try values("{\"n\": -0.0}") == [FieldEntry(field: 2, key: FieldKey(0.0))])
        #expect(try values("{\"n\": 0.1}") == [FieldEntry(field: 2, key: FieldKey(0.1))])
    }

    @Test func elementsOfAnArrayAreValuesAndTheLastOfTwoMembersCounts() throws {
        #expect(
            try values("{\"s\": [\"a\", 1, \"b\", [\"c\"], null]}") == [
                FieldEntry(field: 0, key: FieldKey("a")), FieldEntry(field: 0, key: FieldKey("b")),
            ])
        #expect(
            try values("{\"s\": \"a\", \"i\": 1, \"s\": \"b\"}") == [
                FieldEntry(field: 0, key: FieldKey("b")), FieldEntry(field: 1, key: FieldKey(Int64(1))),
            ])
        #expect(try values("{\"s\": \"a\", \"s\": 5}").isEmpty)
    }

    @Test func aStringTooLongToBeFoundIsRefusedAndChangesNothing() throws {
        let vector = try SparseVector(components: [1], weights: [1])
        let test = try TestIndex(Schema(fields: Self.fields))
        let writer = try test.index.writer(.small())
        defer { writer.close() }
        func payload(_ length: Int) -> [UInt8] {
            Array("{\"s\": \"\(String(repeating: "x", count: length))\"}".utf8)
        }
        try writer.upsert(Document(id: 1, sparse: vector, payload: payload(1024)))
        #expect(
            errorCode { try writer.upsert(Document(id: 1, sparse: vector, payload: payload(1025))) }
                == .tooLarge)
        _ = try writer.commit()
        let snapshot = try test.index.snapshot()
        var query = Query(sparse: vector)
        query.filter = .equals("s", .string(String(repeating: "x", count: 1024)))
        #expect(try snapshot.search(query).map(\.id) == [1])
    }

    @Test func keysOrderLikeValues() {
        let integers: [Int64] = [.min, -5, -1, 0, 1, 7, .max]
        for (low, high) in zip(integers, integers.dropFirst()) {
            #expect(FieldKey(low).precedes(FieldKey(high)))
        }
        let numbers: [Double] = [
            -.infinity, -.greatestFiniteMagnitude, -2, -1e-300, -5e-324, 0, 5e-324, 1, 2, .infinity,
        ]
        for (low, high) in zip(numbers, numbers.dropFirst()) {
            #expect(FieldKey(low).precedes(FieldKey(high)) && !FieldKey(high).precedes(FieldKey(low)))
        }
        #expect(FieldKey(-0.0) == FieldKey(0.0) && FieldKey(false).precedes(FieldKey(true)))
        #expect(FieldKey("a").precedes(FieldKey("ab")) && FieldKey("").precedes(FieldKey("a")))
    }
}
