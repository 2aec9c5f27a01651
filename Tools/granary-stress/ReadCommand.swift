import ArgumentParser
import Granary
import TestSupport

/// Reads beside a writer, and looks whether everything goes together.
struct ReadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "Reads an index of `work` for some time and checks every snapshot.",
        discussion: """
            Generations must not go back, documents must be those that the generation's checksum stands for, \
            searches must be right, and a snapshot must stay as it is while the writer goes on.
            """)

    @Option(help: "The index directory.") var index: String
    @Option(help: "The seed of `work`.") var seed: UInt64
    @Option(help: "Ends after so many seconds.") var seconds = 10.0
    @Option(help: "What the queries follow from.") var habits: UInt64 = 0

    func run() throws {
        let opened = try Index.open(at: index)
        var random = TestRandom(seed: habits)
        var held: [(snapshot: Snapshot, model: StressModel)] = []
        var (generation, generations, snapshots) = (UInt64(0), 0, 0)
        var batch: UInt64 = 0
        let start = ContinuousClock.now
        while (ContinuousClock.now - start).seconds < seconds {
            let snapshot = try opened.snapshot()
            snapshots += 1
            guard snapshot.generation >= generation else {
                throw Finding("generation \(snapshot.generation) after \(generation)")
            }
            let model = try StressModel(seed: seed, snapshot)
            guard model.batch >= batch else { throw Finding("batch \(model.batch) after \(batch)") }
            if snapshot.generation > generation { generations += 1 }
            (generation, batch) = (snapshot.generation, model.batch)
            try search(snapshot, model, &random)
            held.append((snapshot, model))
            if held.count > 6 {
                let (old, expected) = held.remove(at: random.int(0...5))
                guard try StressModel(seed: seed, old) == expected else {
                    throw Finding("generation \(old.generation) has changed under its reader")
                }
            }
        }
        say("read \(snapshots) snapshots of \(generations) generations")
    }

    /// An exact search is brute force; others find live documents at their true scores.
    private func search(_ snapshot: Snapshot, _ model: StressModel, _ random: inout TestRandom) throws {
        let query = try StressModel.query(&random)
        let truth = try BruteForce(stored: snapshot)
        let all = Int(StressModel.idCount)
        for k in [all, 5] {
            let hits = try snapshot.search(Query(sparse: query, k: k, exact: true))
            guard hits == truth.search(query, k: k) else {
                throw Finding("an exact search of generation \(snapshot.generation) is wrong")
            }
        }
        let scores = Dictionary(
            uniqueKeysWithValues: truth.search(query, k: all).map { ($0.id, $0.score) })
        for hit in try snapshot.search(Query(sparse: query, k: 10)) where scores[hit.id] != hit.score {
            throw Finding("\(hit) of generation \(snapshot.generation) is wrong")
        }
        guard scores.count == model.versions.count else {
            throw Finding("generation \(snapshot.generation) finds \(scores.count) documents")
        }
    }
}
