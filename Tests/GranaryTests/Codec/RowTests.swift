@testable import Granary
import TestSupport
import Testing

/// Forward rows: what comes back, and that every level of the kernels gives the same bits, whatever the
/// bytes.
@Suite struct RowTests {
    static let shapes: [(WeightType, UInt32)] = WeightType.allCases.flatMap { type in
        [(type, UInt32(30)), (type, UInt32(65_536)), (type, UInt32(1_000_000))]
    }

    /// The scores of all rows at a level, and how many rows were malformed: by range and by ordinals.
    private func scores(_ rows: EncodedTestRows, _ table: [Float], level: Int32) -> (
        bits: [UInt32], malformed: [Int]
    ) {
        let count = rows.count
        var (ranged, listed) = ([Float](repeating: 7, count: count), [Float](repeating: 7, count: count))
        let view = rows.view
        let first = Kernels.score(view, table: table, range: 0..<UInt32(count), into: &ranged, level: level)
        let ordinals = (0..<UInt32(count)).reversed().map { $0 }
        let second = Kernels.score(
            view, table: table, ordinals: ordinals, count: count, into: &listed, level: level)
        return (ranged.map(\.bitPattern) + listed.reversed().map(\.bitPattern), [first, second])
    }

    private func table(_ rows: EncodedTestRows, _ random: inout TestRandom) -> [Float] {
        let length = Kernels.tableLength(components: rows.components, isWide: rows.isWide)
        var table = [Float](repeating: 0, count: length)
        for place in 0..<length where rows.components < 100 || random.int(0...3) == 0 {
            table[place] = random.float(0...5) * (rows.type == .uint8 ? 1 : Kernels.logScale)
        }
        if rows.isWide { table[length - 1] = 0 }
        return table
    }

    @Test(arguments: shapes) func everyLevelGivesTheSameBits(_ type: WeightType, _ components: UInt32) throws
    {
        var random = TestRandom(seed: 91)
        let rows = try EncodedTestRows.random(type, components: components, seed: 92)
        let table = table(rows, &random)
        let expected = scores(rows, table, level: 0)
        #expect(expected.malformed == [0, 0])
        #expect(Array(expected.bits.prefix(rows.count)) == Array(expected.bits.suffix(rows.count)))
        for level in 0...Kernels.bestLevel {
            let found = scores(rows, table, level: level)
            #expect(found.bits == expected.bits && found.malformed == expected.malformed, "level \(level)")
        }
        // The scalar twin itself: the light score is at most the score of the weights, and at least 8/9 of
        // it.
        for (number, vector) in rows.vectors.enumerated() where !vector.components.isEmpty {
            var full = 0.0
            for (component, weight) in zip(vector.components, vector.weights) {
                let scale =
                    type == .uint8 ? 1 / Double(rows.steps[Int(component)]) : 1 / Double(Kernels.logScale)
                full += Double(table[Int(component)]) * scale * Double(weight)
            }
            let light = Double(Float(bitPattern: expected.bits[number]))
            if type == .uint8 {
                #expect(light >= full * 0.3 && light <= full * 2 + 1)
            } else {
                #expect(light <= full * 1.001 && light >= full * 0.888)
            }
        }
    }

    /// The stored weights of a row; nil for a malformed one.
    private func weightBits(
        _ rows: EncodedTestRows, _ ordinal: UInt32, _ wanted: [UInt32], level: Int32
    ) -> [UInt32]? {
        var weights = [Float](repeating: -1, count: wanted.count)
        var places = weights.mutableSpan
        let isGood = Kernels.weights(
            rows.view, rows.fineView, steps: rows.steps.span, ordinal: ordinal, at: wanted.span,
            into: &places,
            level: level)
        return isGood ? weights.map(\.bitPattern) : nil
    }

    @Test(arguments: shapes) func everyLevelGivesTheSameBitsForHostileBytes(
        _ type: WeightType, _ components: UInt32
    ) throws {
        var random = TestRandom(seed: 93)
        let good = try EncodedTestRows.random(type, components: components, seed: 94)
        let table = table(good, &random)
        var malformed = 0
        for round in 0..<(components > 65_536 ? 60 : 150) {
            var rows = good
            for _ in 0..<random.int(1...20) {
                rows.bytes[random.int(0...rows.bytes.count - 65)] = UInt8(random.int(0...255))
            }
            // The headers of rows decide how far is read.
            for _ in 0..<random.int(0...6) {
                let start = Int(rows.starts[random.int(0...rows.count - 1)]) * 8
                if start + 4 < rows.bytes.count - 64 {
                    rows.bytes[start + random.int(0...3)] = UInt8(random.int(0...255))
                }
            }
            if round % 3 == 0 {
                rows.starts[random.int(0...rows.count)] = UInt32.random(in: 0...UInt32.max, using: &random)
                rows.starts[random.int(0...rows.count)] = UInt32(random.int(0...rows.bytes.count / 8))
            }
            let expected = scores(rows, table, level: 0)
            malformed += expected.malformed[0]
            #expect(expected.malformed[0] == expected.malformed[1])
            for level in 0...Kernels.bestLevel {
                let found = scores(rows, table, level: level)
                #expect(
                    found.bits == expected.bits && found.malformed == expected.malformed, "level \(level)")
            }
            // Reading rows back copes with the same bytes.
            let wanted = Set((0..<30).map { _ in UInt32(random.int(0...Int(components) - 1)) }).sorted()
            for ordinal in 0..<UInt32(rows.count) {
                let weights = (0...Kernels.bestLevel).map {
                    weightBits(rows, ordinal, wanted, level: $0)
                }
                #expect(weights.allSatisfy { $0 == weights[0] })
                let entries = RowEntries(rows.view, rows.fineView, steps: rows.steps.span, ordinal: ordinal)
                if let entries { #expect(entries.components == entries.components.sorted()) }
            }
        }
        #expect(malformed > 10)
    }

    @Test func ordinalsBeyondTheRowsAreMalformed() throws {
        let rows = try EncodedTestRows.random(.float16, components: 30, seed: 95)
        let table = [Float](repeating: 1, count: 65_536)
        var scores = [Float](repeating: 7, count: 3)
        for level in 0...Kernels.bestLevel {
            let ordinals: [UInt32] = [UInt32(rows.count), .max, 1 << 31]
            let malformed = Kernels.score(
                rows.view, table: table, ordinals: ordinals, count: 3, into: &scores, level: level)
            #expect(malformed == 3)
            #expect(scores == [0, 0, 0])
        }
        let decoded = Kernels.decode(rows.view, ordinal: .max)
        #expect(decoded == nil)
        // A table or an output that is too short is refused, not overrun.
        let shortTable = Kernels.score(rows.view, table: [1], ordinals: [0], count: 1, into: &scores)
        let shortOutput = Kernels.score(rows.view, table: table, range: 0..<4, into: &scores)
        #expect(shortTable > 0 && shortOutput > 0)
    }

    @Test(arguments: shapes) func rowsComeBackAsTheSchemaPromises(_ type: WeightType, _ components: UInt32)
        throws
    {
        let rows = try EncodedTestRows.random(type, components: components, seed: 96)
        for (ordinal, vector) in rows.vectors.enumerated() {
            let read = RowEntries(rows.view, rows.fineView, steps: rows.steps.span, ordinal: UInt32(ordinal))
            let entries = try #require(read)
            guard type == .uint8 else {
                #expect(entries.components == vector.components)
                #expect(entries.weights == vector.weights.map { $0.stored(as: type) })
                continue
            }
            // One shift for the row: its largest weight in steps decides.
            let most = zip(vector.components, vector.weights).map { $1 / rows.steps[Int($0)] }.max() ?? 0
            var unit: Float = 1
            while most / unit >= 255.5 { unit *= 2 }
            // What rounds to 0 is left out.
            let stored = Dictionary(uniqueKeysWithValues: zip(entries.components, entries.weights))
            for (component, weight) in zip(vector.components, vector.weights) {
                let step = rows.steps[Int(component)] * unit
                #expect(abs((stored[component] ?? 0) - weight) <= 0.5001 * step)
            }
            #expect(Set(entries.components).isSubset(of: vector.components))
        }
    }

    @Test func farApartComponentsHaveRoomForTheirBridges() throws {
        // 6,000,000 components: 91 bridges before a single entry.
        let vectors: [[UInt32: Float]] = [
            [5_999_999: 2], [0: 1, 5_000_000: 3], [:], [2_000_000: 1, 5_999_998: 4],
        ]
        for type in [WeightType.float16, .float32] {
            let rows = try EncodedTestRows(type, components: 6_000_000, vectors: vectors)
            for (ordinal, vector) in rows.vectors.enumerated() {
                let entries = RowEntries(
                    rows.view, rows.fineView, steps: [Float]().span, ordinal: UInt32(ordinal))
                #expect(entries?.components == vector.components)
                #expect(entries?.weights == vector.weights)
            }
        }
    }

    @Test func weightsTooSmallForFloat16AreDropped() throws {
        let tiny = Float(Float16.leastNonzeroMagnitude)
        let rows = try EncodedTestRows(
            .float16, components: 10, vectors: [[1: tiny / 2, 2: tiny, 3: tiny * 0.6, 4: 1]])
        let entries = RowEntries(rows.view, rows.fineView, steps: [Float]().span, ordinal: 0)
        #expect(entries?.components == [2, 3, 4])
        #expect(entries?.weights == [tiny, tiny, 1])
    }
}
