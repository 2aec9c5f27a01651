package import Granary

/// A filter as people write it on a command line:
///
///     expression = term { "or" term }
///     term       = factor { "and" factor }
///     factor     = "not" factor | "(" expression ")" | comparison
///     comparison = name ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
///                | name [ "not" ] "in" "(" value { "," value } ")"
///
/// Names and values are words, or text in double quotes with `\"` and `\\`. A value is read as the field's
/// kind says. `!=` and `not in` also match documents without a value.
package struct FilterExpression {
    private enum Token: Equatable {
        /// A word; quoted ones are no keywords.
        case word(String, isQuoted: Bool)
        case symbol(String)
        case end
    }

    private let text: [Character]
    private let schema: Schema
    /// Where the next token begins, and the one that is looked at.
    private var position = 0
    private var token = Token.end
    private var tokenStart = 0
    private var depth = 0

    private init(_ text: String, _ schema: Schema) {
        self.text = Array(text)
        self.schema = schema
    }

    /// The filter that a text says.
    ///
    /// - Throws: `invalidArgument` that says what was expected and at which character.
    package static func parse(_ text: String, _ schema: Schema) throws(GranaryError) -> Filter {
        var parser = FilterExpression(text, schema)
        try parser.advance()
        let filter = try parser.expression()
        guard parser.token == .end else { throw parser.unexpected("\"and\", \"or\" or the end") }
        return filter
    }

    // MARK: Grammar

    private mutating func expression() throws(GranaryError) -> Filter {
        depth += 1
        defer { depth -= 1 }
        guard depth < Filter.largestDepth / 2 else { throw unexpected("fewer parentheses") }
        var terms = [try term()]
        while try take(keyword: "or") { terms.append(try term()) }
        return terms.count == 1 ? terms[0] : .or(terms)
    }

    private mutating func term() throws(GranaryError) -> Filter {
        var factors = [try factor()]
        while try take(keyword: "and") { factors.append(try factor()) }
        return factors.count == 1 ? factors[0] : .and(factors)
    }

    private mutating func factor() throws(GranaryError) -> Filter {
        var isNegated = false
        while try take(keyword: "not") { isNegated.toggle() }
        let filter: Filter
        if try take(symbol: "(") {
            filter = try expression()
            try expect(symbol: ")")
        } else {
            filter = try comparison()
        }
        return isNegated ? .not(filter) : filter
    }

    private mutating func comparison() throws(GranaryError) -> Filter {
        guard case .word(let name, let isQuoted) = token, isQuoted || !Self.keywords.contains(name) else {
            throw unexpected("a field, \"not\" or \"(\"")
        }
        guard let field = schema.fields.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
            let names = schema.fields.map(\.name).joined(separator: ", ")
            throw unexpected("a field of the index (\(names.isEmpty ? "it has none" : names))")
        }
        try advance()
        let isNot = try take(keyword: "not")
        if try take(keyword: "in") {
            try expect(symbol: "(")
            var values = [try value(of: field)]
            while try take(symbol: ",") { values.append(try value(of: field)) }
            try expect(symbol: ")")
            return isNot ? .not(.oneOf(name, values)) : .oneOf(name, values)
        }
        guard case .symbol(let symbol) = token, !isNot, ["=", "!=", "<", "<=", ">", ">="].contains(symbol)
        else { throw unexpected(isNot ? "\"in\"" : "=, !=, <, <=, >, >= or \"in\"") }
        try advance()
        let value = try value(of: field)
        switch symbol {
        case "=": return .equals(name, value)
        case "!=": return .not(.equals(name, value))
        case "<": return .range(name, FieldRange(upper: .excluding(value)))
        case "<=": return .range(name, FieldRange(upper: .including(value)))
        case ">": return .range(name, FieldRange(lower: .excluding(value)))
        default: return .range(name, FieldRange(lower: .including(value)))
        }
    }

    private mutating func value(of field: Field) throws(GranaryError) -> FieldValue {
        guard case .word(let word, let isQuoted) = token else { throw unexpected("a value") }
        let value: FieldValue?
        switch field.kind {
        case .string: value = isQuoted || !Self.keywords.contains(word) ? .string(word) : nil
        case .integer: value = Int64(word).map { .integer($0) }
        case .number: value = Double(word).flatMap { $0.isNaN ? nil : .number($0) }
        case .boolean: value = Bool(word).map { .boolean($0) }
        }
        guard let value else { throw unexpected("a value of kind \(field.kind) for \"\(field.name)\"") }
        try advance()
        return value
    }

    // MARK: Tokens

    private static let keywords: Set<String> = ["and", "or", "not", "in"]
    private static let signs: Set<Character> = ["=", "!", "<", ">", "(", ")", ","]

    private mutating func take(keyword: String) throws(GranaryError) -> Bool {
        guard token == .word(keyword, isQuoted: false) else { return false }
        try advance()
        return true
    }

    private mutating func take(symbol: String) throws(GranaryError) -> Bool {
        guard token == .symbol(symbol) else { return false }
        try advance()
        return true
    }

    private mutating func expect(symbol: String) throws(GranaryError) {
        guard try take(symbol: symbol) else { throw unexpected("\"\(symbol)\"") }
    }

    /// Goes on to the next token.
    private mutating func advance() throws(GranaryError) {
        while position < text.count, text[position].isWhitespace { position += 1 }
        tokenStart = position
        guard position < text.count else {
            token = .end
            return
        }
        let first = text[position]
        if first == "\"" {
            token = .word(try quoted(), isQuoted: true)
        } else if Self.signs.contains(first) {
            position += 1
            let isPair =
                "=" != first && "<>!".contains(first) && position < text.count && text[position] == "="
            if isPair { position += 1 }
            token = .symbol(String(text[tokenStart..<position]))
        } else {
            while position < text.count, !text[position].isWhitespace, text[position] != "\"",
                !Self.signs.contains(text[position])
            { position += 1 }
            token = .word(String(text[tokenStart..<position]), isQuoted: false)
        }
    }

    private mutating func quoted() throws(GranaryError) -> String {
        var word = ""
        position += 1
        while position < text.count {
            let character = text[position]
            position += 1
            if character == "\"" { return word }
            if character == "\\", position < text.count, "\"\\".contains(text[position]) {
                word.append(text[position])
                position += 1
            } else {
                word.append(character)
            }
        }
        throw GranaryError(
            .invalidArgument,
            "filter: expected a closing quote for the one at character \(tokenStart + 1), found the end")
    }

    private func unexpected(_ expected: String) -> GranaryError {
        let found =
            tokenStart < text.count ? "`\(String(text[tokenStart...].prefix(24)))`" : "the end"
        return GranaryError(
            .invalidArgument,
            "filter: expected \(expected) at character \(tokenStart + 1), found \(found)")
    }
}
