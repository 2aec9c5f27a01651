/// The members of one line of a JSON-lines file, before they become a document.
struct DocumentLine {
    private var id: DocumentKey?
    private var tokens: [(String, Float)]?
    private var indices: [UInt32]?
    private var values: [Float]?
    private var dense: [Float]?
    private var hasDense = false
    private var payload: Range<Int>?
    /// Members that have no meaning here: where their names and values stand.
    private var others: [(name: Range<Int>, value: Range<Int>)] = []

    /// Reads the one object of a line.
    mutating func read(_ scanner: inout JSONScanner) throws(GranaryError) {
        var fields = self
        try scanner.expect(UInt8(ascii: "{"), "an object")
        if !scanner.take(UInt8(ascii: "}")) {
            repeat { try fields.readMember(&scanner) } while scanner.take(UInt8(ascii: ","))
            try scanner.expect(UInt8(ascii: "}"), "a comma or a closing brace")
        }
        try scanner.expectEnd()
        self = fields
    }

    private mutating func readMember(_ scanner: inout JSONScanner) throws(GranaryError) {
        let (name, place) = try scanner.memberHead()
        switch name {
        case "id":
            try once(id == nil, name, scanner)
            id = try Self.key(&scanner)
        case "vector":
            try once(tokens == nil, name, scanner)
            tokens = try Self.vector(&scanner)
        case "indices":
            try once(indices == nil, name, scanner)
            indices = try Self.components(&scanner)
        case "values":
            try once(values == nil, name, scanner)
            values = try Self.weights(&scanner)
        case "payload":
            try once(payload == nil, name, scanner)
            if try !scanner.takeNull() { payload = try scanner.skipValue() }
        case "dense":
            try once(!hasDense, name, scanner)
            hasDense = true
            if try !scanner.takeNull() { dense = try Self.dense(&scanner) }
        default:
            // They become members of one value, which is as deep as values may be.
            others.append((place, try scanner.skipValue(depth: 1)))
        }
    }

    private func once(_ isFirst: Bool, _ name: String, _ scanner: JSONScanner) throws(GranaryError) {
        guard isFirst else { throw scanner.malformed("\"\(name)\" once in a line") }
    }

    /// The document of what was read.
    func document(
        row: UInt64, bytes: [UInt8], options: JSONLinesReader.Options
    ) throws(GranaryError) -> Document {
        Document(
            id: id ?? .number(row), sparse: try sparse(options), dense: dense,
            payload: payloadBytes(bytes))
    }

    private func sparse(_ options: JSONLinesReader.Options) throws(GranaryError) -> SparseVector {
        switch (tokens, indices, values) {
        case (let tokens?, nil, nil):
            if !options.hasDecimalTokens {
                return try SparseVector(tokens: tokens, duplicates: options.duplicates)
            }
            var components: [UInt32] = []
            for (token, _) in tokens { components.append(try Self.component(token)) }
            return try SparseVector(
                components: components, weights: tokens.map(\.1), duplicates: options.duplicates)
        case (nil, let indices?, let values?):
            guard indices.count == values.count else {
                throw GranaryError(
                    .malformedInput,
                    "expected as many values as indices, found \(values.count) for \(indices.count)"
                )
            }
            return try SparseVector(components: indices, weights: values, duplicates: options.duplicates)
        case (nil, nil, nil):
            throw GranaryError(
                .malformedInput, "expected \"vector\", or \"indices\" and \"values\", found neither")
        case (nil, _, _):
            throw GranaryError(
                .malformedInput, "expected \"indices\" and \"values\" together, found one of them")
        default:
            throw GranaryError(
                .malformedInput, "expected \"vector\", or \"indices\" and \"values\", found both")
        }
    }

    private func payloadBytes(_ bytes: [UInt8]) -> [UInt8]? {
        if let payload { return Array(bytes[payload]) }
        return others.isEmpty ? nil : Self.object(others, bytes)
    }

    /// An object of members, by where their names and values stand.
    static func object(_ members: [(name: Range<Int>, value: Range<Int>)], _ bytes: [UInt8]) -> [UInt8] {
        var object: [UInt8] = [UInt8(ascii: "{")]
        for (name, value) in members {
            if object.count > 1 { object.append(UInt8(ascii: ",")) }
            object += bytes[name]
            object.append(UInt8(ascii: ":"))
            object += bytes[value]
        }
        object.append(UInt8(ascii: "}"))
        return object
    }

    // MARK: Values

    /// An id.
    static func key(_ scanner: inout JSONScanner) throws(GranaryError) -> DocumentKey {
        let expected = "an id: a string of 1 to 255 bytes or a whole number from 0 to 18446744073709551615"
        let before = scanner
        if scanner.peek() == UInt8(ascii: "\"") {
            let text = try scanner.string(expected)
            guard (1...255).contains(text.utf8.count) else {
                throw GranaryError(.malformedInput, "expected \(expected), found \(text.utf8.count) bytes")
            }
            return .string(text)
        }
        guard let number = try scanner.number(expected).unsigned else { throw before.malformed(expected) }
        return .number(number)
    }

    /// The component that a name in decimal says.
    static func component(_ token: String) throws(GranaryError) -> UInt32 {
        guard let component = UInt32(token) else {
            throw GranaryError(
                .malformedInput, "expected a component from 0 to 4294967295 in decimal, found \"\(token)\"")
        }
        return component
    }

    private static func vector(_ scanner: inout JSONScanner) throws(GranaryError) -> [(String, Float)] {
        var tokens: [(String, Float)] = []
        tokens.reserveCapacity(128)
        try scanner.members("\"vector\" to be an object of tokens and weights") {
            (scanner, token) throws(GranaryError) in
            tokens.append((token, try weight(&scanner)))
        }
        return tokens
    }

    private static func components(_ scanner: inout JSONScanner) throws(GranaryError) -> [UInt32] {
        let expected = "a component: a whole number from 0 to 4294967295"
        var components: [UInt32] = []
        try scanner.elements("\"indices\" to be an array of numbers") { (scanner) throws(GranaryError) in
            let before = scanner
            guard let number = try scanner.number(expected).unsigned, let component = UInt32(exactly: number)
            else {
                throw before.malformed(expected)
            }
            components.append(component)
        }
        return components
    }

    private static func weights(_ scanner: inout JSONScanner) throws(GranaryError) -> [Float] {
        var weights: [Float] = []
        try scanner.elements("\"values\" to be an array of numbers") { (scanner) throws(GranaryError) in
            weights.append(try weight(&scanner))
        }
        return weights
    }

    /// The values of a dense vector, each the nearest float32.
    private static func dense(_ scanner: inout JSONScanner) throws(GranaryError) -> [Float] {
        let expected = "a finite number of a dense vector"
        var values: [Float] = []
        let before = scanner
        try scanner.elements("\"dense\" to be an array of numbers") { (scanner) throws(GranaryError) in
            let before = scanner
            let value = try scanner.number(expected).float(in: scanner.bytes)
            guard value.isFinite else { throw before.malformed(expected) }
            values.append(value)
        }
        guard !values.isEmpty else { throw before.malformed("\"dense\" to have a number, or null") }
        return values
    }

    /// A weight. Its range is checked by the vector; what Python writes for no number is named as that.
    private static func weight(_ scanner: inout JSONScanner) throws(GranaryError) -> Float {
        let next = scanner.peek()
        if next == UInt8(ascii: "N") || next == UInt8(ascii: "I") || next == UInt8(ascii: "-") {
            let before = scanner
            if scanner.takeWord("NaN") || scanner.takeWord("Infinity") || scanner.takeWord("-Infinity") {
                var error = before.malformed("a weight from 0 to 65504")
                error.code = .invalidWeight
                throw error
            }
        }
        return try scanner.number("a weight").float(in: scanner.bytes)
    }
}
