import GranaryStorage

/// Documents as lines of Anserini's JSON vectors: what `AnseriniReader` reads.
public struct AnseriniEncoder: Sendable {
    /// How numbers are written.
    public let weights: VectorWeights
    /// What a weight of 1 is as a number.
    public let scale: ImpactScale?

    /// An encoder. Whole numbers are weights × the scale, rounded and at least 1; others are weights × the
    /// scale, or with nil the weights themselves.
    ///
    /// - Throws: `invalidArgument` for whole numbers without a scale, which a file has no place for.
    public init(weights: VectorWeights, scale: ImpactScale?) throws(GranaryError) {
        guard weights == .float || scale != nil else {
            throw GranaryError(.invalidArgument, "expected a scale for whole numbers")
        }
        (self.weights, self.scale) = (weights, scale)
    }

    /// A document as one object on one line, without a line feed.
    ///
    /// Members of a payload that is an object stand beside `vector`, without those named `id` and `vector`;
    /// any other payload becomes a member `payload`. `contents` is there always, empty where the payload has
    /// none. A dense vector has no place.
    /// - Throws: `unsupported` for a number over 2^31 − 1.
    public func line(_ document: Document) throws(GranaryError) -> [UInt8] {
        var line = Array("{\"id\": ".utf8)
        line += document.id.jsonValue()
        let members = Self.members(document.payload)
        if !members.hasContents { line += Array(", \"contents\": \"\"".utf8) }
        line += members.bytes
        line += Array(", \"vector\": {".utf8)
        var isFirst = true
        func append(_ name: [UInt8], _ weight: Float) throws(GranaryError) {
            if !isFirst { line += [UInt8(ascii: ","), UInt8(ascii: " ")] }
            isFirst = false
            line += name
            line += [UInt8(ascii: ":"), UInt8(ascii: " ")]
            line += Array(try number(weight).utf8)
        }
        switch document.sparse.entries {
        case .components(let components, let weights):
            for (component, weight) in zip(components, weights) {
                try append(Array("\"\(component)\"".utf8), weight)
            }
        case .tokens(let tokens, let weights):
            for (token, weight) in zip(tokens, weights) { try append(JSONText.quoted(token), weight) }
        }
        return line + [UInt8(ascii: "}"), UInt8(ascii: "}")]
    }

    private func number(_ weight: Float) throws(GranaryError) -> String {
        guard let scale else { return "\(weight)" }
        switch weights {
        case .int: return "\(try scale.impact(of: weight))"
        case .float:
            let number = Double(weight) * scale.factor
            guard number.isFinite else {
                throw GranaryError(
                    .unsupported, "expected finite numbers, found a weight of \(weight) times \(scale.factor)"
                )
            }
            return "\(number)"
        }
    }

    /// A payload as members of the object, each with a comma before it.
    private static func members(_ payload: [UInt8]?) -> (bytes: [UInt8], hasContents: Bool) {
        guard let payload else { return ([], false) }
        let value = JSONText.value(payload)
        let separator = Array(", ".utf8)
        var scanner = JSONScanner(value, 0..<value.count)
        guard scanner.take(UInt8(ascii: "{")) else {
            return (separator + Array("\"payload\": ".utf8) + value, false)
        }
        var (bytes, hasContents): ([UInt8], Bool) = ([], false)
        if scanner.take(UInt8(ascii: "}")) { return ([], false) }
        repeat {
            _ = scanner.peek()
            let start = scanner.position
            // `value` is JSON, so nothing fails here.
            guard let name = try? scanner.string("a name"), scanner.take(UInt8(ascii: ":")),
                let range = try? scanner.skipValue()
            else { break }
            hasContents = hasContents || name == "contents"
            if name != "id", name != "vector" { bytes += separator + value[start..<range.upperBound] }
        } while scanner.take(UInt8(ascii: ","))
        return (bytes, hasContents)
    }
}
