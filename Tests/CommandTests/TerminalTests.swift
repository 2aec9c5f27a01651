import Foundation
import Testing

/// What a terminal is told by bytes of an index, and what becomes of a process that has none.
@Suite struct TerminalTests {
    /// An id, a token and a text that would command a terminal, as JSON spells them.
    private static let id = #"i\u001b]0;title\u0007\n2"#
    private static let token = #"t\u001b[2J"#
    private static let text = #"red \u001b[31m\u009b5m \u202eback"#

    @Test("Ids, tokens and texts are shown in one line each and command no terminal")
    func hits() throws {
        let line = "{\"id\":\"\(Self.id)\",\"vector\":{\"\(Self.token)\":1},\"text\":\"\(Self.text)\"}"
        let index = try CommandIndex.build(Workspace(), [line])
        let queries = try index.files.write("queries.jsonl", line + "\n")
        let shown = try index.run("search", ["--queries", queries, "--explain"]).output
        let id = #"i\u{1b}]0;title\u{7}\u{a}2"#
        let text = #"red \u{1b}[31m\u{9b}5m \u{202e}back"#
        #expect(
            shown == """
                \(id)  \(text)
                  1.   1.0000  \(id)  \(text)
                        1.0000  t\\u{1b}[2J: 1.0 × 1.0


                """)
        // Programs get what is there.
        let json = try index.run("search", ["--queries", queries, "--json"]).output
        #expect(json.contains(#""id": "i\u001b]0;title\u0007\n2""#), "\(json)")
    }

    @Test("A note in an index commands no terminal either")
    func userData() throws {
        let index = try CommandIndex.build(Workspace(), [CommandIndex.line("a", ["x": 1])])
        try index.add([CommandIndex.line("b", ["x": 1])], "--user-data", "day\u{1B}[2J\n7")
        #expect(try index.run("stats").output.contains("9 bytes: day\\u{1b}[2J\\u{a}7\n"))
    }

    @Test(
        "A message that nobody takes changes no exit code",
        arguments: ["2>&-", "2>/dev/full", "2>&- >&-"])
    func lostMessages(_ redirection: String) throws {
        let files = try Workspace()
        let outcome = try Executable.run(
            [
                "-c", "\"$0\" stats --index \"$1\" \(redirection)", Executable.path("granary"),
                files.file("absent"),
            ], name: "sh")
        #expect(outcome.code == 1, "\(outcome)")
        let input = try files.write("in.jsonl", "{\"id\":1,\"vector\":{}}\n{\"id\":1,\"vector\":{}}\n")
        let warned = try Executable.run(
            [
                "-c", "\"$0\" build --index \"$1\" --input \"$2\" \(redirection)",
                Executable.path("granary"), files.file("index"), input,
            ], name: "sh")
        let isOutputLost = redirection.hasSuffix(" >&-")
        #expect(warned.code == (isOutputLost ? 1 : 0), "\(warned)")
        // Nor is it written into a file that got the place of standard error.
        try CommandIndex(files: files, name: "index").verify()
    }
}
