import ArgumentParser
package import Granary

/// Fusions as a command line spells them.
package enum FusionArgument {
    /// The spellings, for help.
    package static let spellings = """
        dense | linear:sparse=W,dense=W | rrf:k=60,sparse=1,dense=1 | normalized:sparse=W,dense=W
        """

    /// The fusion of a text: a name, and behind a colon what it needs, in any order, separated by commas.
    ///
    /// `linear` and `normalized` need both weights; `rrf` takes k = 60 and weights of 1 where they are not
    /// given.
    /// - Throws: `ValidationError` that says what was expected.
    package static func parse(_ text: String) throws -> Fusion {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        let list = parts.count > 1 ? parts[1] : nil
        switch name {
        case "dense":
            guard list == nil else { throw ValidationError("expected `dense` alone, found `\(text)`") }
            return .dense
        case "linear":
            let values = try numbers(list, of: name, allowed: ["sparse", "dense"])
            return .linear(
                sparse: try needed("sparse", values, of: name), dense: try needed("dense", values, of: name))
        case "normalized":
            let values = try numbers(list, of: name, allowed: ["sparse", "dense"])
            return .normalized(
                sparse: try needed("sparse", values, of: name), dense: try needed("dense", values, of: name))
        case "rrf":
            let values = try numbers(list, of: name, allowed: ["k", "sparse", "dense"])
            return .reciprocalRank(
                k: values["k"] ?? 60, sparse: values["sparse"] ?? 1, dense: values["dense"] ?? 1)
        default:
            throw ValidationError("expected dense, linear, rrf or normalized, found `\(name)`")
        }
    }

    private static func numbers(
        _ list: Substring?, of name: String, allowed: [String]
    ) throws -> [String: Float] {
        guard let list else { return [:] }
        var numbers: [String: Float] = [:]
        for item in list.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = String(sides[0])
            guard sides.count == 2, allowed.contains(key) else {
                let keys = allowed.map { "\($0)=…" }.joined(separator: ", ")
                throw ValidationError("expected \(keys) for \(name), found `\(item)`")
            }
            guard numbers[key] == nil else { throw ValidationError("expected \(key) once, found it twice") }
            guard let number = Float(sides[1]), number.isFinite, number >= 0 else {
                throw ValidationError("expected a number of at least 0 for \(key), found `\(sides[1])`")
            }
            numbers[key] = number
        }
        return numbers
    }

    private static func needed(
        _ key: String, _ values: [String: Float], of name: String
    ) throws -> Float {
        guard let value = values[key] else {
            throw ValidationError("expected \(key)=… for \(name), as in \(name):sparse=0.3,dense=1")
        }
        return value
    }
}
