import Foundation
import Testing

/// The built benchmark: what it does with odd input.
@Suite struct BenchTests {
    private func run(_ files: Workspace, _ options: String...) throws -> Executable.Outcome {
        let base = try files.write("base.csr", Matrix(columns: 4, [[(0, 1)], [(1, 2)], [(0, 2)]]).bytes)
        let queries = try files.write("queries.csr", Matrix(columns: 4, [[(0, 1)], [(3, 1)]]).bytes)
        // The second query has no answer: its rows are -1.
        let truth = try files.write(
            "truth.gt",
            [UInt32(2), 2].flatMap { Matrix.little($0) }
                + [Int32(2), 0, -1, -1].flatMap { Matrix.little($0) }
                + [Float(2), 1, 0, 0].flatMap { Matrix.little($0.bitPattern) })
        let arguments = ["--base", base, "--queries", queries, "--truth", truth, "-k", "2", "--passes", "1"]
        return try Executable.run(arguments + options, name: "granary-bench")
    }

    @Test("Queries with fewer answers than k are measured by those they have")
    func measuresShortTruth() throws {
        let outcome = try run(try Workspace(), "--exact")
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("\"params\": {\"exact\": true}, \"recall\": 1.0,"))
    }

    @Test(
        "Counts out of range are errors of usage",
        arguments: ["--docs=-1", "--queries-max=-1", "-k=0", "--memory=0", "--passes=0"])
    func refusesCounts(_ option: String) throws {
        #expect(try run(try Workspace(), option).code == 64)
    }

    @Test("Dense vectors are measured cold and warm, over all candidates")
    func measuresDense() throws {
        let files = try Workspace()
        let outcome = try Executable.run(
            [
                "dense", "--index", files.file("index"), "--docs", "5000", "--dimensions", "8", "--element",
                "int8", "--rounds", "1", "--queries-count", "3", "--candidates", "20", "--methods",
                "parallel",
                "--rows", files.file("rows"),
            ], name: "granary-bench")
        #expect(outcome.code == 0, "\(outcome.errors)")
        let lines = outcome.output.split(separator: "\n").dropFirst().map { $0.split(separator: " ") }
        #expect(
            lines.map { $0.prefix(4) } == [
                ["parallel", "20", "20", "cold"], ["parallel", "20", "20", "warm"],
            ])
        let rows = try files.read("rows").split(separator: "\n").map { Set($0.split(separator: " ")) }
        #expect(rows.map(\.count) == [20, 20, 20])
    }
}
