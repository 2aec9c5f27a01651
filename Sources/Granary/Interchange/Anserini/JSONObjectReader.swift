import GranaryStorage

/// The objects of a JSON file: one after the other with white space between them, or the elements of one
/// array.
///
/// Only cuts: what an object has inside is for `JSONScanner` to judge. Memory: the longest object that is
/// allowed, and a chunk.
struct JSONObjectReader: ~Copyable {
    private enum Place {
        case beginning, sequence, firstElement, elements, end
    }

    private var stream: ByteStream
    private let maximumBytes: Int
    private var place = Place.beginning
    /// The line of the next byte, from 1.
    private var line: UInt64 = 1

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private init(_ stream: consuming ByteStream, maximumBytes: Int) {
        self.stream = stream
        self.maximumBytes = maximumBytes
    }

    /// Opens a file.
    ///
    /// - Throws: errors of opening and reading.
    static func open(
        _ path: String, maximumBytes: Int, fileSystem: any FileSystem
    ) throws(GranaryError) -> JSONObjectReader {
        var stream = try ByteStream.open(path, fileSystem: fileSystem)
        let hasMark = stream.length >= 3 ? try stream.bytes(3) == byteOrderMark : false
        if !hasMark { stream = try ByteStream.open(path, fileSystem: fileSystem) }
        return JSONObjectReader(stream, maximumBytes: maximumBytes)
    }

    /// The file.
    var path: String { stream.path }
    /// Its length in bytes.
    var length: UInt64 { stream.length }
    /// Bytes read so far.
    var bytesRead: UInt64 { stream.offset }

    /// The next object, with the line on which it begins; nil at the end.
    ///
    /// - Throws: `malformedInput` for what is no object, with the line; `tooLarge` for one that is longer
    ///   than allowed; errors of reading.
    mutating func next() throws(GranaryError) -> TextLine? {
        while let byte = try nextVisible() {
            switch (place, byte) {
            case (.beginning, UInt8(ascii: "[")): place = .firstElement
            case (.beginning, UInt8(ascii: "{")), (.sequence, UInt8(ascii: "{")):
                place = .sequence
                return try object()
            case (.firstElement, UInt8(ascii: "{")):
                place = .elements
                return try object()
            case (.firstElement, UInt8(ascii: "]")), (.elements, UInt8(ascii: "]")): place = .end
            case (.elements, UInt8(ascii: ",")):
                guard try nextVisible() == UInt8(ascii: "{") else { throw malformed("an object") }
                return try object()
            case (.elements, _): throw malformed("a comma or a closing bracket")
            case (.end, _): throw malformed("the end after the array")
            default: throw malformed("an object")
            }
        }
        if place == .firstElement || place == .elements { throw malformed("a closing bracket") }
        return nil
    }

    /// Takes the next byte that is no white space.
    private mutating func nextVisible() throws(GranaryError) -> UInt8? {
        while let byte = try stream.next() {
            switch byte {
            case UInt8(ascii: "\n"): line += 1
            case 0x20, 0x09, 0x0D: break
            default: return byte
            }
        }
        return nil
    }

    /// The object whose brace was taken, up to its last.
    private mutating func object() throws(GranaryError) -> TextLine {
        let (start, first) = (stream.offset - 1, line)
        var buffer = [UInt8(ascii: "{")]
        var depth = 1
        var (isInString, isEscaped) = (false, false)
        while depth > 0 {
            guard let byte = try stream.next() else { throw malformed("a closing brace", of: first) }
            guard buffer.count < maximumBytes else {
                throw GranaryError(
                    .tooLarge, "expected an object of at most \(maximumBytes) bytes, found a longer one",
                    path: path, byteOffset: start, line: first)
            }
            buffer.append(byte)
            if byte == UInt8(ascii: "\n") { line += 1 }
            if isInString {
                if !isEscaped, byte == UInt8(ascii: "\"") { isInString = false }
                isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
            } else {
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
                default: break
                }
            }
        }
        return TextLine(buffer: buffer, range: 0..<buffer.count, number: first, offset: start)
    }

    private func malformed(_ expected: String, of line: UInt64? = nil) -> GranaryError {
        GranaryError(
            .malformedInput, "expected \(expected)", path: path, byteOffset: stream.offset,
            line: line ?? self.line)
    }
}
