import Foundation
import Testing

/// How the commands that change an index are called.
@Suite struct UpdateUsageTests {
    @Test(
        "Bad usage ends with 64, says what was expected, and touches nothing",
        arguments: [
            ["add", "--index", "x"], ["add", "--index", "x", "--input"], ["add", "--input", "a.jsonl"],
            ["add", "--index", "x", "--input", "a.jsonl", "--commit-every", "0"],
            ["add", "--index", "x", "--input", "a.jsonl", "--commit-every", "-5"],
            ["add", "--index", "x", "--input", "a.jsonl", "--weights", "uint8"],
            ["add", "--index", "x", "--input", "a.jsonl", "--threads", "0"],
            ["delete", "--index", "x"], ["delete", "--ids", "i"], ["delete", "--index", "x", "--ids"],
            ["merge"], ["merge", "--index", "x", "--to", "0"], ["merge", "--index", "x", "--to", "few"],
            ["merge", "--index", "x", "--threads", "0"], ["backup", "--index", "x"], ["backup", "--to", "x"],
            ["attach", "--index", "x"], ["attach", "--index", "x", "--from"], ["attach", "--from", "x"],
            ["detach", "--index", "x", "--segments", "a"], ["detach", "--index", "x", "--to", "d"],
            ["detach", "--index", "x", "--segments", "--to", "d"], ["repair"],
            ["repair", "--index", "x", "--force"], ["stats"], ["stats", "--index", "x", "extra"],
        ])
    func refusesUsage(_ arguments: [String]) throws {
        let outcome = try Executable.run(arguments)
        #expect(outcome.code == 64, "\(outcome)")
        #expect(outcome.errors.contains("Usage: granary \(arguments[0])"), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
    }

    @Test(
        "Help says every option, with an example",
        arguments: [
            ("add", ["--index", "--input", "--commit-every", "--no-merge", "--user-data", "--json"]),
            ("delete", ["--index", "--ids", "--numbers", "--json"]),
            ("merge", ["--index", "--to", "--threads", "--json"]),
            ("backup", ["--index", "--to", "--verified", "--json"]),
            ("attach", ["--index", "--from", "--json"]),
            ("detach", ["--index", "--segments", "--to", "--json"]),
            ("repair", ["--index", "--apply", "--ids", "--json"]),
            ("stats", ["--index", "--sections", "--json"]),
        ])
    func helps(command: String, options: [String]) throws {
        for arguments in [[command, "--help"], ["help", command]] {
            let outcome = try Executable.run(arguments)
            #expect(outcome.code == 0)
            #expect(outcome.errors.isEmpty)
            #expect(outcome.output.contains("EXAMPLE\n  granary \(command) --index "), "\(outcome.output)")
            for option in options { #expect(outcome.output.contains(option), "\(command) \(option)") }
        }
    }
}
