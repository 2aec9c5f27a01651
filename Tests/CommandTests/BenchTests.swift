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
}
