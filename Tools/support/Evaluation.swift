import Foundation
package import Granary

/// What a run is worth, averaged over queries.
package struct Evaluation: Sendable, Equatable {
    /// Queries that count.
    package var queries: Int
    /// Names and values, in the order of printing.
    package var values: [(name: String, value: Double)]

    package static func == (a: Evaluation, b: Evaluation) -> Bool {
        a.queries == b.queries && a.values.elementsEqual(b.values, by: ==)
    }
}

extension Evaluation {
    /// nDCG@k, MRR@k and recall@100 by judgements, as ir_measures 0.4 computes them.
    ///
    /// All judged queries count; one that the run lacks counts 0, one that is not judged is passed over.
    /// nDCG and recall follow trec_eval: linear gain, discount log2(rank + 1), scores in float32, ties by
    /// document in descending order. MRR follows MS MARCO's script: scores in float64, ties by document in
    /// ascending order. Relevant is a grade from 1.
    package init(run: [String: [RunEntry]], judgements: [String: [String: Int]], k: Int) {
        let recallDepth = 100
        var (gain, reciprocal, recall) = (0.0, 0.0, 0.0)
        // In a fixed order, so that the sums have the same bits each time.
        for (query, grades) in judgements.sorted(by: { RunFile.isBefore($0.key, $1.key) }) {
            guard let entries = run[query] else { continue }
            let ranked = Self.trecOrder(entries)
            gain += Self.normalisedGain(ranked, grades, k)
            reciprocal += Self.reciprocalRank(Self.marcoOrder(entries), grades, k)
            let relevant = grades.values.count { $0 > 0 }
            if relevant > 0 {
                let found = ranked.prefix(recallDepth).count { grades[$0, default: 0] > 0 }
                recall += Double(found) / Double(relevant)
            }
        }
        queries = judgements.count
        let count = Double(max(1, queries))
        values = [
            ("nDCG@\(k)", gain / count), ("MRR@\(k)", reciprocal / count),
            ("recall@\(recallDepth)", recall / count),
        ]
    }

    private static func trecOrder(_ entries: [RunEntry]) -> [String] {
        let sorted = entries.sorted { a, b in
            let (x, y) = (Float(a.score), Float(b.score))
            return x > y || (x == y && RunFile.isBefore(b.document, a.document))
        }
        return sorted.map(\.document)
    }

    private static func marcoOrder(_ entries: [RunEntry]) -> [String] {
        let sorted = entries.sorted { a, b in
            a.score > b.score || (a.score == b.score && RunFile.isBefore(a.document, b.document))
        }
        return sorted.map(\.document)
    }

    private static func normalisedGain(_ ranked: [String], _ grades: [String: Int], _ k: Int) -> Double {
        func sum(_ gains: some Sequence<Int>) -> Double {
            gains.prefix(k).enumerated().reduce(0) {
                $0 + Double(max(0, $1.element)) / log2(Double($1.offset) + 2)
            }
        }
        let ideal = sum(grades.values.sorted(by: >))
        return ideal > 0 ? sum(ranked.map { grades[$0, default: 0] }) / ideal : 0
    }

    private static func reciprocalRank(_ ranked: [String], _ grades: [String: Int], _ k: Int) -> Double {
        guard let first = ranked.prefix(k).firstIndex(where: { grades[$0, default: 0] > 0 }) else { return 0 }
        return 1 / Double(first + 1)
    }
}

extension Evaluation {
    /// recall@k against exact answers: the share of the true best k that the best k of the run have. A
    /// document that ties with the last of the true k is as right as that.
    ///
    /// - Parameters:
    ///   - queryRows: the row of each query's name; nil where names are row numbers.
    ///   - documentRows: the same of documents.
    /// - Throws: `invalidArgument` for a k above that of the truth, `malformedInput` for a name without a
    ///   row.
    package init(
        run: [String: [RunEntry]], truth: GroundTruth, k: Int, queryRows: [String: Int]?,
        documentRows: [String: Int]?
    ) throws(GranaryError) {
        guard k <= truth.k else {
            throw GranaryError(
                .invalidArgument, "expected a k of at most \(truth.k), which the truth has; found \(k)")
        }
        func row(_ name: String, _ rows: [String: Int]?, _ what: String) throws(GranaryError) -> Int {
            guard let row = rows.map({ $0[name] }) ?? Int(name) else {
                throw GranaryError(.malformedInput, "expected the name of a \(what)'s row, found \"\(name)\"")
            }
            return row
        }
        var recall = 0.0
        for (name, entries) in run.sorted(by: { RunFile.isBefore($0.key, $1.key) }) {
            let query = try row(name, queryRows, "query")
            guard (0..<truth.queryCount).contains(query) else {
                throw GranaryError(
                    .malformedInput,
                    "expected a query below \(truth.queryCount), found \"\(name)\" in row \(query)")
            }
            let scores = truth.scores(query)
            let least = scores.prefix(k).last ?? 0
            // Rows without an answer are -1: fewer than k documents share a component with the query.
            let right = Set(zip(truth.ids(query), scores).filter { $0 >= 0 && $1 >= least }.map { Int($0.0) })
            var found = 0
            for document in Self.marcoOrder(entries).prefix(k)
            where right.contains(
                try row(document, documentRows, "document"))
            {
                found += 1
            }
            let wanted = min(k, truth.ids(query).prefix(k).count { $0 >= 0 })
            recall += wanted == 0 ? 1 : Double(min(found, wanted)) / Double(wanted)
        }
        // A query that the run lacks has found nothing.
        queries = truth.queryCount
        values = [("recall@\(k)", recall / Double(max(1, queries)))]
    }
}
