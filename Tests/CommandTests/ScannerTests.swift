import Foundation
import Testing

@testable import Granary

/// Numbers and lines against simpler ways to read them.
@Suite struct ScannerTests {
    @Test("Every decimal is the nearest float32")
    func readsNearestFloat() throws {
        let seed: UInt64 = 3
        var random = SeededGenerator(seed: seed)
        // Halfway between two float32 values, and a hair beside it, where rounding twice goes wrong.
        var texts = [
            "0", "-0", "1", "0.1", "65504", "16777217", "16777217.0000001", "16777216.9999999",
            "1.00000005960464477539",
            "1.000000059604644775390625", "1.0000000596046448", "1e-45", "7e-46", "1.1754943e-38",
            "3.4028236e38", "1e39",
            "123456789012345678901234567890", "0.000000000000000000000000000001", "9007199254740993", "1e22",
            "1e23",
            "1E+2", "5e-324", "2.5e-3",
        ]
        for _ in 0..<20_000 {
            let mantissa = random.next() >> UInt64.random(in: 0...63, using: &random)
            let exponent = Int.random(in: -60...30, using: &random)
            texts.append("\(mantissa)e\(exponent)")
            texts.append("\(Float(bitPattern: UInt32.random(in: 0..<0x7F80_0000, using: &random)))")
            texts.append(
                "\(Int.random(in: 0...99, using: &random)).\(Int.random(in: 0...999_999_999, using: &random))"
            )
        }
        // Beside the middle of two neighbours a decimal of 16 digits may have the same nearest float64 as it.
        for _ in 0..<40_000 {
            let value = Float.random(in: 1e-4...1000, using: &random)
            let middle = (Double(value) + Double(value.nextUp)) / 2
            texts.append("\(middle)")
            let digits = Int.random(in: 15...19, using: &random)
            texts.append(String(format: "%.\(digits)g", middle))
        }
        for text in texts {
            let bytes = Array(text.utf8)
            var scanner = JSONScanner(bytes, 0..<bytes.count)
            let value = try scanner.number("a number").float(in: bytes)
            #expect(scanner.peek() == nil, "\(text)")
            let expected = try #require(Float(text), "seed \(seed)")
            if value.bitPattern != expected.bitPattern {
                Issue.record("\(text): \(value), not \(expected); seed \(seed)")
            }
        }
    }

    @Test("Lines are those of splitting, wherever chunks and lines end")
    func cutsLines() throws {
        let seed: UInt64 = 5
        var random = SeededGenerator(seed: seed)
        for round in 0..<12 {
            var text: [UInt8] = []
            // Over the chunk of 1 MiB, with lines that lie across its end or end just there.
            let target =
                (1 << 20) * Int.random(in: 1...3, using: &random) + Int.random(in: -2...2, using: &random)
            while text.count < target {
                let length = Bool.random(using: &random) ? Int.random(in: 0...3, using: &random) : 300_000
                text += [UInt8](repeating: UInt8.random(in: 97...122, using: &random), count: length)
                text.append(0x0A)
            }
            if round % 2 == 0 { text = Array(text.prefix(target)) }
            var expected = text.split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) }
            if expected.last?.isEmpty == true { expected.removeLast() }
            let reader = try LineReader(
                "in", maximumBytes: 300_000, fileSystem: try MemoryFileSystem.with("in", text))
            var position = 0
            var offset = 0
            while let line = try reader.next() {
                #expect(Array(line.buffer[line.range]) == expected[position], "seed \(seed), round \(round)")
                #expect(line.number == UInt64(position + 1))
                #expect(line.offset == UInt64(offset))
                offset += line.range.count + 1
                position += 1
            }
            #expect(position == expected.count, "seed \(seed), round \(round)")
        }
    }

    @Test("An error names the byte of the file")
    func namesByte() throws {
        let text = "{\"vector\":{}}\n{\"vector\":{\"a\":x}}\n"
        let reader = try JSONLinesReader("in", fileSystem: try MemoryFileSystem.with("in", text.utf8))
        _ = try reader.next()
        let error = granaryError { () throws(GranaryError) in _ = try reader.next() }
        #expect(error?.byteOffset == 29)
    }

    @Test("Text files give names, and refuse what is none")
    func readsNames() throws {
        let fileSystem = try MemoryFileSystem.with("ids", "a\r\nb c\né".utf8)
        #expect(try TextFile.names("ids", fileSystem: fileSystem) == ["a", "b c", "é"])
        for (text, line) in [("a\n\nb\n", UInt64(2)), ("a\n\(String(repeating: "i", count: 256))\n", 2)] {
            let fileSystem = try MemoryFileSystem.with("ids", text.utf8)
            let error = granaryError { () throws(GranaryError) in
                _ = try TextFile.names("ids", fileSystem: fileSystem)
            }
            #expect(error?.code == .malformedInput)
            #expect(error?.line == line)
        }
        let broken = try MemoryFileSystem.with("ids", [0x61, 0x0A, 0xFF, 0x0A])
        let error = granaryError { () throws(GranaryError) in
            _ = try TextFile.names("ids", fileSystem: broken)
        }
        #expect(error?.line == 2)
    }
}
