import Foundation
package import Granary

/// One line of a TREC run, without its query.
package struct RunEntry: Sendable, Equatable {
    /// The document.
    package var document: String
    /// Its score.
    package var score: Double

    /// Makes an entry.
    package init(document: String, score: Double) {
        self.document = document
        self.score = score
    }
}

/// TREC runs: `query Q0 document rank score tag`, ranks from 1, nine significant digits, which bring a
/// float32 back.
///
/// Evaluation tools sort by score and break ties each in its own way (trec_eval by document in descending
/// order, MS MARCO's script in ascending order). So that all of them see the order of the hits, which is
/// that of insertion where scores tie, no score is written twice: each is at least one float32 step below
/// the one before.
package enum RunFile {
    /// The lines of one query, in the order of its hits.
    ///
    /// - Throws: `invalidArgument` for an id with white space in it, which a run cannot say.
    package static func lines(query: DocumentKey, hits: [Hit]) throws(GranaryError) -> String {
        let name = try field(query)
        var text = ""
        var above = Float.infinity
        for (position, hit) in hits.enumerated() {
            above = min(hit.score, above.nextDown)
            text += "\(name) Q0 \(try field(hit.id)) \(position + 1) \(score(above)) granary\n"
        }
        return text
    }

    /// A score in nine significant digits.
    package static func score(_ score: Float) -> String { String(format: "%.9g", Double(score)) }

    private static func field(_ key: DocumentKey) throws(GranaryError) -> String {
        let text = key.description
        guard !text.contains(where: \.isWhitespace) else {
            throw GranaryError(
                .invalidArgument, "expected an id without white space for a run, found \"\(text)\"")
        }
        return text
    }

    /// By UTF-8 bytes, which is by code points.
    package static func isBefore(_ a: String, _ b: String) -> Bool {
        a.utf8.lexicographicallyPrecedes(b.utf8)
    }

    /// The entries of each query of a run, in any order.
    ///
    /// - Throws: `malformedInput` with the line, also for a document that stands twice under one query.
    package static func read(_ path: String) throws(GranaryError) -> [String: [RunEntry]] {
        let file = try TextFile(path)
        var run: [String: [RunEntry]] = [:]
        var seen: [String: Set<String>] = [:]
        while let line = try file.next() {
            let fields = line.split(whereSeparator: \.isWhitespace)
            if fields.isEmpty { continue }
            guard fields.count == 6, let score = Double(fields[4]), score.isFinite else {
                throw GranaryError(
                    .malformedInput,
                    "expected `query Q0 document rank score tag`, found `\(line.prefix(80))`",
                    path: path, line: file.line)
            }
            let (query, document) = (String(fields[0]), String(fields[2]))
            guard seen[query, default: []].insert(document).inserted else {
                throw GranaryError(
                    .malformedInput,
                    "expected each document once for a query, found \(document) again for \(query)",
                    path: path, line: file.line)
            }
            run[query, default: []].append(RunEntry(document: document, score: score))
        }
        return run
    }
}

/// Relevance judgements: a grade for each judged pair.
package enum Judgements {
    /// The grades of each query in TREC's qrels layout: `query 0 document grade`.
    ///
    /// - Throws: `malformedInput` with the line.
    package static func read(_ path: String) throws(GranaryError) -> [String: [String: Int]] {
        let file = try TextFile(path)
        var judgements: [String: [String: Int]] = [:]
        while let line = try file.next() {
            let fields = line.split(whereSeparator: \.isWhitespace)
            if fields.isEmpty { continue }
            guard fields.count == 4, let grade = Int(fields[3]) else {
                throw GranaryError(
                    .malformedInput, "expected `query 0 document grade`, found `\(line.prefix(80))`",
                    path: path,
                    line: file.line)
            }
            judgements[String(fields[0]), default: [:]][String(fields[2])] = grade
        }
        return judgements
    }
}
