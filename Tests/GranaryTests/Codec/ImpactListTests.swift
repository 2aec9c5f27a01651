@testable import Granary
import TestSupport
import Testing

/// Impact-ordered posting lists: the search against sums made one by one, and any bytes at all.
@Suite struct ImpactListTests {
    /// Lists of random documents, written as `Formats/impacts.md` says.
    private struct Lists {
        var components: UInt32
        var documents: Int
        /// By component: the level of each document that has it.
        var levels: [[UInt32: UInt8]]
        var bytes: [UInt8] = []
        var starts: [UInt32] = [0]

        init(components: Int, documents: Int, postings: Int, _ random: inout TestRandom) {
            self.components = UInt32(components)
            self.documents = documents
            levels = (0..<components).map { component in
                var list: [UInt32: UInt8] = [:]
                for _ in 0..<(component % 7 == 3 ? 0 : random.int(1...postings)) {
                    list[UInt32(random.int(0...documents - 1))] = UInt8(random.int(50...68))
                }
                return list
            }
            for list in levels {
                for window in 0..<ImpactsView.windows(documents: documents) {
                    let first = UInt32(window * ImpactsView.window)
                    append(list.filter { $0.key >> 16 == window }.map { ($0.value, $0.key - first) })
                    starts.append(UInt32(bytes.count / 2))
                }
            }
            bytes += [UInt8](repeating: 0xaa, count: 64)
        }

        private mutating func append(_ postings: [(level: UInt8, document: UInt32)]) {
            if postings.isEmpty { return }
            let runs = Dictionary(grouping: postings, by: \.level).sorted { $0.key > $1.key }
            func word(_ value: Int) -> [UInt8] { [UInt8(value & 255), UInt8(value >> 8)] }
            bytes += word(runs.count)
            for run in runs { bytes += word(Int(run.key)) + word(run.value.count - 1) }
            for run in runs { bytes += run.value.map(\.document).sorted().flatMap { word(Int($0)) } }
        }

        func search(
            _ request: ImpactsView.Request, _ query: [(UInt32, Float)], allowed: [UInt64] = [],
            dead: [UInt64] = [], level: Int32 = Kernels.bestLevel, _ scratch: inout ImpactScratch
        ) -> (found: [UInt32], kth: UInt8, isTruncated: Bool)? {
            let view = ImpactsView(
                bytes: bytes.rawBytes.extracting(0..<max(0, bytes.count - 64)), starts: starts.span,
                components: components, windows: UInt32(ImpactsView.windows(documents: documents)),
                documents: UInt32(documents))
            guard
                let found = view.search(
                    request, components: query.map(\.0), weights: query.map(\.1), allowed: allowed,
                    dead: dead, &scratch, level: level)
            else { return nil }
            return (Array(scratch.found[..<found.count]), found.kth, found.isTruncated)
        }

        func check(_ component: UInt32) -> Int? {
            let view = ImpactsView(
                bytes: bytes.rawBytes.extracting(0..<max(0, bytes.count - 64)), starts: starts.span,
                components: components, windows: UInt32(ImpactsView.windows(documents: documents)),
                documents: UInt32(documents))
            var total = 0
            for window in 0..<UInt32(ImpactsView.windows(documents: documents)) {
                var seen = 0
                guard
                    let count = view.check(
                        component, window: window,
                        { _, _ in
                            seen += 1
                            return true
                        }), count == seen
                else { return nil }
                total += count
            }
            return total
        }

        /// The estimates, one by one.
        func estimates(_ request: ImpactsView.Request, _ query: [(UInt32, Float)]) -> [UInt32: Int] {
            var sums: [UInt32: Int] = [:]
            for (component, weight) in query {
                for (document, level) in levels[Int(component)] {
                    let impact = weight * Kernels.halfValue(UInt16(level) << 8 | 0x80)
                    let units = Int(impact * request.scale + 0.5)
                    if impact < request.least || (units == 0 && request.least > 0) { continue }
                    sums[document, default: 0] += max(1, units)
                }
            }
            return request.isWide ? sums.mapValues { max(1, $0 / 256) } : sums
        }
    }

    private static func query(_ lists: Lists, _ random: inout TestRandom) -> [(UInt32, Float)] {
        let picked = Set((0..<random.int(1...12)).map { _ in random.int(0...Int(lists.components) - 1) })
        return picked.sorted().map { (UInt32($0), random.float(0.1...2)) }
    }

    private static func request(
        _ query: [(UInt32, Float)], least: Float, factor: Float, k: Int, floor: UInt8 = 0,
        isWide: Bool = false
    ) -> ImpactsView.Request {
        let largest = query.reduce(Float(0)) { $0 + $1.1 * Kernels.halfValue(68 << 8 | 0x80) }
        return ImpactsView.Request(
            least: least * largest, scale: Float((isWide ? 65_535 : 255) - query.count) / largest,
            isWide: isWide, factor: factor, k: k, floor: floor)
    }

    /// What a search must find: every document from the share of the k-th best estimate on.
    private static func expected(
        _ sums: [UInt32: Int], _ request: ImpactsView.Request
    ) -> (found: [UInt32], kth: Int) {
        let sorted = sums.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let kth = sorted.count >= request.k ? sorted[request.k - 1].value : 0
        let least = max(1, Int(request.factor * Float(kth) + 0.999), Int(request.floor))
        return (sorted.filter { $0.value >= least }.map(\.key), kth)
    }

    /// Whether what was found is what was wanted; where there is too much of it, the best part.
    private static func agrees(
        _ result: (found: [UInt32], kth: UInt8, isTruncated: Bool), _ wanted: (found: [UInt32], kth: Int)
    ) -> Bool {
        result.isTruncated == (result.found.count < wanted.found.count)
            && result.found == Array(wanted.found.prefix(result.found.count)) && Int(result.kth) == wanted.kth
    }

    @Test(arguments: [100, 128, 65_536, 65_537, 150_000])
    func findsWhatSumsOneByOneFind(_ documents: Int) throws {
        var random = TestRandom(seed: UInt64(documents))
        let lists = Lists(components: 40, documents: documents, postings: 1200, &random)
        var scratch = ImpactScratch()
        for round in 0..<24 {
            let query = Self.query(lists, &random)
            let request = Self.request(
                query, least: [0, 0.01, 0.05][round % 3], factor: [0, 0.5, 0.8, 1][round % 4],
                k: [1, 10, 100, 700][round / 4 % 4], isWide: round % 5 < 2)
            let sums = lists.estimates(request, query)
            for level in 0...Kernels.bestLevel {
                let result = try #require(lists.search(request, query, level: level, &scratch))
                #expect(Self.agrees(result, Self.expected(sums, request)))
            }
        }
    }

    @Test func documentsThatMayNotBeFoundDoNotRaiseWhatOthersMustReach() throws {
        var random = TestRandom(seed: 8)
        let documents = 70_000
        let lists = Lists(components: 12, documents: documents, postings: 9000, &random)
        var scratch = ImpactScratch()
        for round in 0..<6 {
            let query = Self.query(lists, &random)
            let request = Self.request(query, least: 0.01, factor: 0.8, k: 10 + 7 * round)
            // Few are allowed, and some of those are dead.
            let share = [1, 3, 200][round % 3]
            let touched = lists.estimates(request, query)
            let allowed = Set(touched.keys.sorted().filter { _ in random.int(1...share) == 1 })
            let dead = Set(allowed.sorted().filter { _ in random.int(0...3) == 0 })
            func bits(_ set: Set<UInt32>) -> [UInt64] {
                var words = [UInt64](repeating: 0, count: (documents + 63) / 64)
                for ordinal in set { words[Int(ordinal / 64)] |= 1 << UInt64(ordinal % 64) }
                return words
            }
            let sums = touched.filter { allowed.contains($0.key) && !dead.contains($0.key) }
            let wanted = Self.expected(sums, request)
            for level in 0...Kernels.bestLevel {
                let result = try #require(
                    lists.search(
                        request, query, allowed: bits(allowed), dead: bits(dead), level: level, &scratch))
                #expect(Self.agrees(result, wanted))
            }
        }
    }

    @Test func ofTooManyEqualsTheFirstAreKept() throws {
        var random = TestRandom(seed: 9)
        let lists = Lists(components: 2, documents: 60_000, postings: 60_000, &random)
        let query: [(UInt32, Float)] = [(0, 1), (1, 1)]
        let request = Self.request(query, least: 0, factor: 0, k: 10)
        var scratch = ImpactScratch()
        let result = try #require(lists.search(request, query, &scratch))
        let wanted = Self.expected(lists.estimates(request, query), request)
        #expect(result.isTruncated && result.found.count > 10_000)
        #expect(Self.agrees(result, wanted))
    }

    @Test func aFloorLeavesOutWhatIsBelow() throws {
        var random = TestRandom(seed: 10)
        let lists = Lists(components: 20, documents: 3000, postings: 900, &random)
        var scratch = ImpactScratch()
        for floor in [UInt8(1), 40, 90, 255] {
            let query = Self.query(lists, &random)
            let request = Self.request(query, least: 0, factor: 0.5, k: 20, floor: floor)
            let result = try #require(lists.search(request, query, &scratch))
            let isSame = result.found == Self.expected(lists.estimates(request, query), request).found
            #expect(isSame)
        }
    }

    @Test func noBytesLeadOutOfTheListsAndNothingIsLeftBehind() throws {
        var random = TestRandom(seed: 11)
        let good = Lists(components: 12, documents: 66_000, postings: 150, &random)
        var scratch = ImpactScratch()
        var refused = 0
        for _ in 0..<Effort.rounds(100) {
            var spoiled = good
            for _ in 0..<random.int(1...6) {
                if random.int(0...3) == 0 {
                    let place = random.int(0...spoiled.starts.count - 1)
                    spoiled.starts[place] = [0, .max, UInt32(random.int(0...9000))][random.int(0...2)]
                } else {
                    spoiled.bytes[random.int(0...spoiled.bytes.count - 1)] = UInt8(random.int(0...255))
                }
            }
            if random.int(0...4) == 0 { spoiled.bytes.removeLast(random.int(0...spoiled.bytes.count)) }
            let query = Self.query(good, &random)
            let request = Self.request(query, least: 0, factor: 0.7, k: 10, isWide: random.int(0...2) == 0)
            let scalar = spoiled.search(request, query, level: 0, &scratch)
            let best = spoiled.search(request, query, &scratch)
            let isSame = scalar?.found == best?.found && scalar?.kth == best?.kth
            #expect(isSame)
            if scalar == nil { refused += 1 }
            if (0..<good.components).contains(where: { spoiled.check($0) == nil }) { refused += 1 }
            // Whatever was added up is gone again.
            let result = try #require(good.search(request, query, &scratch))
            #expect(Self.agrees(result, Self.expected(good.estimates(request, query), request)))
        }
        #expect(refused > Effort.rounds(50))
        #expect((0..<good.components).allSatisfy { good.check($0) == good.levels[Int($0)].count })
    }
}
