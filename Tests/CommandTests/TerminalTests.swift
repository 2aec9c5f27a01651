import Foundation
import Testing

/// What becomes of a process that has no terminal.
@Suite struct TerminalTests {
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
