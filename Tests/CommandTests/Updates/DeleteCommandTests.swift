import Foundation
import Testing

/// `granary delete`.
@Suite struct DeleteCommandTests {
    private func build() throws -> CommandIndex {
        try CommandIndex.build(
            Workspace(), ["a", "b", "c", "7"].map { CommandIndex.line($0, ["x": 1]) })
    }

    @Test("Documents go in one step; ids without one are counted, each id once")
    func deletes() throws {
        let index = try build()
        let said = try index.delete(["a", "nobody", "b", "a"])
        #expect(said == ["deleted": 2, "missing": 1, "documents": 2, "generation": 3])
        #expect(try index.documents().keys.sorted() == ["7", "c"])
        #expect(try index.json("stats")["deadDocuments"] as? Int == 2)
        try index.verify()
        let text = try index.run("delete", ["--ids", index.files.file("deleted.txt")])
        #expect(
            text.output
                == "0 documents deleted, 3 ids without one: 2 documents in generation 3 (\(index.path))\n")
    }

    @Test("Ids come from standard input too")
    func readsStandardInput() throws {
        let index = try build()
        let outcome = try Executable.run(
            [
                "-c", "printf 'a\\nc\\n' | \"$0\" delete --index \"$1\" --ids - --json",
                Executable.path("granary"), index.path,
            ], name: "sh")
        #expect(outcome.output == "{\"deleted\": 2, \"missing\": 0, \"documents\": 2, \"generation\": 3}\n")
        #expect(try index.documents().keys.sorted() == ["7", "b"])
    }

    @Test("Standard input without lines ends with 65 as soon as a line is too long, however it goes on")
    func refusesEndlessInput() throws {
        let index = try build()
        // Limited, so that reading all of it is a failure and not the end of the machine.
        let outcome = try Executable.run(
            [
                "-c", "ulimit -v 3000000; exec \"$0\" delete --index \"$1\" --ids - < /dev/zero",
                Executable.path("granary"), index.path,
            ], name: "sh")
        #expect(outcome.code == 65, "\(outcome)")
        #expect(outcome.errors.contains("too large") && outcome.errors.contains("line 1"), "\(outcome)")
    }

    @Test("A number and the string of its digits are two ids")
    func tellsNumbersApart() throws {
        let index = try build()
        try index.add((0..<9).map { "{\"vector\": {\"x\": \($0 + 2)}}" })
        #expect(try index.delete(["7"])["deleted"] as? Int == 1)
        // The number is still there.
        #expect(try index.documents()["7"] == ["x": 9])
        let unheard = try index.attempt("delete", ["--ids", index.files.file("deleted.txt")])
        #expect(unheard.code == 0)
        #expect(unheard.errors.contains("--numbers"), "\(unheard)")
        #expect(try index.delete(["7", "8"], "--numbers")["deleted"] as? Int == 2)
        #expect(try index.documents().keys.sorted() == ["0", "1", "2", "3", "4", "5", "6", "a", "b", "c"])
    }

    @Test("A line that is no number ends with 65, is named, and nothing is deleted")
    func refusesLine() throws {
        let index = try build()
        let before = try index.bytes()
        for line in ["seven", "-1", "+7", "07", "18446744073709551616", "7 "] {
            let list = try index.files.write("list", "7\n\(line)\n")
            let outcome = try index.attempt("delete", ["--ids", list, "--numbers"])
            #expect(outcome.code == 65, "\(outcome)")
            #expect(outcome.errors.contains("\"\(line)\""), "\(outcome.errors)")
            #expect(outcome.errors.contains("list, line 2"), "\(outcome.errors)")
        }
        #expect(try index.bytes() == before)
    }

    @Test("A list that is not there ends with 1, and is named")
    func refusesAbsentList() throws {
        let index = try build()
        let before = try index.bytes()
        let outcome = try index.attempt("delete", ["--ids", index.files.file("absent")])
        #expect(outcome.code == 1)
        #expect(outcome.errors.contains(index.files.file("absent")), "\(outcome)")
        #expect(outcome.output.isEmpty)
        #expect(try index.bytes() == before)
    }
}
