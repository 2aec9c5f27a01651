import Foundation
import Testing

/// Bad input to a build: named, and no index left.
@Suite struct BadInputTests {
    @Test(
        "A bad line ends the build with 65, names file and line, and leaves nothing",
        arguments: [
            "{\"id\": \"x\"", "{\"vector\":{\"a\":-1}}", "{\"vector\":{\"a\":NaN}}",
            "{\"vector\":{\"a\":1,\"a\":1}}",
            "{\"indices\":[4294967296],\"values\":[1]}",
            "{\"id\":\"\(String(repeating: "x", count: 256))\",\"vector\":{}}",
            "{\"indices\":[1],\"values\":[1]}",
        ])
    func refusesLine(_ line: String) throws {
        let files = try Workspace()
        var text = ""
        for row in 1...6 { text += "{\"id\":\(row),\"vector\":{\"a\":1}}\n" }
        let input = try files.write("in.jsonl", text + line + "\n")
        let outcome = try Executable.run("build", "--index", files.file("index"), "--input", input)
        #expect(outcome.code == 65, "\(outcome)")
        #expect(outcome.errors.contains("in.jsonl, line 7"), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
        #expect(try files.names() == ["in.jsonl"])
    }

    @Test("A bad row of a matrix ends the build with 65, and so does a matrix of wrong length")
    func refusesMatrix() throws {
        let files = try Workspace()
        var matrix = Matrix(columns: 5, [[(1, 1)], [(2, -1)]])
        let row = try files.write("row.csr", matrix.bytes)
        let outcome = try Executable.run("build", "--index", files.file("index"), "--input", row)
        #expect(outcome.code == 65)
        #expect(outcome.errors.contains("row.csr, line 2"), "\(outcome.errors)")
        matrix.entries = 7
        for bytes in [matrix.bytes, [], Array(matrix.bytes.prefix(10))] {
            let input = try files.write("length.csr", bytes)
            let outcome = try Executable.run("build", "--index", files.file("index"), "--input", input)
            #expect(outcome.code == 65, "\(outcome)")
        }
        #expect(try files.names() == ["length.csr", "row.csr"])
    }

    @Test("A line over the limit ends the build with 65")
    func refusesLongLine() throws {
        let files = try Workspace()
        let input = try files.write("in.jsonl", "{\"vector\":{}}\n{\"vector\":{}, \"text\": \"long\"}\n")
        let outcome = try Executable.run(
            "build", "--index", files.file("index"), "--input", input, "--maximum-line", "20")
        #expect(outcome.code == 65)
        #expect(outcome.errors.contains("line 2"))
        #expect(!files.exists("index"))
    }

    @Test("A directory with something in it is refused and left as it was")
    func refusesUsedDirectory() throws {
        let files = try Workspace()
        let input = try files.write("in.jsonl", "{\"vector\":{\"a\":1}}\n")
        try FileManager.default.createDirectory(
            atPath: files.file("index"), withIntermediateDirectories: false)
        _ = try files.write("index/foreign", "mine")
        let outcome = try Executable.run("build", "--index", files.file("index"), "--input", input)
        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("foreign"))
        #expect(try files.names("index") == ["foreign"])
    }

    @Test("An index is refused, and not harmed")
    func refusesIndex() throws {
        let files = try Workspace()
        let input = try files.write("in.jsonl", "{\"vector\":{\"a\":1}}\n")
        #expect(try Executable.run("build", "--index", files.file("index"), "--input", input).code == 0)
        let before = try files.names("index")
        #expect(try Executable.run("build", "--index", files.file("index"), "--input", input).code == 1)
        #expect(try files.names("index") == before)
        #expect(try Executable.run("verify", "--index", files.file("index"), "--full").code == 0)
    }

    @Test("An empty directory is taken, and stays when the build fails")
    func takesEmptyDirectory() throws {
        let files = try Workspace()
        try FileManager.default.createDirectory(
            atPath: files.file("index"), withIntermediateDirectories: false)
        let bad = try files.write("bad.jsonl", "{\"vector\":{\"a\":1}}\n{}\n")
        #expect(try Executable.run("build", "--index", files.file("index"), "--input", bad).code == 65)
        #expect(try files.names("index") == [])
        let good = try files.write("good.jsonl", "{\"vector\":{\"a\":1}}\n")
        #expect(try Executable.run("build", "--index", files.file("index"), "--input", good).code == 0)
    }

    @Test("More ids than rows, fewer ids, and a double name in a vocabulary end the build")
    func refusesNames() throws {
        let files = try Workspace()
        let input = try files.write("in.csr", Matrix(columns: 2, [[(1, 1)], [(0, 1)]]).bytes)
        for (option, text) in [
            ("--ids", "a\n"), ("--ids", "a\nb\nc\n"), ("--vocabulary", "a\na\n"), ("--vocabulary", "a\n"),
        ] {
            let names = try files.write("names", text)
            let outcome = try Executable.run(
                "build", "--index", files.file("index"), "--input", input, option, names)
            #expect(outcome.code == 65, "\(option) \(text): \(outcome)")
            #expect(!files.exists("index"))
        }
    }

    @Test("Queries that are wrong end the search with 65 and leave no run")
    func refusesQueries() throws {
        let files = try Workspace()
        let input = try files.write("in.jsonl", "{\"vector\":{\"a\":1}}\n")
        #expect(try Executable.run("build", "--index", files.file("index"), "--input", input).code == 0)
        let queries = try files.write(
            "q.jsonl", "{\"id\":\"q\",\"vector\":{\"a\":1}}\n{\"vector\":{\"a\":-1}}\n")
        let outcome = try Executable.run(
            "search", "--index", files.file("index"), "--queries", queries, "--run", files.file("run"))
        #expect(outcome.code == 65)
        #expect(outcome.errors.contains("q.jsonl, line 2"))
        #expect(try files.names() == ["in.jsonl", "index", "q.jsonl"])
    }
}
