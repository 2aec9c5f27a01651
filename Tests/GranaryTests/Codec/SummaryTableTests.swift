import GranaryStorage
import TestSupport
import Testing

@testable import CGranary
@testable import Granary

enum SummaryTable {
    /// The bytes of a table of entries in any order.
    static func encode(_ entries: [granary_summary_entry], blocks: Int, components: UInt32) -> [UInt8] {
        let sorted = entries.sorted { ($0.component, $0.block) < ($1.component, $1.block) }
        let wide: UInt8 = components > 65_536 ? 1 : 0
        var bytes = [UInt8](
            repeating: 0xff, count: granary_summaries_bound(sorted.count, components, wide))
        let length = unsafe granary_summaries_encode(
            sorted, sorted.count, blocks, components, wide, &bytes)
        bytes.removeLast(bytes.count - length)
        return bytes
    }
}

/// Tables of block summaries against a dictionary of the same entries.
@Suite("Summary tables")
struct SummaryTableTests {
    /// A table and what went into it.
    private struct Table {
        var bytes: [UInt8]
        var components: UInt32
        var isWide: Bool
        var blocks: Int
        /// By block: component to weight.
        var summaries: [[UInt32: Float]]
    }

    private static func table(
        blocks: Int, perBlock: Int, components: UInt32, _ random: inout TestRandom
    ) -> Table {
        var entries: [granary_summary_entry] = []
        var summaries = [[UInt32: Float]](repeating: [:], count: blocks)
        for block in 0..<blocks {
            for _ in 0..<perBlock {
                // Small components are frequent: their buckets are long.
                let component = UInt32.random(
                    in: 0..<UInt32.random(in: 1...components, using: &random), using: &random)
                summaries[block][component] = Float.random(in: 0.05...3, using: &random)
            }
            for (component, weight) in summaries[block] {
                entries.append(
                    granary_summary_entry(
                        component: component, half: Kernels.half(weight), block: UInt8(block)))
            }
        }
        return Table(
            bytes: SummaryTable.encode(entries, blocks: blocks, components: components),
            components: components, isWide: components > 65_536, blocks: blocks, summaries: summaries)
    }

    /// Estimates of all blocks; nil for a table that is malformed.
    private static func estimates(
        _ table: Table, query: [(UInt32, Float)], level: Int32 = Kernels.bestLevel
    ) -> [Float]? {
        // As in a file, where 64 bytes follow a section.
        let padded = table.bytes + [UInt8](repeating: 0xaa, count: 64)
        let starts: [UInt32] = [0, UInt32(table.bytes.count / 8)]
        let view = SummariesView(
            bytes: padded.rawBytes.extracting(0..<table.bytes.count), starts: starts.span,
            components: table.components, isWide: table.isWide)
        var found = [UInt32](repeating: 0, count: 3 * query.count)
        var estimates = [Float](repeating: -1, count: SummariesView.largestTable)
        let count = view.estimate(
            0, components: query.map(\.0), weights: query.map(\.1), found: &found, into: &estimates,
            level: level)
        return count.map { Array(estimates[..<min($0, estimates.count)]) }
    }

    private static func check(_ table: Table) -> Int? {
        let padded = table.bytes + [UInt8](repeating: 0xaa, count: 64)
        let starts: [UInt32] = [0, UInt32(table.bytes.count / 8)]
        return SummariesView(
            bytes: padded.rawBytes.extracting(0..<table.bytes.count), starts: starts.span,
            components: table.components, isWide: table.isWide
        ).check(0)
    }

    private static func query(_ components: UInt32, _ random: inout TestRandom) -> [(UInt32, Float)] {
        let picked = Set(
            (0..<30).map { _ in
                UInt32.random(in: 0..<UInt32.random(in: 1...components, using: &random), using: &random)
            })
        return picked.sorted().map { ($0, Float.random(in: 0.1...2, using: &random)) }
    }

    @Test(
        "An estimate is the sum over shared components, each weight within an eighth of itself",
        arguments: [
            (1, 40, 300), (16, 60, 26_000), (17, 60, 26_000), (256, 100, 26_000), (256, 5, 65_536),
            (40, 80, 65_537),
            (200, 100, 1_000_000),
        ] as [(Int, Int, UInt32)])
    func estimatesAsADictionary(_ shape: (blocks: Int, perBlock: Int, components: UInt32)) throws {
        var random = TestRandom(seed: UInt64(shape.blocks) &* 1_000_003 &+ UInt64(shape.components))
        let table = Self.table(
            blocks: shape.blocks, perBlock: shape.perBlock, components: shape.components, &random)
        #expect(Self.check(table) == shape.blocks)
        for _ in 0..<50 {
            let query = Self.query(shape.components, &random)
            let estimates = try #require(Self.estimates(table, query: query))
            #expect(estimates.count == shape.blocks)
            for level in 0..<Kernels.bestLevel {
                #expect(Self.estimates(table, query: query, level: level) == estimates, "level \(level)")
            }
            for (block, summary) in table.summaries.enumerated() {
                let exact = query.reduce(Float(0)) { $0 + $1.1 * (summary[$1.0] ?? 0) }
                // What lies 15 levels below the table's largest weight is raised to the lowest level,
                // 2^-3.75 of it.
                let raised = query.reduce(Float(0)) { $0 + (summary[$1.0] == nil ? 0 : $1.1 * 3 * 0.09) }
                #expect(estimates[block] >= exact * 0.885 - 1e-5)
                #expect(estimates[block] <= exact * 1.08 + raised + 1e-5)
                #expect((estimates[block] == 0) == query.allSatisfy { summary[$0.0] == nil })
            }
        }
    }

    @Test(
        "No bytes of a table lead out of it",
        arguments: [(16, 60, 26_000), (256, 60, 70_000)] as [(Int, Int, UInt32)])
    func surviveMutations(_ shape: (blocks: Int, perBlock: Int, components: UInt32)) {
        var random = TestRandom(seed: 77)
        let table = Self.table(
            blocks: shape.blocks, perBlock: shape.perBlock, components: shape.components, &random)
        var refused = 0
        for _ in 0..<Effort.rounds(2000) {
            var spoiled = table
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                // Half of the mutations hit the header and the bucket starts, where lengths and places are.
                let end = Bool.random(using: &random) ? min(64, spoiled.bytes.count) : spoiled.bytes.count
                spoiled.bytes[Int.random(in: 0..<end, using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            }
            if Bool.random(using: &random) {
                spoiled.bytes.removeLast(8 * Int.random(in: 0...spoiled.bytes.count / 8, using: &random))
            }
            let query = Self.query(shape.components, &random)
            if Self.estimates(spoiled, query: query) == nil { refused += 1 }
            _ = Self.estimates(spoiled, query: query, level: 0)
            if Self.check(spoiled) == nil { refused += 1 }
        }
        #expect(refused > Effort.rounds(500))
    }

    @Test("A query's component beyond the segment's is refused, a table beyond the last too")
    func refusesPlaces() {
        var random = TestRandom(seed: 5)
        let table = Self.table(blocks: 3, perBlock: 10, components: 300, &random)
        #expect(Self.estimates(table, query: [(300, 1)]) == nil)
        #expect(Self.estimates(table, query: [(299, 1)]) != nil)
        var cut = table
        cut.bytes.removeLast(8)
        #expect(Self.check(cut) == nil)
    }
}
