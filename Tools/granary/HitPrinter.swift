import CommandSupport
import Foundation
import Granary

/// Hits as text for people or as JSON lines for programs.
struct HitPrinter {
    let snapshot: Snapshot
    let isJSON: Bool
    let explains: Bool

    /// Writes the hits of one query.
    func write(_ query: Document, _ hits: [Hit], to output: OutputFile) throws(GranaryError) {
        if isJSON { try writeJSON(query, hits, to: output) } else { try writeText(query, hits, to: output) }
    }

    // MARK: People

    private func writeText(_ query: Document, _ hits: [Hit], to output: OutputFile) throws(GranaryError) {
        try output.write(query.id.description.shown)
        if let text = Snippet.text(query.payload, length: 100) { try output.write("  \(text.shown)") }
        try output.write("\n")
        if hits.isEmpty { try output.write("  no hits\n") }
        for (position, hit) in hits.enumerated() {
            let rank = String(position + 1)
            let indent = String(repeating: " ", count: max(0, 3 - rank.count))
            try output.write("\(indent)\(rank). \(String(format: "%8.4f", Double(hit.score)))  ")
            try output.write(hit.id.description.shown)
            if let text = Snippet.text(try snapshot.payload(id: hit.id), length: 160) {
                try output.write("  \(text.shown)")
            }
            try output.write("\n")
            if explains { try writeTerms(query, hit, to: output) }
        }
        try output.write("\n")
    }

    private func writeTerms(_ query: Document, _ hit: Hit, to output: OutputFile) throws(GranaryError) {
        guard let explanation = try snapshot.explain(query.sparse, id: hit.id) else { return }
        for term in explanation.terms.sorted(by: { $0.product > $1.product }) {
            let name = term.token?.shown ?? String(term.component)
            try output.write(
                "      \(String(format: "%8.4f", Double(term.product)))  \(name): "
                    + "\(term.queryWeight) × \(term.weight)\n"
            )
        }
    }

    // MARK: Programs

    private func writeJSON(_ query: Document, _ hits: [Hit], to output: OutputFile) throws(GranaryError) {
        try output.write("{\"id\": ")
        try output.write(query.id.jsonValue())
        try output.write(", \"hits\": [")
        for (position, hit) in hits.enumerated() {
            if position > 0 { try output.write(", ") }
            try output.write("{\"id\": ")
            try output.write(hit.id.jsonValue())
            try output.write(", \"score\": \(hit.score)")
            if let payload = try snapshot.payload(id: hit.id) {
                try output.write(", \"payload\": ")
                try output.write(JSONText.value(payload))
            }
            if explains { try writeJSONTerms(query, hit, to: output) }
            try output.write("}")
        }
        try output.write("]}\n")
    }

    private func writeJSONTerms(_ query: Document, _ hit: Hit, to output: OutputFile) throws(GranaryError) {
        guard let explanation = try snapshot.explain(query.sparse, id: hit.id) else { return }
        try output.write(", \"terms\": [")
        for (position, term) in explanation.terms.enumerated() {
            if position > 0 { try output.write(", ") }
            try output.write("{\"component\": \(term.component)")
            if let token = term.token {
                try output.write(", \"token\": ")
                try output.write(JSONText.quoted(token))
            }
            try output.write(
                ", \"query\": \(term.queryWeight), \"weight\": \(term.weight), \"product\": \(term.product)}")
        }
        try output.write("]")
    }
}
