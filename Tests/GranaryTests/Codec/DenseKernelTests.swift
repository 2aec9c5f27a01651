import TestSupport
import Testing

@testable import Granary

/// The sums over dense rows against their definition, against exact arithmetic, and level against level.
@Suite struct DenseKernelTests {
    /// The order of additions that `granary_dense.h` specifies.
    static func laneSum(_ terms: [Float]) -> Float {
        var lanes = [Float](repeating: 0, count: 64)
        for (at, term) in terms.enumerated() { lanes[at % 64] += term }
        var half = 32
        while half > 0 {
            for lane in 0..<half { lanes[lane] += lanes[lane + half] }
            half /= 2
        }
        return lanes[0]
    }

    /// How far a sum of some exact terms may be from them, with `more` roundings a term.
    static func bound(_ terms: [Double], more: Int = 0) -> Double {
        let roundings = Double((terms.count + 63) / 64 + 6 + more) * 0x1p-24
        return roundings / (1 - roundings) * terms.reduce(0) { $0 + abs($1) } + Double(terms.count) * 0x1p-149
    }

    /// A sum at one level: the kernels and where the row and the query lie.
    typealias Kernel = (DenseKernels, RawSpan, Span<Float>) -> Float?

    /// Compares a sum at every level and at both ends of memory with its definition, and that with the exact
    /// sum.
    static func check(
        _ row: DenseTestRow, _ query: [Float], _ memory: (row: GuardedBytes, query: GuardedBytes),
        terms: [Float], exact: [Double], more: Int = 0, factor: Float = 1, kernel: Kernel
    ) throws {
        let expected = laneSum(terms) * factor
        let error = abs(Double(laneSum(terms)) - exact.reduce(0, +))
        #expect(error <= bound(exact, more: more), "\(row.kernels.element) \(query.count)")
        try memory.row.atBothEnds(row.bytes) { bytes in
            try memory.query.atBothEnds(query) { query in
                for level in denseLevels {
                    let sum = kernel(try row.at(level), bytes, query)
                    let found = try #require(sum)
                    #expect(
                        found.bitPattern == expected.bitPattern,
                        "\(row.kernels.element), \(query.count) dimensions, level \(level)")
                }
            }
        }
    }

    @Test(arguments: DenseElement.allCases)
    func sumsHaveTheBitsOfTheirDefinitionAtEveryLevelAndReadNothingElse(element: DenseElement) throws {
        var random = TestRandom(seed: 311)
        let memory = (try GuardedBytes(room: 8192 * 4), try GuardedBytes(room: 8192 * 4))
        for dimensions in denseDimensions {
            let row = try DenseTestRow(element, denseVector(dimensions, &random))
            let query = denseVector(dimensions, &random)
            // What the sums are made of: int8 codes leave their scale to the end, but for distances.
            let codes = element == .int8 ? row.bytes.map { Float(Int8(bitPattern: $0)) } : row.values
            let pairs = Array(zip(codes, query))
            try Self.check(
                row, query, memory, terms: pairs.map { $0 * $1 },
                exact: pairs.map { Double($0) * Double($1) },
                factor: row.scale
            ) { $0.dot($1, $2, scale: row.scale) }
            let differences = Array(zip(row.values, query))
            try Self.check(
                row, query, memory, terms: differences.map { ($0 - $1) * ($0 - $1) },
                exact: differences.map { (Double($0) - Double($1)) * (Double($0) - Double($1)) }, more: 2
            ) { $0.squaredDistance($1, $2, scale: row.scale) }
            guard element != .int8 else { continue }
            try Self.check(
                row, query, memory, terms: codes.map { $0 * $0 }, exact: codes.map { Double($0) * Double($0) }
            ) { kernels, row, _ in kernels.squaredNorm(row) }
        }
    }

    @Test func integerSumsAreExactAtEveryLevelAndReadNothingElse() throws {
        var random = TestRandom(seed: 312)
        let memory = (row: try GuardedBytes(room: 65_536), query: try GuardedBytes(room: 65_536))
        for dimensions in denseDimensions + [65_536] {
            // Random codes, and the ones whose products are the largest of either sign.
            let random = (0..<2).map { _ in
                (0..<dimensions).map { _ in Int8(truncatingIfNeeded: random.int(-128...127)) }
            }
            let least = [Int8](repeating: -128, count: dimensions)
            let most = [Int8](repeating: 127, count: dimensions)
            for (row, query) in [
                (random[0], random[1]), (least, least), (least, most), (most, least), (most, most),
            ] {
                let exact = zip(row, query).reduce(0) { $0 + Int($1.0) * Int($1.1) }
                let square = row.reduce(0) { $0 + Int($1) * Int($1) }
                try memory.row.atBothEnds(row.map { UInt8(bitPattern: $0) }) { row in
                    try memory.query.atBothEnds(query.map { UInt8(bitPattern: $0) }) { query in
                        for level in denseLevels {
                            let kernels = try #require(
                                DenseKernels(element: .int8, dimensions: dimensions, level: level))
                            let dot = kernels.integerDot(row, query)
                            let norms = [kernels.squaredNorm(row), kernels.squaredNorm(row, scale: 0.5)]
                            #expect(dot == Int32(exact), "\(dimensions) \(level)")
                            #expect(norms == [Float(square), Float(square) / 4])
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: DenseElement.allCases)
    func aRowHasTheSameSumsAtAnyAddress(element: DenseElement) throws {
        var random = TestRandom(seed: 313)
        for dimensions in [1, 7, 63, 64, 65, 129, 768] {
            let row = try DenseTestRow(element, denseVector(dimensions, &random))
            let query = denseVector(dimensions, &random)
            let dot = row.kernels.dot(row.bytes, query)
            let distance = row.kernels.squaredDistance(row.bytes, query)
            let norm = row.kernels.squaredNorm(row.bytes)
            for offset in 1...65 {
                let moved = [UInt8](repeating: 0xff, count: offset) + row.bytes + [0xff]
                let bytes = unsafe moved.span.bytes.extracting(offset..<(offset + row.bytes.count))
                for level in denseLevels {
                    let kernels = try row.at(level)
                    let found = [
                        kernels.dot(bytes, query.span), kernels.squaredDistance(bytes, query.span),
                        kernels.squaredNorm(bytes),
                    ]
                    #expect(found == [dot, distance, norm])
                }
            }
        }
    }

    /// Bits of 1, the least subnormal, -0, infinity and a NaN of an element, in its size.
    struct Bits {
        let one, least, negativeZero, infinity, nan: UInt32

        init?(_ element: DenseElement) {
            switch element {
            case .float32:
                (one, least, negativeZero, infinity, nan) = (
                    0x3f80_0000, 1, 1 << 31, 0x7f80_0000, 0x7f80_0001
                )
            case .float16: (one, least, negativeZero, infinity, nan) = (0x3c00, 1, 1 << 15, 0x7c00, 0x7c01)
            case .bfloat16: (one, least, negativeZero, infinity, nan) = (0x3f80, 1, 1 << 15, 0x7f80, 0x7f81)
            case .int8: return nil
            }
        }

        /// A row of one value, but for a place.
        static func row(_ element: DenseElement, _ value: UInt32, count: Int, except at: Int, _ other: UInt32)
            -> [UInt8]
        {
            (0..<count).flatMap { place in
                (0..<element.bytes).map {
                    UInt8(truncatingIfNeeded: (place == at ? other : value) >> (8 * UInt32($0)))
                }
            }
        }
    }

    @Test(arguments: DenseElement.allCases)
    func specialValuesAreThoseOfTheStandard(element: DenseElement) throws {
        guard let bits = Bits(element) else { return }
        let least: Float = element == .float16 ? 0x1p-24 : element == .bfloat16 ? 0x1p-133 : 0x1p-149
        for dimensions in [1, 15, 64, 100, 768] {
            let (ones, at) = ([Float](repeating: 1, count: dimensions), dimensions - 1)
            for level in denseLevels {
                let kernels = try #require(
                    DenseKernels(element: element, dimensions: dimensions, level: level))
                func sums(_ value: UInt32, _ last: UInt32) -> [Float?] {
                    let row = Bits.row(element, value, count: dimensions, except: at, last)
                    return [
                        kernels.dot(row, ones),
                        kernels.squaredDistance(row, ones),
                        kernels.squaredNorm(row),
                    ]
                }
                #expect(sums(bits.one, bits.nan).allSatisfy { $0?.isNaN == true })
                #expect(sums(bits.one, bits.infinity) == [.infinity, .infinity, .infinity])
                // Subnormals count in full.
                #expect(sums(bits.least, bits.least)[0] == Float(dimensions) * least)
                #expect(sums(bits.negativeZero, bits.least)[0] == least)
                // A sum begins with 0, and so does not become -0.
                #expect(sums(bits.negativeZero, bits.negativeZero)[0]?.bitPattern == 0)
                #expect(sums(bits.negativeZero, bits.negativeZero)[1] == Float(dimensions))
            }
        }
    }

    @Test(arguments: DenseElement.allCases)
    func otherLengthsHaveNoSum(element: DenseElement) throws {
        #expect(DenseKernels(element: element, dimensions: 0) == nil)
        #expect(DenseKernels(element: element, dimensions: 65_537) == nil)
        let kernels = try #require(DenseKernels(element: element, dimensions: 8))
        let (query, short) = ([Float](repeating: 1, count: 8), [Float](repeating: 1, count: 7))
        let row = [UInt8](repeating: 0, count: 8 * element.bytes)
        for length in [0, row.count - 1, row.count + 1] {
            let other = [UInt8](repeating: 0, count: length)
            #expect(kernels.dot(other, query) == nil)
            #expect(kernels.squaredDistance(other, query) == nil)
            #expect(kernels.squaredNorm(other) == nil)
            #expect(kernels.integerDot(other, row) == nil)
            #expect(kernels.integerDot(row, other) == nil)
        }
        #expect(kernels.dot(row, short) == nil)
        #expect(kernels.squaredDistance(row, short) == nil)
        #expect(kernels.dot(row, query) == 0)
        #expect((kernels.integerDot(row, row) == nil) == (element != .int8))
    }

    @Test(arguments: DenseElement.allCases)
    func manyRowsScoreAsEachAlone(element: DenseElement) throws {
        var random = TestRandom(seed: 41)
        for dimensions in [1, 63, 64, 384, 1030] {
            let rows = try (0..<23).map { _ in try DenseTestRow(element, denseVector(dimensions, &random)) }
            let scaleOffset = element == .int8 ? rows[0].bytes.count + 3 : nil
            // At odd places, in no order, some twice.
            var (bytes, offsets) = ([UInt8](repeating: 7, count: 5), [UInt64]())
            for row in rows {
                offsets.append(UInt64(bytes.count))
                bytes += row.bytes
                if scaleOffset != nil { bytes += [1, 2, 3] + Self.little(row.scale) }
            }
            let order = rows.indices.map { $0 * 7 % rows.count } + [4, 4]
            let query = denseVector(dimensions, &random)
            for level in denseLevels {
                let kernels = try rows[0].at(level)
                for isDistance in [false, true] {
                    let scores = unsafe kernels.scores(
                        bytes.span.bytes, order.map { offsets[$0] }, query.span, isDistance: isDistance,
                        scaleOffset: scaleOffset)
                    let alone = order.map { number in
                        let row = rows[number]
                        return unsafe isDistance
                            ? kernels.squaredDistance(row.bytes.span.bytes, query.span, scale: row.scale).map
                            {
                                -$0.squareRoot()
                            } : kernels.dot(row.bytes.span.bytes, query.span, scale: row.scale)
                    }
                    #expect(scores?.map(\.bitPattern) == alone.map { $0?.bitPattern })
                }
            }
        }
    }

    private static func little(_ value: Float) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) }
    }

    @Test func rowsOutsideTheBytesHaveNoScores() throws {
        let kernels = try #require(DenseKernels(element: .float32, dimensions: 4))
        let (bytes, query) = ([UInt8](repeating: 0, count: 40), [Float](repeating: 1, count: 4))
        func scores(_ offsets: [UInt64], _ query: [Float], scaleOffset: Int? = nil) -> [Float]? {
            unsafe kernels.scores(
                bytes.span.bytes, offsets, query.span, isDistance: false, scaleOffset: scaleOffset)
        }
        #expect(scores([0, 24], query) == [0, 0])
        #expect(scores([], query) == [])
        #expect(scores([25], query) == nil)
        #expect(scores([0, .max], query) == nil)
        #expect(scores([0], [1, 1, 1]) == nil)
        #expect(scores([0], query, scaleOffset: 15) == nil)
        let int8 = try #require(DenseKernels(element: .int8, dimensions: 4))
        for (scale, isFinite) in [
            (Float(-1), false), (.nan, false), (.infinity, false), (-0.0, true), (2, true),
        ] {
            let row = [1, 1, 1, 1] + Self.little(scale)
            for isDistance in [false, true] {
                let score = unsafe int8.scores(
                    row.span.bytes, [0], query.span, isDistance: isDistance, scaleOffset: 4)
                #expect(score?.map(\.isFinite) == [isFinite])
            }
            #expect(
                unsafe int8.scores(row.span.bytes, [1], query.span, isDistance: false, scaleOffset: 4) == nil)
            #expect(
                unsafe int8.scores(row.span.bytes, [0], query.span, isDistance: false, scaleOffset: nil)
                    == nil)
        }
    }
}
