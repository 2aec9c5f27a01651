/// A cursor over JSON text (RFC 8259) in memory: one line of a file, read once from left to right.
///
/// Strict: what the grammar does not have is `malformedInput`, with the byte. Nothing is built but what is
/// asked for, because this is the inner loop of every import.
struct JSONScanner {
    /// Values nest at most this deep.
    static let maximumDepth = 256

    let bytes: [UInt8]
    private(set) var position: Int
    private let end: Int
    /// What is added to a position to name a byte of the file.
    private let base: UInt64

    /// Reads a range of bytes, which begins at a byte of a file.
    init(_ bytes: [UInt8], _ range: Range<Int>, offset: UInt64 = 0) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
        base = offset &- UInt64(range.lowerBound)
    }

    // MARK: Single characters

    /// The next byte that is not white space; nil at the end.
    mutating func peek() -> UInt8? {
        while position < end {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A else { return byte }
            position += 1
        }
        return nil
    }

    /// Takes a byte if it is the next.
    mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    mutating func expect(_ byte: UInt8, _ what: String) throws(GranaryError) {
        guard take(byte) else { throw malformed(what) }
    }

    /// Nothing but white space may follow.
    mutating func expectEnd() throws(GranaryError) {
        if peek() != nil { throw malformed("the end of the line after the object") }
    }

    // MARK: Objects and arrays

    /// Calls `body` with the name of each member; it must take the member's value.
    mutating func members(
        _ what: String, _ body: (inout JSONScanner, String) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        try expect(UInt8(ascii: "{"), what)
        if take(UInt8(ascii: "}")) { return }
        repeat {
            let name = try string("a name in quotes")
            try expect(UInt8(ascii: ":"), "a colon after \"\(name)\"")
            try body(&self, name)
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"), "a comma or a closing brace")
    }

    /// Calls `body` for each element of an array; it must take the element.
    mutating func elements(
        _ what: String, _ body: (inout JSONScanner) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        try expect(UInt8(ascii: "["), what)
        if take(UInt8(ascii: "]")) { return }
        repeat { try body(&self) } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"), "a comma or a closing bracket")
    }

    /// Takes any value and gives the range of its bytes.
    mutating func skipValue(depth: Int = 0) throws(GranaryError) -> Range<Int> {
        guard depth < Self.maximumDepth else {
            throw malformed("values nested at most \(Self.maximumDepth) deep")
        }
        let first = peek()
        let start = position
        switch first {
        case UInt8(ascii: "{"):
            try members("an object") { (scanner, _) throws(GranaryError) in
                _ = try scanner.skipValue(depth: depth + 1)
            }
        case UInt8(ascii: "["):
            try elements("an array") { (scanner) throws(GranaryError) in
                _ = try scanner.skipValue(depth: depth + 1)
            }
        case UInt8(ascii: "\""): _ = try string("a string")
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default: _ = try number("a value")
        }
        return start..<position
    }

    /// Takes `null` if it is next.
    mutating func takeNull() throws(GranaryError) -> Bool {
        guard peek() == UInt8(ascii: "n") else { return false }
        try literal("null")
        return true
    }

    private mutating func literal(_ word: StaticString) throws(GranaryError) {
        guard takeWord(word) else { throw malformed("a value") }
    }

    /// Takes a bare word if it is next.
    mutating func takeWord(_ word: StaticString) -> Bool {
        let letters = "\(word)".utf8
        guard end - position >= letters.count,
            bytes[position..<position + letters.count].elementsEqual(letters)
        else { return false }
        position += letters.count
        return true
    }

    // MARK: Strings

    /// Takes a string.
    mutating func string(_ what: String) throws(GranaryError) -> String {
        try expect(UInt8(ascii: "\""), what)
        let start = position
        var isASCII = true
        while position < end {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                let range = start..<position
                position += 1
                if isASCII { return String(decoding: bytes[range], as: UTF8.self) }
                guard let text = String(validating: bytes[range], as: UTF8.self) else {
                    throw malformed("UTF-8 in a string")
                }
                return text
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            if byte < 0x20 { throw malformed("a string without control characters") }
            if byte >= 0x80 { isASCII = false }
            position += 1
        }
        throw malformed("a closing quote")
    }

    /// The rest of a string that has an escape at `position`.
    private mutating func escapedString(from start: Int) throws(GranaryError) -> String {
        var text = Array(bytes[start..<position])
        while position < end {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw malformed("UTF-8 in a string")
                }
                return string
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw malformed("a string without control characters")
            default: text.append(byte)
            }
        }
        throw malformed("a closing quote")
    }

    private mutating func escape(into text: inout [UInt8]) throws(GranaryError) {
        guard position < end else { throw malformed("an escape") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var value = try hexadecimal()
            if (0xD800..<0xDC00).contains(value) {
                guard takeWord("\\u") else { throw malformed("the second half of a surrogate pair") }
                let low = try hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else {
                    throw malformed("the second half of a surrogate pair")
                }
                value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(value) else {
                throw malformed("the first half of a surrogate pair first")
            }
            text += UTF8.encode(scalar).map(Array.init) ?? []
        default: throw malformed("an escape that JSON has")
        }
    }

    private mutating func hexadecimal() throws(GranaryError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard position < end, let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw malformed("four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    // MARK: Numbers

    /// Takes a number.
    mutating func number(_ what: String) throws(GranaryError) -> JSONNumber {
        _ = peek()
        let start = position
        var number = JSONNumber()
        if position < end, bytes[position] == UInt8(ascii: "-") {
            number.isNegative = true
            position += 1
        }
        let whole = digits(into: &number)
        guard whole > 0, whole == 1 || bytes[position - whole] != UInt8(ascii: "0") else {
            position = start
            throw malformed(what)
        }
        if position < end, bytes[position] == UInt8(ascii: ".") {
            position += 1
            let fraction = digits(into: &number)
            guard fraction > 0 else { throw malformed("a digit after the point") }
            number.exponent -= fraction
            number.isInteger = false
        }
        if position < end, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            number.isInteger = false
            number.exponent += try exponent()
        }
        number.range = start..<position
        return number
    }

    /// Takes digits and gives how many.
    private mutating func digits(into number: inout JSONNumber) -> Int {
        let start = position
        while position < end {
            let digit = bytes[position] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            number.append(digit)
            position += 1
        }
        return position - start
    }

    private mutating func exponent() throws(GranaryError) -> Int {
        var isNegative = false
        if position < end, bytes[position] == UInt8(ascii: "-") || bytes[position] == UInt8(ascii: "+") {
            isNegative = bytes[position] == UInt8(ascii: "-")
            position += 1
        }
        var power = JSONNumber()
        guard digits(into: &power) > 0 else { throw malformed("a digit in the exponent") }
        // Far beyond what a Double has; more digits change nothing.
        let value = power.isOverflowing ? 100_000 : Int(min(power.mantissa, 100_000))
        return isNegative ? -value : value
    }

    // MARK: Errors

    /// What was expected, what is there instead, and where.
    func malformed(_ expected: String) -> GranaryError {
        let found: String
        if position >= end {
            found = "the end of the line"
        } else {
            let text = bytes[position..<min(end, position + 12)]
            found = "`\(String(decoding: text, as: UTF8.self))`"
        }
        return GranaryError(
            .malformedInput, "expected \(expected), found \(found)", byteOffset: base &+ UInt64(position))
    }
}
