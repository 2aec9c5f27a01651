#if DEBUG || FUZZING
    @testable import Granary
    import GranaryStorage

    /// Summary tables: what passes the check is estimated as `Formats/summaries.md` says, at every level.
    ///
    /// Input: u8 flags (bit 0: wide; bit 1: starts of four bytes; bit 2: components of the query may be
    /// beyond) | u16 components | u8 tables less 1 | starts | u8 components of the query, each u16 | tables.
    struct SummariesCodec {
        private let isWide: Bool
        private let components: UInt32
        private let starts: [UInt32]
        private let query: [UInt32]
        private let weights: [Float]
        private let bytes: [UInt8]
        private let section: SectionBytes

        static func run(_ input: inout Input) throws -> Bool {
            let tables = SummariesCodec(&input)
            let view = SummariesView(
                bytes: tables.section.bytes, starts: tables.starts.span, components: tables.components,
                isWide: tables.isWide)
            view.touch(0..<view.count + 1)
            var isSound = true
            for table in 0..<view.count {
                if !(try tables.check(view, table)) { isSound = false }
            }
            try Finding.unless(view.check(view.count) == nil, "a table beyond the last passes")
            return isSound
        }

        private init(_ input: inout Input) {
            let flags = input.byte()
            isWide = flags & 1 != 0
            let space = UInt32(input.number(UInt16.self))
            components = isWide ? 65_537 + 5 * space : 1 + space
            let count = 1 + input.below(4)
            starts = input.offsets(count + 1, isWide: flags & 2 != 0)
            let (limit, isWide) = (flags & 4 != 0 ? UInt32.max : components, isWide)
            query = (0..<input.below(20)).map { _ in
                (UInt32(input.number(UInt16.self)) &* (isWide ? 6 : 1)) % limit
            }
            weights = query.indices.map { 0.5 + 0.25 * Float($0) }
            bytes = input.rest()
            section = SectionBytes(bytes)
        }

        /// Whether a table is sound.
        private func check(_ view: borrowing SummariesView, _ table: Int) throws -> Bool {
            let blocks = view.check(table)
            let isInside = query.allSatisfy { $0 < components }
            let expected = blocks.map { _ in plainEstimates(Int(starts[table]) * 8) }
            for level in 0...Kernels.bestLevel {
                var estimates = [Float](repeating: -1, count: SummariesView.largestTable)
                var found = [UInt32](repeating: 0, count: 3 * query.count)
                let count = view.estimate(
                    table, components: query, weights: weights, found: &found, into: &estimates, level: level)
                guard let blocks, let expected else { continue }
                try Finding.unless(
                    count == (isInside ? blocks : nil),
                    "a table of \(blocks) blocks passes, and a search finds \(String(describing: count))")
                try Finding.unless(
                    !isInside || Array(estimates.prefix(blocks)).isSame(as: Array(expected.prefix(blocks))),
                    "estimates of a sound table are others at level \(level) than plainly")
            }
            return blocks != nil
        }

        /// The estimates of a table that has passed, entry by entry.
        private func plainEstimates(_ start: Int) -> [Float] {
            func word(_ at: Int) -> Int { Int(bytes[at]) | Int(bytes[at + 1]) << 8 }
            let (blocks, base) = (word(start), Int(bytes[start + 2]))
            let entries = word(start + 4) | word(start + 6) << 16
            let size = isWide ? 2 : 1
            let span = 1 << (8 * size)
            let buckets = (Int(components) + span - 1) / span
            let lows = start + 8 + 2 * (buckets + 1)
            let places = lows + size * entries
            var estimates = [Float](repeating: 0, count: SummariesView.largestTable)
            for (component, weight) in zip(query, weights) where component < components {
                let bucket = start + 8 + 2 * (Int(component) / span)
                for entry in word(bucket)..<word(bucket + 2) {
                    let low = size == 1 ? Int(bytes[lows + entry]) : word(lows + 2 * entry)
                    guard low == Int(component) % span else { continue }
                    var (block, level) = (Int(bytes[places + entry]), 0)
                    if blocks > 16 {
                        level = Int(bytes[places + entries + entry / 2]) >> (4 * (entry % 2)) & 15
                    } else {
                        (block, level) = (block & 15, block >> 4)
                    }
                    let code = UInt16(min(255, base + 2 * level))
                    estimates[block] += weight * Kernels.halfValue(code << 7)
                }
            }
            return estimates
        }
    }
#endif
