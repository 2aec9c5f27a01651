import Foundation
import Granary
import Testing

@testable import CommandSupport

/// Filters as they are written on a command line.
@Suite struct FilterCommandTests {
    private static let schema = Schema(fields: [
        Field("year", .integer), Field("lang", .string), Field("price", .number), Field("draft", .boolean),
        Field("two words", .string), Field("in", .string),
    ])

    @Test func expressionsMeanWhatTheySay() throws {
        let english = Filter.equals("lang", "en")
        let recent = Filter.range("year", FieldRange(lower: .including(2019)))
        let cases: [(String, Filter)] = [
            ("lang=en", english), ("  lang = en ", english), ("(lang=en)", english), ("lang=\"en\"", english),
            ("year>=2019 and lang=en", .and([recent, english])),
            (
                "year >= 2019 and lang = en or not draft=true",
                .or([.and([recent, english]), .not(.equals("draft", true))])
            ),
            (
                "year>=2019 and (lang=en or draft=false)",
                .and([recent, .or([english, .equals("draft", false)])])
            ),
            ("not not lang=en", english), ("not (lang=en)", .not(english)), ("lang!=en", .not(english)),
            ("year<-3", .range("year", FieldRange(upper: .excluding(-3)))),
            ("year<=3", .range("year", FieldRange(upper: .including(3)))),
            ("price>1e-3", .range("price", FieldRange(lower: .excluding(.number(0.001))))),
            ("lang in (a, b)", .oneOf("lang", ["a", "b"])), ("year in(7)", .oneOf("year", [7])),
            ("lang not in (a,\"and\")", .not(.oneOf("lang", ["a", "and"]))),
            (#""two words" = "a \"b\" \\ c(,)""#, .equals("two words", .string(#"a "b" \ c(,)"#))),
            ("\"in\" = x", .equals("in", "x")), ("lang=2019-01-01", .equals("lang", "2019-01-01")),
            ("lang=\"\"", .equals("lang", "")), ("lang=日本", .equals("lang", "日本")),
        ]
        for (text, filter) in cases {
            #expect(try FilterExpression.parse(text, Self.schema) == filter, "\(text)")
        }
    }

    @Test func mistakesAreToldWithTheirPlace() throws {
        let cases: [(String, Int)] = [
            ("", 1), ("  ", 3), ("lang", 5), ("lang=", 6), ("lang en", 6), ("year=x", 6), ("year=1.5", 6),
            ("price=nan", 7), ("draft=yes", 7), ("unknown=1", 1), ("lang=en lang=de", 9), ("lang=en and", 12),
            ("lang=en or or", 12), ("(lang=en", 9), ("lang=en)", 8), ("lang in a", 9), ("lang in ()", 10),
            ("lang in (a b)", 12), ("lang in (a,)", 12), ("lang not = a", 10), ("lang==en", 6),
            ("lang=and", 6),
            ("and=1", 1), ("in=1", 1), ("lang=\"en", 6), ("year => 3", 7), ("!lang=en", 1), ("lang ! en", 6),
            (String(repeating: "(", count: 1000), 32),
        ]
        for (text, place) in cases {
            do {
                let filter = try FilterExpression.parse(text, Self.schema)
                Issue.record("\(text) is \(filter)")
            } catch {
                #expect(error.code == .invalidArgument)
                #expect(error.message.contains("at character \(place)"), "\(text): \(error.message)")
            }
        }
    }

    private struct Built {
        let files: Workspace
        let index: String
        let queries: String

        init() throws {
            files = try Workspace()
            let lines = [
                #"{"id": "a", "vector": {"x": 3}, "year": 2020, "meta": {"lang": "en"}}"#,
                #"{"id": "b", "vector": {"x": 2}, "year": 2018, "meta": {"lang": "de"}}"#,
                #"{"id": "c", "vector": {"x": 1}, "year": 2021, "meta": {"lang": ["fr", "de"]}}"#,
                #"{"id": 7, "vector": {"x": 0.5}, "text": "no facts"}"#,
            ]
            let input = try files.write("in.jsonl", lines.joined(separator: "\n"))
            queries = try files.write("q.jsonl", #"{"id": "q", "vector": {"x": 1}}"#)
            index = files.file("index")
            let built = try Executable.run(
                "build", "--index", index, "--input", input, "--field", "year:integer", "--field",
                "lang:string:meta.lang")
            #expect(built.code == 0, "\(built.errors)")
        }

        func search(_ arguments: String...) throws -> Executable.Outcome {
            try Executable.run(
                ["search", "--index", index, "--queries", queries, "--json"] + arguments, name: "granary")
        }

        func ids(_ arguments: String...) throws -> [String] {
            let outcome = try Executable.run(
                ["search", "--index", index, "--queries", queries, "--json"] + arguments, name: "granary")
            #expect(outcome.code == 0, "\(outcome.errors)")
            let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
            let hits = object?["hits"] as? [[String: Any]] ?? []
            return hits.map { "\($0["id"] ?? "")" }
        }
    }

    @Test func searchesFindWhatTheFilterLets() throws {
        let built = try Built()
        #expect(try built.ids() == ["a", "b", "c", "7"])
        #expect(try built.ids("--filter", "year >= 2019") == ["a", "c"])
        #expect(try built.ids("--filter", "lang = de and not year = 2018") == ["c"])
        #expect(try built.ids("--filter", "lang not in (en, fr)") == ["b", "7"])
        let ids = try built.files.write("ids", "b\nc\n7\nunknown\n")
        #expect(try built.ids("--allow-ids", ids) == ["b", "c"])
        #expect(try built.ids("--deny-ids", ids) == ["a", "7"])
        #expect(try built.ids("--deny-ids", ids, "--filter", "lang = en") == ["a"])
        #expect(try built.ids("--allow-ids", try built.files.write("n", "7\n"), "--numbers") == ["7"])
    }

    @Test func mistakesEndWithTheCodeOfUsageOrOfBadData() throws {
        let built = try Built()
        let unknown = try built.search("--filter", "yeer = 3")
        #expect(
            unknown.code == 64 && unknown.errors.contains("yeer") && unknown.errors.contains("year, lang"))
        #expect(try built.search("--filter", "year =").code == 64)
        #expect(try built.search("--numbers").code == 64)
        let ids = try built.files.write("ids", "7\nx\n")
        let bad = try built.search("--allow-ids", ids, "--numbers")
        #expect(bad.code == 65 && bad.errors.contains("line 2"))
        for field in ["year", "year:date", ":integer", "a:integer:b..c"] {
            let outcome = try Executable.run(
                "build", "--index", built.files.file("other"), "--input", built.queries, "--field", field)
            #expect(outcome.code == 64, "\(field): \(outcome.code) \(outcome.errors)")
            #expect(!FileManager.default.fileExists(atPath: built.files.file("other")))
        }
    }
}
