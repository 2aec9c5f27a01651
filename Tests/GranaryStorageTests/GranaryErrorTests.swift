import GranaryStorage
import Testing

@Suite("An error")
struct GranaryErrorTests {
    /// The numbers that programs in other languages know: never changed, only added to.
    static let numbers: [(GranaryError.Code, Int32, String)] = [
        (.io, 1, "input/output error"), (.diskFull, 2, "disk full"), (.notFound, 3, "not found"),
        (.alreadyExists, 4, "already exists"), (.permissionDenied, 5, "permission denied"),
        (.locked, 6, "locked"),
        (.corrupt, 10, "corrupt"), (.truncated, 11, "truncated"),
        (.checksumMismatch, 12, "checksum mismatch"),
        (.wrongFile, 13, "wrong file"), (.unsupportedVersion, 14, "unsupported version"),
        (.notAnIndex, 15, "not an index"), (.commitUncertain, 20, "commit uncertain"),
        (.writerPoisoned, 21, "writer poisoned"), (.stalled, 22, "stalled"),
        (.cancelled, 30, "cancelled"),
        (.invalidArgument, 40, "invalid argument"), (.tooLarge, 41, "too large"),
        (.malformedInput, 50, "malformed input"), (.invalidWeight, 51, "invalid weight"),
        (.duplicateComponent, 52, "duplicate component"), (.unsupported, 60, "unsupported"),
    ]

    @Test("keeps the number and the name of its code", arguments: numbers.indices)
    func codes(_ position: Int) {
        let (code, number, name) = Self.numbers[position]
        #expect(code.rawValue == number)
        #expect(GranaryError.Code(rawValue: number) == code)
        #expect("\(code)" == name)
    }

    @Test("of a later version is named by its number")
    func unknownCode() { #expect("\(GranaryError.Code(rawValue: 999))" == "error 999") }

    @Test("says what, and where if that is known")
    func description() {
        #expect("\(GranaryError(.corrupt, "expected a, found b"))" == "corrupt: expected a, found b")
        let error = GranaryError(
            .checksumMismatch, "expected a, found b", path: "/d/f", section: "rows", byteOffset: 17, line: 3)
        #expect(
            "\(error)" == "checksum mismatch: expected a, found b (/d/f, line 3, section rows, byte 17)")
    }

    @Test("is no command to a terminal and one line, whatever bytes of a file it quotes")
    func controlCharacters() {
        let error = GranaryError(
            .malformedInput, "found \"a\u{1B}[2J\r\n\u{9B}é\u{7F}\u{202E}\u{2028}\"", path: "/d/\u{7}f",
            section: "a\u{0}b")
        #expect(
            "\(error)"
                == "malformed input: found \"a\\u{1b}[2J\\u{d}\\u{a}\\u{9b}é\\u{7f}\\u{202e}\\u{2028}\" "
                + "(/d/\\u{7}f, section a\\u{0}b)")
        let long = GranaryError(.malformedInput, String(repeating: "x", count: 1 << 20))
        #expect("\(long)".utf8.count < 5000 && "\(long)".hasSuffix("x…"))
    }
}
