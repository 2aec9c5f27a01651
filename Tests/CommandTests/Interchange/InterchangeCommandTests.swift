import Foundation
import Testing

/// The layouts of others on the command line.
@Suite struct InterchangeCommandTests {
    private static let lines = """
        {"id": "a", "vector": {"oil": 1.5, "crisis": 0.01}, "text": "one"}
        {"id": "b", "vector": {"price": 3}}
        {"id": "c", "vector": {}, "payload": {"contents": "three"}}

        """

    private func run(_ arguments: String...) throws -> Executable.Outcome {
        let outcome = try Executable.run(arguments)
        #expect(outcome.code == 0, "\(arguments): \(outcome.errors)")
        return outcome
    }

    private func index(_ files: Workspace) throws -> String {
        let input = try files.write("in.jsonl", Self.lines)
        _ = try run("build", "--index", files.file("index"), "--input", input)
        return files.file("index")
    }

    private func exported(_ index: String) throws -> [String] {
        try run("export", "--index", index).lines
    }

    /// A line of an export; empty beyond its end.
    private func exported(_ index: String, _ line: Int) throws -> String {
        try exported(index).dropFirst(line).first ?? ""
    }

    @Test("An index comes back from a CIFF file, which says its scale; the file is told by its name")
    func ciff() throws {
        let files = try Workspace()
        let index = try index(files)
        let file = files.file("out.ciff")
        _ = try run("export", "--index", index, "--format", "ciff", "--scale", "100", "--output", file)
        _ = try run("build", "--index", files.file("again"), "--input", file, "--weights", "float32")
        let expected = [
            #"{"id": "a", "vector": {"crisis": 0.01, "oil": 1.5}}"#,
            #"{"id": "b", "vector": {"price": 3.0}}"#,
            #"{"id": "c", "vector": {}}"#,
        ]
        #expect(try exported(files.file("again")) == expected)
        _ = try run("build", "--index", files.file("half"), "--input", file, "--scale", "200")
        #expect(try exported(files.file("half"), 1) == #"{"id": "b", "vector": {"price": 1.5}}"#)
        _ = try run("export", "--index", index, "--format", "ciff", "--output", file)
        _ = try run("add", "--index", files.file("half"), "--input", file)
        #expect(try exported(files.file("half"), 1) == #"{"id": "b", "vector": {"price": 3.0}}"#)
        #expect(try files.names() == ["again", "half", "in.jsonl", "index", "out.ciff"])
    }

    @Test("An index comes back from Anserini's vectors, payloads too")
    func anserini() throws {
        let files = try Workspace()
        let index = try index(files)
        let file = files.file("out.jsonl")
        _ = try run(
            "export", "--index", index, "--format", "anserini", "--vector-weights", "float", "--output", file)
        _ = try run(
            "build", "--index", files.file("again"), "--input", file, "--format", "anserini",
            "--vector-weights", "float")
        // Other spaces in payloads, the same members.
        let first = #", "payload": {"text": "one"}}"#
        #expect(try exported(index, 0).hasSuffix(#", "payload": {"text":"one"}}"#))
        #expect(
            try exported(files.file("again"), 0).replacing(#""text":"#, with: #""text": "#).hasSuffix(first))
        #expect(try exported(files.file("again"), 1) == exported(index, 1))
        #expect(try exported(files.file("again"), 2).contains("three"))
        _ = try run(
            "export", "--index", index, "--format", "anserini", "--vector-weights", "int", "--scale", "10",
            "--output", file)
        #expect(try files.read("out.jsonl").contains(#""vector": {"crisis": 1, "oil": 15}"#))
        let searched = try run(
            "search", "--index", index, "--queries", file, "--format", "anserini", "--vector-weights", "int",
            "--scale", "10", "--json")
        #expect(searched.lines.dropFirst().first?.contains(#""score": 9"#) == true, "\(searched.lines)")
    }

    @Test("An index comes back from Seismic's layout, with its ids and tokens beside it")
    func seismic() throws {
        let files = try Workspace()
        let index = try index(files)
        let (file, ids, tokens) = (files.file("out.bin"), files.file("ids"), files.file("tokens"))
        _ = try run(
            "export", "--index", index, "--format", "seismic", "--output", file, "--ids", ids, "--vocabulary",
            tokens)
        _ = try run(
            "build", "--index", files.file("again"), "--input", file, "--format", "seismic", "--ids", ids,
            "--vocabulary", tokens)
        let bare = try exported(index).map { $0.replacing(#/, "payload".*}$/#, with: "}") }
        #expect(try exported(files.file("again")) == bare)
    }

    @Test(
        "Options that have no meaning, or are missing, are usage errors",
        arguments: [
            ["build", "--input", "x.json", "--format", "anserini"],
            ["build", "--input", "x.ciff", "--vector-weights", "int"],
            ["build", "--input", "x.jsonl", "--scale", "10"], ["add", "--input", "x.csr", "--scale", "10"],
            ["build", "--input", "x.ciff", "--scale", "0"], ["build", "--input", "x.ciff", "--scale", "nan"],
            ["search", "--queries", "x.json", "--format", "anserini"],
            ["build", "--input", "x.bin"], ["export", "--format", "anserini"],
            ["export", "--format", "anserini", "--vector-weights", "int"],
            ["export", "--vector-weights", "float"], ["export", "--scale", "2"],
            ["export", "--format", "ciff", "--scale", "-1"], ["export", "--format", "csr", "--bits", "8"],
            ["export", "--format", "ciff", "--bits", "0"], ["export", "--format", "ciff", "--bits", "32"],
            ["export", "--format", "ciff", "--memory", "1000"],
            ["export", "--format", "ciff", "--scale", "inf"],
            ["search", "--queries", "x.ciff", "--vector-weights", "int"],
        ])
    func refusesOptions(_ arguments: [String]) throws {
        let files = try Workspace()
        let outcome = try Executable.run(arguments + ["--index", files.file("index")])
        #expect(outcome.code == 64, "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
    }

    @Test(
        "Memory is asked for by CIFF alone, and whoever gives it to another layout learns that",
        arguments: ["jsonl", "csr", "seismic", "anserini"])
    func refusesMemory(_ format: String) throws {
        let files = try Workspace()
        let index = try index(files)
        let numbers = format == "anserini" ? ["--vector-weights", "float"] : []
        let outcome = try Executable.run(
            ["export", "--index", index, "--format", format, "--memory", "64MiB"] + numbers)
        #expect(outcome.code == 64)
        #expect(outcome.errors.contains("--memory goes with --format ciff"), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
        let file = files.file("out.ciff")
        _ = try run("export", "--index", index, "--format", "ciff", "--memory", "64MiB", "--output", file)
        #expect(files.exists("out.ciff"))
    }

    @Test("What is wrong in a file ends a build with 65, names the file, and leaves nothing")
    func refusesFiles() throws {
        let files = try Workspace()
        for (name, options) in [
            ("in.ciff", []), ("in.bin", ["--format", "seismic"]),
            ("in.json", ["--format", "anserini", "--vector-weights", "float"]),
        ] {
            let input = try files.write(name, [0xFF, 0xFF, 0xFF, 0xFF, 1])
            let outcome = try Executable.run(
                ["build", "--index", files.file("index"), "--input", input] + options)
            #expect(outcome.code == 65, "\(outcome)")
            #expect(outcome.errors.contains(name), "\(outcome.errors)")
            #expect(!files.exists("index"))
        }
        let index = try index(files)
        let outcome = try Executable.run(
            "export", "--index", index, "--format", "ciff", "--scale", "100", "--bits", "8", "--output",
            files.file("out.ciff"))
        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("300"), "\(outcome.errors)")
        #expect(!files.exists("out.ciff"))
    }
}
