import GranaryStorage

/// The header of an array of NumPy: what the file says of its shape and its values.
///
/// The bytes 93 "NUMPY", the version (2 bytes), the length of the rest (u16; u32 from version 2 on), and a
/// dictionary as Python spells it, padded with spaces. Source: `numpy.lib.format`.
struct NPYHeader {
    private(set) var layout: VectorLayout

    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// NumPy itself reads no longer ones without being told to.
    private static let largestBytes = 10_000
    private static let supported =
        "a matrix in C order of little-endian floats ('<f2', '<f4' or '<f8')"

    /// Reads the header of a file.
    ///
    /// - Throws: `wrongFile` for one of another kind, `truncated`, `malformedInput`, and `unsupported` for an
    ///   array of another kind, with what is supported.
    static func read(_ file: any ReadableFile, length: UInt64) throws(GranaryError) -> NPYHeader {
        let bytes = try file.read(at: 0, count: Int(min(length, 12)))
        guard bytes.starts(with: magic), bytes.count > 9 else {
            throw GranaryError(.wrongFile, "expected an array of NumPy, found another file", path: file.path)
        }
        guard (1...3).contains(bytes[6]) else {
            throw GranaryError(
                .unsupported, "expected version 1, 2 or 3 of NumPy's format, found \(bytes[6])",
                path: file.path)
        }
        var reader = ByteReader(bytes.rawBytes, path: file.path)
        try reader.skip(8)
        let count =
            bytes[6] == 1 ? Int(try reader.next(UInt16.self)) : Int(try reader.next(UInt32.self))
        guard count <= largestBytes else {
            throw GranaryError(
                .malformedInput, "expected a header of up to \(largestBytes) bytes, found \(count)",
                path: file.path)
        }
        let text = try file.read(at: UInt64(reader.position), count: count)
        return try NPYHeader(text, end: reader.position + count, path: file.path)
    }

    private init(_ text: [UInt8], end: Int, path: String) throws(GranaryError) {
        var scanner = PythonScanner(text, path: path)
        let members = try scanner.dictionary()
        guard case .text(let type)? = members["descr"], case .flag(let isFortran)? = members["fortran_order"],
            case .numbers(let shape)? = members["shape"]
        else {
            if case .other? = members["descr"] { throw Self.unsupported("a structured type", path) }
            throw scanner.malformed("'descr', 'fortran_order' and 'shape'")
        }
        let element: VectorElement
        switch type {
        case "<f2": element = .float16
        case "<f4": element = .float32
        case "<f8": element = .float64
        default: throw Self.unsupported("values of type '\(type)'", path)
        }
        guard shape.count == 2 else { throw Self.unsupported("\(shape.count) dimensions", path) }
        guard !isFortran else { throw Self.unsupported("Fortran order", path) }
        layout = VectorLayout(rowCount: shape[0], dimensions: shape[1], element: element, start: end)
    }

    private static func unsupported(_ found: String, _ path: String) -> GranaryError {
        GranaryError(.unsupported, "expected \(supported), found \(found)", path: path)
    }
}

/// A cursor over the literals that stand in a header of NumPy.
private struct PythonScanner {
    /// A value of the dictionary.
    enum Value {
        case text(String)
        case flag(Bool)
        case numbers([Int])
        /// A list: the fields of a structured type.
        case other
    }

    private let bytes: [UInt8]
    private let path: String
    private var position = 0

    init(_ bytes: [UInt8], path: String) { (self.bytes, self.path) = (bytes, path) }

    /// The whole text: one dictionary.
    mutating func dictionary() throws(GranaryError) -> [String: Value] {
        var members: [String: Value] = [:]
        try expect("{")
        while !take("}") {
            let name = try string()
            try expect(":")
            let value = try value()
            if case .other = value {
                // What follows is not read: it could be anything.
                members[name] = value
                return members
            }
            members[name] = value
            if !take(",") {
                try expect("}")
                break
            }
        }
        return members
    }

    private mutating func value() throws(GranaryError) -> Value {
        switch peek() {
        case UInt8(ascii: "'"), UInt8(ascii: "\""): return .text(try string())
        case UInt8(ascii: "["): return .other
        case UInt8(ascii: "("):
            try expect("(")
            var numbers: [Int] = []
            while !take(")") {
                numbers.append(try number())
                if !take(",") {
                    try expect(")")
                    break
                }
            }
            return .numbers(numbers)
        default:
            if take("True") { return .flag(true) }
            if take("False") { return .flag(false) }
            throw malformed("a string, True, False or a tuple")
        }
    }

    private mutating func string() throws(GranaryError) -> String {
        let quote = peek()
        guard quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
            throw malformed("a string")
        }
        let start = position + 1
        guard let end = bytes[start...].firstIndex(where: { $0 == quote }) else {
            throw malformed("a closing quote")
        }
        position = end + 1
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    private mutating func number() throws(GranaryError) -> Int {
        _ = peek()
        let digits = bytes[position...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let number = Int(String(decoding: digits, as: UTF8.self)) else {
            throw malformed("a number of rows or columns")
        }
        position = digits.endIndex
        // Python 2 wrote its long numbers so.
        _ = take("L")
        return number
    }

    /// The next byte that is not white space; nil at the end.
    private mutating func peek() -> UInt8? {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
        return position < bytes.count ? bytes[position] : nil
    }

    private mutating func take(_ word: StaticString) -> Bool {
        _ = peek()
        let letters = Array("\(word)".utf8)
        guard bytes[position...].starts(with: letters) else { return false }
        position += letters.count
        return true
    }

    private mutating func expect(_ word: StaticString) throws(GranaryError) {
        guard take(word) else { throw malformed("`\(word)`") }
    }

    func malformed(_ expected: String) -> GranaryError {
        let rest = String(decoding: bytes[position...].prefix(12), as: UTF8.self)
        return GranaryError(
            .malformedInput,
            "expected \(expected) in the header, found \(rest.isEmpty ? "its end" : "`\(rest)`")", path: path)
    }
}
