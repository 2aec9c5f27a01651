import Foundation
import Granary

/// One JSON object on one line, its members in the order in which they are added: what `--json` writes.
package struct JSONLine {
    private var members: [String] = []

    /// An empty object.
    package init() {}

    /// Adds a number.
    package mutating func add(_ name: String, _ number: some BinaryInteger) { add(name, json: "\(number)") }

    /// Adds true or false.
    package mutating func add(_ name: String, _ flag: Bool) { add(name, json: "\(flag)") }

    /// Adds a string, or null.
    package mutating func add(_ name: String, _ text: String?) {
        add(name, json: text.map { String(decoding: JSONText.quoted($0), as: UTF8.self) } ?? "null")
    }

    /// Adds a time, to a millisecond.
    package mutating func add(_ name: String, seconds: Double) {
        add(name, json: String(format: "%.3f", seconds))
    }

    /// Adds an object.
    package mutating func add(_ name: String, _ object: JSONLine) { add(name, json: object.object) }

    /// Adds an array of objects.
    package mutating func add(_ name: String, _ objects: [JSONLine]) {
        add(name, json: "[\(objects.map(\.object).joined(separator: ", "))]")
    }

    private mutating func add(_ name: String, json: String) { members.append("\"\(name)\": \(json)") }

    private var object: String { "{\(members.joined(separator: ", "))}" }

    /// The line.
    package var text: String { object + "\n" }
}
