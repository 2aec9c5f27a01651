#if DEBUG || FUZZING
    @testable import Granary
    import GranaryStorage
    import Synchronization

    /// Posting blocks: the documents that `Formats/postings.md` says, each once.
    ///
    /// Input: u32 documents of the segment | the block.
    enum BlocksCodec {
        static func run(_ input: inout Input) throws -> Bool {
            let documents = input.number(UInt32.self)
            let bytes = input.rest()
            let block = SectionBytes(bytes, slack: 0)
            var visited = [UInt32](repeating: 0, count: 1024)
            var fresh = [UInt32](repeating: .max, count: 255)
            let count = Kernels.candidates(
                ofBlock: block.bytes, documents: documents, visited: &visited, into: &fresh, at: 0)
            let expected = plain(bytes, documents)
            try Finding.unless(
                count.map { Array(fresh.prefix($0)) } == expected,
                "a block has \(String(describing: count)) documents, plainly \(expected ?? [])")
            guard count != nil else { return false }
            let again = Kernels.candidates(
                ofBlock: block.bytes, documents: documents, visited: &visited, into: &fresh, at: 0)
            try Finding.unless(again == 0, "documents are fresh a second time")
            return true
        }

        /// The documents of a block; nil for a malformed one.
        private static func plain(_ bytes: [UInt8], _ documents: UInt32) -> [UInt32]? {
            guard bytes.count >= 6, bytes[0] > 0, (1...4).contains(bytes[1]) else { return nil }
            let (count, width) = (Int(bytes[0]), Int(bytes[1]))
            guard 6 + (count - 1) * width <= bytes.count else { return nil }
            func number(_ at: Int, _ size: Int) -> Int {
                (0..<size).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
            }
            var ordinal = number(2, 4)
            var found: [UInt32] = []
            for entry in 0..<count {
                if entry > 0 { ordinal += number(6 + (entry - 1) * width, width) }
                guard ordinal < Int(documents) else { return nil }
                if found.last != UInt32(ordinal) { found.append(UInt32(ordinal)) }
            }
            return found
        }
    }

    /// Impact-ordered lists: what passes the check is found by sums made one by one, at every level.
    ///
    /// Input: u8 flags (bit 0: starts of four bytes; bits 1 and 2, both, and a multiple of four documents:
    /// sums of 16 bits; bit 3: only some documents allowed; bit 4: some dead; bit 5: further windows; bit 6:
    /// the scalar kernels, too) | u16 documents less 1 | u8 components less 1 | u8 the request | u8 k | u8
    /// floor | starts | lists.
    struct ImpactsCodec {
        private let isWide: Bool
        private let levels: [Int32]
        private let documents: Int
        private let components: Int
        private let request: ImpactsView.Request
        private let weights: [Float]
        private let allowed: [UInt64]
        private let dead: [UInt64]
        private let starts: [UInt32]
        private let section: SectionBytes

        /// Working memory of a search, which takes longer to make than a search.
        private static let scratch = Mutex(ImpactScratch())

        static func run(_ input: inout Input) throws -> Bool {
            let lists = ImpactsCodec(&input)
            let view = ImpactsView(
                bytes: lists.section.bytes, starts: lists.starts.span,
                components: UInt32(lists.components), windows: UInt32(lists.windows),
                documents: UInt32(lists.documents))
            let sums = lists.checked(view)
            try lists.search(view, sums)
            try Finding.unless(
                view.check(0, window: 0, { _, _ in false }) ?? 0 == 0, "a check goes on that was ended")
            try Finding.unless(
                view.check(UInt32(lists.components), window: 0, { _, _ in true }) == nil,
                "a list of no component passes")
            return sums != nil
        }

        private init(_ input: inout Input) {
            let flags = input.byte()
            let extent = 1 + Int(input.number(UInt16.self))
            // Sums of 16 bits take a hundred times as long under the sanitizers as the rest: few are enough.
            isWide = flags & 6 == 6 && extent % 4 == 0
            levels = flags & 64 != 0 ? Array(0...Kernels.bestLevel) : [Kernels.bestLevel]
            documents = flags & 32 != 0 ? 65_536 + extent : extent
            components = 1 + input.below(6)
            let shape = Int(input.byte())
            request = ImpactsView.Request(
                least: [0, 0.01, 0.5, 4][shape & 3], scale: [1, 16, 0.01, 300][shape >> 2 & 3],
                isWide: isWide, factor: [0, 0.5, 0.8, 1][shape >> 4 & 3], k: 1 + Int(input.byte()),
                floor: input.byte())
            weights = (0..<components).map { [1, 0.25, 3, 100][(shape >> 6 + $0) & 3] }
            // Of every 64 documents, which.
            let words = (documents + 63) / 64
            allowed = flags & 8 != 0 ? [UInt64](repeating: 0xf0f0_ffff_ffff_fffd, count: words) : []
            dead = flags & 16 != 0 ? [UInt64](repeating: 0x8000_0000_0000_0104, count: words) : []
            let lists = components * ImpactsView.windows(documents: documents)
            starts = input.offsets(lists + 1, isWide: flags & 1 != 0)
            var bytes = input.rest()
            if bytes.count % 2 == 1 { bytes.removeLast() }
            section = SectionBytes(bytes, slack: 0)
        }

        private var windows: Int { ImpactsView.windows(documents: documents) }

        /// The sums of documents, made one by one; nil where a list is malformed.
        private func checked(_ view: borrowing ImpactsView) -> [UInt32: UInt16]? {
            var sums: [UInt32: UInt16] = [:]
            var isSound = true
            for component in 0..<components {
                for window in 0..<windows {
                    var seen = 0
                    let count = view.check(UInt32(component), window: UInt32(window)) { ordinal, level in
                        seen += 1
                        if let add = units(component, level) { sums[ordinal, default: 0] &+= add }
                        return true
                    }
                    if count != seen { isSound = false }
                }
            }
            return isSound ? sums : nil
        }

        /// What a posting adds to a sum; nil where it is left out.
        private func units(_ component: Int, _ level: UInt8) -> UInt16? {
            let impact = weights[component] * Kernels.halfValue(UInt16(level) << 8 | 0x80)
            guard impact >= request.least else { return nil }
            let units = min(isWide ? 65_535 : 255, Int(min(1e6, impact * request.scale + 0.5)))
            return units > 0 ? UInt16(units) : request.least > 0 ? nil : 1
        }

        private func search(_ view: borrowing ImpactsView, _ sums: [UInt32: UInt16]?) throws {
            let wanted = Array(0..<UInt32(components))
            let isRefused = Self.scratch.withLock { scratch in
                view.search(
                    request, components: [UInt32(components)], weights: [1], allowed: [], dead: [], &scratch)
                    == nil
            }
            try Finding.unless(isRefused, "a search of a component beyond the last is not refused")
            let expected = sums.map(plain)
            for level in levels {
                var found: [UInt32] = []
                let result = Self.scratch.withLock { scratch in
                    let result = view.search(
                        request, components: wanted, weights: weights, allowed: allowed, dead: dead, &scratch,
                        level: level)
                    found = Array(scratch.found.prefix(result?.count ?? 0))
                    return result
                }
                guard let expected else { continue }
                guard let result else { throw Finding("a search refuses lists that pass the check") }
                try Finding.unless(result.kth == expected.kth, "another k-th best estimate than plainly")
                try Finding.unless(
                    found == Array(expected.found.prefix(found.count))
                        && result.isTruncated == (found.count < expected.found.count),
                    "a search at level \(level) finds other documents than sums one by one")
            }
        }

        /// What must be found: every document from the share of the k-th best estimate on.
        private func plain(_ sums: [UInt32: UInt16]) -> (found: [UInt32], kth: UInt8) {
            let floor = max(1, request.floor)
            var estimates: [(ordinal: UInt32, estimate: UInt8)] = []
            for (ordinal, sum) in sums {
                let (word, bit) = (Int(ordinal) / 64, UInt64(ordinal) % 64)
                guard allowed.isEmpty || allowed[word] >> bit & 1 == 1,
                    dead.isEmpty || dead[word] >> bit & 1 == 0
                else { continue }
                // Sums of 8 bits may wrap around in lists that no writer makes.
                let narrow = UInt8(truncatingIfNeeded: sum)
                let estimate = isWide ? (sum >> 8 > 0 ? UInt8(sum >> 8) : sum > 0 ? 1 : 0) : narrow
                if estimate >= floor { estimates.append((ordinal, estimate)) }
            }
            estimates.sort { ($1.estimate, $0.ordinal) < ($0.estimate, $1.ordinal) }
            let kth = estimates.count >= request.k ? estimates[request.k - 1].estimate : 0
            let least = max(Int(floor), Int(request.factor * Float(kth) + 0.999))
            return (estimates.filter { Int($0.estimate) >= least }.map(\.ordinal), kth)
        }
    }
#endif
