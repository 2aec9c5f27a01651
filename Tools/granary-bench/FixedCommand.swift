import ArgumentParser
import Foundation
import Granary

/// A fixed collection and fixed searches: the same work whenever it runs, for counting instructions.
struct FixedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fixed",
        abstract: "Makes a fixed index, or does fixed searches in it: what Tools/instructions counts.",
        discussion: """
            EXAMPLE
              granary-bench fixed --make --index fixed.index
              valgrind --tool=callgrind granary-bench fixed --index fixed.index
            """)

    @Option(help: "The index directory.") var index: String
    @Flag(help: "Makes the index, and does not search.") var make = false
    @Flag(help: "With --make: posting blocks instead of impact-ordered lists.") var blocks = false
    @Option(help: "With --make: documents.") var documents = 6000
    @Option(help: "Searches.") var searches = 60

    private static let components: UInt32 = 3000

    func validate() throws {
        guard (1...10_000_000).contains(documents), (1...10_000_000).contains(searches) else {
            throw ValidationError("expected 1 to 10000000 documents and searches")
        }
    }

    func run() throws {
        if make { try makeIndex() } else { try search() }
    }

    private func makeIndex() throws {
        let options = BuildOptions(blocksFrom: blocks ? 0 : .max, calibrationQueries: 0)
        let writer = try Index.create(at: index).writer(WriterOptions(threads: 1, build: options))
        for number in 0..<documents {
            try writer.upsert(
                Document(id: .number(UInt64(number)), sparse: try vector(UInt64(number), 20...100)))
        }
        _ = try writer.commit()
        writer.close()
    }

    private func search() throws {
        let snapshot = try Index.open(at: index).snapshot()
        let settings = SearchSettings(listMass: 0.7, leastImpact: 0.18, estimateFactor: 0.85)
        var hits = 0
        for number in 0..<searches {
            let query = Query(sparse: try vector(1 << 32 + UInt64(number), 24...24), settings: settings)
            hits += try snapshot.search(query).count
        }
        print("\(hits) hits")
    }

    /// A vector that follows from a number: components of a topic and of all, rare ones less often.
    private func vector(_ number: UInt64, _ counts: ClosedRange<Int>) throws -> SparseVector {
        var random = SeededGenerator(seed: number)
        let topic = UInt32.random(in: 0..<100, using: &random)
        var weights: [UInt32: Float] = [:]
        for step in 0..<Int.random(in: counts, using: &random) {
            let share = Float.random(in: 0..<1, using: &random)
            let component =
                step % 3 == 0
                ? topic * 30 + UInt32.random(in: 0..<30, using: &random)
                : UInt32(Float(Self.components) * share * share)
            weights[min(component, Self.components - 1)] = 0.05 + 2.5 * share * share
        }
        return try SparseVector(components: Array(weights.keys), weights: Array(weights.values))
    }
}
