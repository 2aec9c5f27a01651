import Foundation
import Granary
import Testing

/// Dense vectors through the commands, from files and back to files.
@Suite struct DenseCommandTests {
    /// Values that every element type but int8 has exactly.
    private static func vectors(_ random: inout SeededGenerator, rows: Int, dimensions: Int) -> [[Float]] {
        (0..<rows).map { _ in
            (0..<dimensions).map { _ in Float(Int.random(in: -12...12, using: &random)) / 4 }
        }
    }

    private static func line(_ id: String, _ sparse: String, _ dense: [Float]?) -> String {
        let values = dense.map { ", \"dense\": [\($0.map { "\($0)" }.joined(separator: ", "))]" } ?? ""
        return "{\"id\": \"\(id)\", \"vector\": {\(sparse)}\(values)}\n"
    }

    private static func singles(_ rows: [[Float]]) -> [UInt8] {
        Matrix.little(UInt32(rows.count)) + Matrix.little(UInt32(rows.first?.count ?? 0))
            + rows.flatMap { $0.flatMap { Matrix.little($0.bitPattern) } }
    }

    private func run(_ arguments: String...) throws -> String {
        let outcome = try Executable.run(arguments)
        #expect(outcome.code == 0, "\(arguments): \(outcome.errors)")
        return outcome.output
    }

    @Test(
        "Dense vectors come back as lines, and from lines",
        arguments: ["float32", "float16", "bfloat16"])
    func linesRoundTrip(element: String) throws {
        var random = SeededGenerator(seed: 71)
        let files = try Workspace()
        // The third and every seventh further document has none.
        let lines = Self.vectors(&random, rows: 60, dimensions: 5).enumerated().map { row, values in
            Self.line("d\(row)", "\"x\": \(row % 9 + 1).0", row % 7 == 2 ? nil : values)
        }.joined()
        let input = try files.write("in.jsonl", lines)
        let index = files.file("index")
        _ = try run(
            "build", "--index", index, "--input", input, "--dense-element", element, "--segment-documents",
            "25")
        #expect(try run("export", "--index", index) == lines)
        _ = try run("verify", "--index", index, "--full")
        _ = try run("add", "--index", index, "--input", input)
        #expect(try run("export", "--index", index) == lines)
        _ = try run("merge", "--index", index, "--to", "1")
        #expect(try run("export", "--index", index) == lines)
        let failed = try Executable.run("export", "--index", index, "--dense", files.file("out.npy"))
        #expect(failed.code == 1)
        #expect(failed.errors.contains("found none for \"d2\""), "\(failed.errors)")
        #expect(!files.exists("out.npy"))
    }

    @Test("Dense vectors go out to a file of each layout and come back from it")
    func filesRoundTrip() throws {
        var random = SeededGenerator(seed: 73)
        let files = try Workspace()
        let vectors = Self.vectors(&random, rows: 40, dimensions: 7)
        let lines = vectors.indices.map { Self.line("d\($0)", "\"x\": \($0 + 1).0", nil) }.joined()
        let input = try files.write("in.jsonl", lines)
        let dense = try files.write("in.fbin", Self.singles(vectors))
        _ = try run("build", "--index", files.file("index"), "--input", input, "--dense", dense)
        for format in VectorFormat.allCases {
            let path = files.file("out.\(format)")
            let exported = try run("export", "--index", files.file("index"), "--dense", path)
            #expect(exported == lines)
            _ = try run(
                "build", "--index", files.file("of \(format)"), "--input", input, "--dense", path)
            let again = try run("export", "--index", files.file("of \(format)"))
            #expect(
                again
                    == vectors.enumerated().map {
                        Self.line("d\($0)", "\"x\": \($0 + 1).0", $1)
                    }.joined(), "\(format)")
        }
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: files.file("out.fbin")))
                == Data(contentsOf: URL(fileURLWithPath: dense)))
    }

    @Test("A search verifies what the sparse half finds by the dense half", arguments: ["lines", "file"])
    func searches(source: String) throws {
        var random = SeededGenerator(seed: 79)
        let files = try Workspace()
        let vectors = Self.vectors(&random, rows: 80, dimensions: 6)
        let queries = Self.vectors(&random, rows: 8, dimensions: 6)
        let input = try files.write(
            "in.jsonl",
            vectors.enumerated().map { Self.line("d\($0)", "\"x\": \($0 % 5 + 1)", $1) }.joined())
        let isFile = source == "file"
        let asked = try files.write(
            "q.jsonl",
            queries.enumerated().map { Self.line("q\($0)", "\"x\": 1", isFile ? nil : $1) }.joined())
        _ = try run("build", "--index", files.file("index"), "--input", input)
        let dense = isFile ? ["--dense-queries", try files.write("q.fbin", Self.singles(queries))] : []
        for fusion in ["dense", "linear:sparse=2,dense=1"] {
            let outcome = try Executable.run(
                [
                    "search", "--index", files.file("index"), "--queries", asked, "--candidates", "80", "-k",
                    "12", "--fusion", fusion, "--run", files.file("run"),
                ] + dense)
            #expect(outcome.code == 0, "\(outcome.errors)")
            let found = try files.read("run").split(separator: "\n").map { $0.split(separator: " ") }
            for (number, query) in queries.enumerated() {
                // Multiples of 1/16 below 2^10: sums are exact in any order.
                let scores = vectors.enumerated().map { row, values in
                    zip(values, query).reduce(Float(0)) { $0 + $1.0 * $1.1 }
                        + (fusion == "dense" ? 0 : 2 * Float(row % 5 + 1))
                }
                let best = scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }.prefix(12)
                let hits = found.filter { $0[0] == "q\(number)" }.map { "\($0[2])" }
                #expect(hits == best.map { "d\($0)" }, "\(fusion), query \(number)")
            }
        }
    }

    @Test("Other dense vectors take the place of those that are there, all or none")
    func replaces() throws {
        var random = SeededGenerator(seed: 83)
        let files = try Workspace()
        let (old, new) = (
            Self.vectors(&random, rows: 30, dimensions: 4), Self.vectors(&random, rows: 20, dimensions: 4)
        )
        func lines(_ vectors: [[Float]]) -> String {
            vectors.enumerated().map { Self.line("d\($0)", "\"x\": \($0 % 5 + 1).0", $1) }.joined()
        }
        let index = files.file("index")
        _ = try run("build", "--index", index, "--input", try files.write("in.jsonl", lines(old)))
        let ids = try files.write("ids.txt", (10..<30).map { "d\($0)\n" }.joined())
        let replace = ["replace-dense", "--index", index, "--ids", ids, "--dense"]
        // A value that is none is found when the row is read: nothing has changed then.
        let wrong = try Executable.run(
            replace + [try files.write("wrong.fbin", Self.singles(new.dropLast() + [[1, 2, 3, .nan]]))])
        #expect(wrong.code == 65)
        #expect(wrong.errors.contains("wrong.fbin, line 20"), "\(wrong.errors)")
        let short = try Executable.run(
            replace + [try files.write("short.fbin", Self.singles(Array(new.prefix(3))))])
        #expect(short.code == 65)
        #expect(short.errors.contains("expected 3 ids, one for each vector, found 20"), "\(short.errors)")
        #expect(try run("export", "--index", index) == lines(old))
        let done = try Executable.run(replace + [try files.write("new.fbin", Self.singles(new)), "--json"])
        #expect(done.code == 0, "\(done.errors)")
        #expect(done.output.contains("\"replaced\": 20, \"missing\": 0"), "\(done.output)")
        #expect(try run("export", "--index", index) == lines(Array(old.prefix(10)) + new))
        _ = try run("verify", "--index", index, "--full")
        #expect(try run("stats", "--index", index).contains("30 rows of 4 float16, innerProduct; read by "))
    }

    @Test("Methods of reading and a budget change no hit")
    func readsEitherWay() throws {
        var random = SeededGenerator(seed: 89)
        let files = try Workspace()
        // 1.6 MB of rows: a budget of 5 % is one window of 64 KiB.
        let vectors = Self.vectors(&random, rows: 4000, dimensions: 200)
        let input = try files.write(
            "in.jsonl", vectors.indices.map { Self.line("d\($0)", "\"x\": \($0 % 50 + 1)", nil) }.joined())
        let dense = try files.write("in.fbin", Self.singles(vectors))
        _ = try run("build", "--index", files.file("index"), "--input", input, "--dense", dense)
        let queries = Self.vectors(&random, rows: 5, dimensions: 200)
        let asked = try files.write(
            "q.jsonl", queries.enumerated().map { Self.line("q\($0)", "\"x\": 1", $1) }.joined())
        func search(_ options: String...) throws -> String {
            let outcome = try Executable.run(
                [
                    "search", "--index", files.file("index"), "--queries", asked, "--candidates", "1000",
                    "--json",
                ]
                    + options)
            #expect(outcome.code == 0, "\(options): \(outcome.errors)")
            return outcome.output
        }
        let plain = try search()
        #expect(plain.split(separator: "\n").count == 5)
        for method in ReadMethod.allCases where method.refusal == nil {
            #expect(try search("--read-method", "\(method)") == plain)
            #expect(try search("--read-method", "\(method)", "--resident-share", "0.05") == plain)
        }
        for (option, value) in [
            ("--resident-share", "0"), ("--resident-share", "1.5"), ("--read-method", "fast"),
        ] {
            let refused = try Executable.run(
                "search", "--index", files.file("index"), "--queries", asked, option, value)
            #expect(refused.code == 64, "\(option) \(value)")
        }
    }

    @Test("What does not fit is refused, and says what was expected")
    func refusesMisfits() throws {
        let files = try Workspace()
        let input = try files.write(
            "in.jsonl", Self.line("a", "\"x\": 1", nil) + Self.line("b", "\"x\": 1", nil))
        let two = try files.write("two.fbin", Self.singles([[1, 2], [3, 4]]))
        let one = try files.write("one.fbin", Self.singles([[1, 2]]))
        let three = try files.write("three.fbin", Self.singles([[1, 2, 3], [4, 5, 6]]))
        let wrong = try files.write("wrong.fbin", Self.singles([[1, 2], [3, .nan]]))
        _ = try run("build", "--index", files.file("plain"), "--input", input)
        _ = try run("build", "--index", files.file("both"), "--input", input, "--dense", two)
        let ragged = try files.write(
            "ragged.jsonl", Self.line("a", "\"x\": 1", [1, 2]) + Self.line("b", "\"x\": 1", [1, 2, 3]))
        let large = try files.write("large.jsonl", Self.line("a", "\"x\": 1", [1, 65520]))
        let build = ["build", "--index", files.file("new"), "--input", input]
        let add = ["add", "--input", input, "--index"]
        let search = ["search", "--queries", input, "--index"]
        for (arguments, code, says) in [
            (build + ["--dense", one], Int32(65), "found 1 for 2 rows or more"),
            (build + ["--dense", wrong], 65, "wrong.fbin, line 2"),
            (build + ["--dense", two, "--dense-dimensions", "3"], 65, "vectors of 3 dimensions, found 2"),
            (build + ["--dense", two, "--dense-format", "npy"], 65, "an array of NumPy"),
            (["build", "--index", files.file("new"), "--input", ragged], 65, "ragged.jsonl, line 2"),
            (["build", "--index", files.file("new"), "--input", large], 65, "large.jsonl, line 1"),
            (["add", "--index", files.file("plain"), "--input", ragged], 65, "ragged.jsonl, line 1"),
            (build + ["--metric", "l2"], 64, "expected dense vectors"),
            (add + [files.file("both"), "--dense", three], 65, "2 dimensions, as in the index, found 3"),
            (add + [files.file("plain"), "--dense", two], 64, "built without dense vectors"),
            (search + [files.file("both"), "--dense-queries", three], 65, "found 3"),
            (search + [files.file("plain"), "--dense-queries", two], 64, "built without dense vectors"),
            (["export", "--index", files.file("plain"), "--dense", files.file("out.npy")], 1, "without"),
        ] {
            let outcome = try Executable.run(arguments)
            #expect(outcome.code == code, "\(arguments): \(outcome)")
            #expect(outcome.errors.contains(says), "\(arguments): \(outcome.errors)")
            #expect(!files.exists("new") && !files.exists("out.npy"))
        }
    }

    @Test("What --ignore-dense passes over is not there")
    func ignores() throws {
        let files = try Workspace()
        let input = try files.write("in.jsonl", Self.line("a", "\"x\": 1.0", [1, 2]))
        _ = try run("build", "--index", files.file("index"), "--input", input, "--ignore-dense")
        #expect(try run("export", "--index", files.file("index")) == Self.line("a", "\"x\": 1.0", nil))
    }
}
