extension Document {
    /// The document as one line of JSON, without a line feed: what `JSONLinesReader` reads.
    ///
    /// Components without tokens are written in decimal; numbers with as many digits as bring the same
    /// float32 back. A payload that is JSON is embedded as it is (line breaks become spaces), other UTF-8
    /// as a string, and other bytes as an array of numbers.
    public func jsonLine() -> [UInt8] {
        var line = Array("{\"id\": ".utf8)
        line += id.jsonValue()
        line += Array(", \"vector\": {".utf8)
        var isFirst = true
        func append(_ name: [UInt8], _ weight: Float) {
            if !isFirst { line += [UInt8(ascii: ","), UInt8(ascii: " ")] }
            isFirst = false
            line += name
            line += [UInt8(ascii: ":"), UInt8(ascii: " ")]
            line += Array("\(weight)".utf8)
        }
        switch sparse.entries {
        case .components(let components, let weights):
            for (component, weight) in zip(components, weights) {
                append(Array("\"\(component)\"".utf8), weight)
            }
        case .tokens(let tokens, let weights):
            for (token, weight) in zip(tokens, weights) { append(JSONText.quoted(token), weight) }
        }
        line.append(UInt8(ascii: "}"))
        if let dense {
            line += Array(", \"dense\": [".utf8)
            for (position, value) in dense.enumerated() {
                if position > 0 { line += [UInt8(ascii: ","), UInt8(ascii: " ")] }
                line += Array("\(value)".utf8)
            }
            line.append(UInt8(ascii: "]"))
        }
        if let payload {
            line += Array(", \"payload\": ".utf8)
            line += JSONText.value(payload)
        }
        line.append(UInt8(ascii: "}"))
        return line
    }
}

extension DocumentKey {
    /// The key as a JSON value: a string or a number.
    public func jsonValue() -> [UInt8] {
        switch self {
        case .string(let string): JSONText.quoted(string)
        case .number(let number): Array("\(number)".utf8)
        }
    }
}

/// Pieces of JSON text.
public enum JSONText {
    /// A string in quotes.
    public static func quoted(_ string: String) -> [UInt8] {
        var text: [UInt8] = [UInt8(ascii: "\"")]
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
            case 0x0A: text += Array("\\n".utf8)
            case 0x0D: text += Array("\\r".utf8)
            case 0x09: text += Array("\\t".utf8)
            case 0..<0x20:
                let hex = String(byte, radix: 16)
                text += Array("\\u00\(hex.count == 1 ? "0" : "")\(hex)".utf8)
            default: text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
        return text
    }

    /// Bytes as one JSON value on one line: as they are where they are JSON, else as a string where they
    /// are UTF-8, else as an array of numbers.
    public static func value(_ bytes: [UInt8]) -> [UInt8] {
        if isValue(bytes) {
            // Within strings JSON allows no line break, so these stand between tokens.
            return bytes.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
        }
        if let text = String(validating: bytes, as: UTF8.self) { return quoted(text) }
        return Array("[\(bytes.map { "\($0)" }.joined(separator: ", "))]".utf8)
    }

    /// Whether bytes are exactly one JSON value.
    public static func isValue(_ bytes: [UInt8]) -> Bool {
        var scanner = JSONScanner(bytes, 0..<bytes.count)
        return (try? scanner.skipValue()) != nil && scanner.peek() == nil
    }
}
