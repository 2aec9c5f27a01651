import Foundation

/// The text of a payload, for people.
package enum Snippet {
    private static let fields = ["text", "contents", "content", "body", "title", "name", "question"]

    /// The text of a JSON object's first field that usually has some, of a JSON string, or of the bytes
    /// themselves; in one line of at most `length` characters. Nil where there is none.
    package static func text(_ payload: [UInt8]?, length: Int) -> String? {
        guard let payload, !payload.isEmpty else { return nil }
        let value = try? JSONSerialization.jsonObject(with: Data(payload), options: .fragmentsAllowed)
        let text: String
        if let object = value as? [String: Any] {
            let found = fields.lazy.compactMap { object[$0] as? String }.first
            guard let found = found ?? String(validating: payload, as: UTF8.self) else { return nil }
            text = found
        } else if let string = value as? String {
            text = string
        } else {
            guard let raw = String(validating: payload, as: UTF8.self) else { return nil }
            text = raw
        }
        let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        if words.isEmpty { return nil }
        return words.count <= length ? words : String(words.prefix(length - 1)) + "…"
    }
}
