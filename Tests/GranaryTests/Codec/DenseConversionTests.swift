import TestSupport
import Testing

@testable import Granary

/// Conversions between float32 and the elements of dense rows, against Swift's and against their definitions.
@Suite struct DenseConversionTests {
    /// The little-endian 16-bit values of a row.
    static func words(_ bytes: [UInt8]) -> [UInt16] {
        stride(from: 0, to: bytes.count, by: 2).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
    }

    static func bytes(_ words: [UInt16]) -> [UInt8] {
        words.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    }

    /// What a 16-bit value means.
    static func value(_ element: DenseElement, _ word: UInt16) -> Float {
        element == .float16 ? Float(Float16(bitPattern: word)) : Float(bitPattern: UInt32(word) << 16)
    }

    /// The bfloat16 nearest to a value, of two equally near the even one.
    static func nearestBrainHalf(_ value: Float) -> UInt16 {
        let low = UInt16(truncatingIfNeeded: value.bitPattern >> 16)
        func distance(_ word: UInt16) -> Double {
            // Infinity stands where the next power of two would.
            let stored = Float(bitPattern: UInt32(word) << 16)
            return abs(abs(Double(value)) - (stored.isInfinite ? 0x1p128 : abs(Double(stored))))
        }
        let (below, above) = (distance(low), distance(low + 1))
        return below < above || (below == above && low % 2 == 0) ? low : low + 1
    }

    @Test(arguments: [DenseElement.float16, .bfloat16])
    func every16BitPatternHasItsValueAtEveryLevel(element: DenseElement) throws {
        let all = (0...UInt16.max).map { $0 }
        let row = Self.bytes(all)
        let kernels = try #require(DenseKernels(element: element, dimensions: all.count))
        var values = [Float](repeating: 0, count: all.count)
        var out = values.mutableSpan
        let isDecoded = kernels.decode(row.span.bytes, into: &out)
        #expect(isDecoded)
        let one: [Float] = [1]
        let levels = try denseLevels.map {
            try #require(DenseKernels(element: element, dimensions: 1, level: $0))
        }
        var wrong = 0
        for word in all {
            let (expected, at) = (Self.value(element, word), Int(word))
            let found =
                [values[at]]
                + levels.compactMap { $0.dot(row.span.bytes.extracting((2 * at)..<(2 * at + 2)), one.span) }
            wrong += found.count == levels.count + 1 ? 0 : 1
            for value in found where value != expected && !(value.isNaN && expected.isNaN) { wrong += 1 }
            // -0 is one of the values, though no sum.
            if !expected.isNaN && values[at].bitPattern != expected.bitPattern { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    @Test(arguments: [DenseElement.float16, .bfloat16])
    func valuesAreRoundedToNearestEvenAtEveryLevel(element: DenseElement) throws {
        var random = TestRandom(seed: 321)
        let largest: UInt16 = element == .float16 ? 0x7bff : 0x7f7f
        // Each stored value and the middle to the next one, with their neighbours, and values between.
        var values: [Float] = []
        for word in stride(from: 0, to: largest, by: 3) {
            let (low, high) = (Self.value(element, word), Self.value(element, word + 1))
            let middle = low + (high - low) / 2
            values += [low, low.nextUp, middle.nextDown, middle, middle.nextUp, high.nextDown]
        }
        let limit = Self.value(element, largest).bitPattern
        values += (0..<20_000).map { _ in Float(bitPattern: UInt32.random(in: 0...limit, using: &random)) }
        values += values.map { -$0 }
        let expected = values.map {
            element == .float16 ? Float16($0).bitPattern : Self.nearestBrainHalf($0)
        }
        for level in denseLevels {
            var from = 0
            while from < values.count {
                // Lengths of every remainder, so that tails are made of all values too.
                let to = min(values.count, from + 1000 + from % 17)
                let row = try DenseTestRow(element, Array(values[from..<to]), level: level)
                #expect(Self.words(row.bytes) == Array(expected[from..<to]), "level \(level), from \(from)")
                from = to
            }
        }
    }

    @Test func float32IsKeptBitForBit() throws {
        var random = TestRandom(seed: 322)
        let values =
            [0, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -.greatestFiniteMagnitude]
            + denseVector(100, &random)
        let row = try DenseTestRow(.float32, values)
        #expect(row.values.map(\.bitPattern) == values.map(\.bitPattern))
        #expect(row.scale == 1)
    }

    @Test func int8ValuesAreWithinHalfAStep() throws {
        var random = TestRandom(seed: 323)
        for dimensions in denseDimensions {
            for exponent in [-120, 0, 110] {
                let vector = denseVector(dimensions, &random).map {
                    $0 * Float(sign: .plus, exponent: exponent, significand: 1)
                }
                let row = try DenseTestRow(.int8, vector)
                let largest = vector.map { abs($0) }.max() ?? 0
                #expect(row.scale == largest / 127)
                for (value, stored) in zip(vector, row.values) {
                    #expect(abs(Double(value) - Double(stored)) <= Double(row.scale) * 0.500_02)
                }
                #expect(row.bytes.map { abs(Int(Int8(bitPattern: $0))) }.max() == (largest > 0 ? 127 : 0))
            }
        }
    }

    @Test func int8CodesAreRoundedToNearestEven() throws {
        let row = try DenseTestRow(.int8, [127, 0.5, 1.5, 2.5, -0.5, -2.5, -127, 126.5, -3.4])
        #expect(row.scale == 1)
        #expect(row.bytes.map { Int8(bitPattern: $0) } == [127, 0, 2, 2, 0, -2, -127, 126, -3])
    }

    @Test func int8OfTheSmallestVectorsIsWithinItsCodes() throws {
        let zero = try DenseTestRow(.int8, [0, -0.0, 0])
        #expect(zero.scale == 0)
        #expect(zero.bytes == [0, 0, 0])
        for steps in [1, 63, 64, 65, 100, 127, 190, 191, 1000, 100_000] {
            let least = Float.leastNonzeroMagnitude
            let row = try DenseTestRow(.int8, [least * Float(steps), -least * Float(steps), 0])
            let codes = row.bytes.map { Int(Int8(bitPattern: $0)) }
            #expect(codes[0] == -codes[1] && codes[2] == 0)
            #expect(row.scale == 0 ? codes[0] == 0 : (63...127).contains(codes[0]), "\(steps)")
        }
    }

    @Test(arguments: DenseElement.allCases)
    func aValueThatDoesNotFitIsAnErrorAndNothingIsWritten(element: DenseElement) throws {
        // The largest that fits, and the first that is rounded to infinity.
        let limits: [DenseElement: (Float, Float)] = [
            .float16: (Float(65520).nextDown, 65520),
            .bfloat16: (Float(bitPattern: 0x7f7f_7fff), Float(bitPattern: 0x7f7f_8000)),
        ]
        let (fits, beyond) = limits[element] ?? (.greatestFiniteMagnitude, .infinity)
        for dimensions in [1, 8, 63, 100] {
            for at in Set([0, dimensions / 2, dimensions - 1]) {
                var vector = [Float](repeating: 1, count: dimensions)
                for value in [fits, -fits] {
                    vector[at] = value
                    #expect(try DenseTestRow(element, vector).values[at].isFinite)
                }
                for value in [beyond, -beyond, .infinity, -.infinity, .nan, -.nan] {
                    vector[at] = value
                    try expectNoRow(element, vector, naming: "dimension \(at) ")
                }
            }
        }
    }

    /// Expects an error with a part of its message, and an untouched row, at every level.
    func expectNoRow(_ element: DenseElement, _ vector: [Float], naming part: String) throws {
        for level in denseLevels {
            let kernels = try #require(DenseKernels(element: element, dimensions: vector.count, level: level))
            let before = [UInt8](repeating: 0xa5, count: kernels.rowBytes)
            var (row, found) = (before, nil as GranaryError?)
            var span = row.mutableSpan
            var bytes = span.mutableBytes
            do { _ = try kernels.encode(vector.span, into: &bytes) } catch { found = error }
            #expect(found?.code == .invalidArgument)
            #expect(found?.message.contains(part) == true)
            #expect(row == before)
        }
    }

    @Test func elementsAreFoundByTheirNames() {
        #expect(DenseElement.allCases.map(\.name) == ["float32", "float16", "bfloat16", "int8"])
        for element in DenseElement.allCases { #expect(DenseElement(name: element.name) == element) }
        for name in ["", "Float32", "f16", "int8 "] { #expect(DenseElement(name: name) == nil) }
    }
}
