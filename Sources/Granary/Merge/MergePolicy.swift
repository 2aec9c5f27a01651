/// A segment that may be merged.
struct MergeCandidate: Sendable, Equatable {
    var id: UInt64
    /// Of its files.
    var bytes: UInt64
    var documents: Int
    var dead: Int

    /// Bytes of the documents that are live, roughly: what a merge writes.
    var liveBytes: UInt64 {
        documents == 0 ? 0 : UInt64(Double(bytes) * Double(documents - dead) / Double(documents))
    }
}

/// Which segments are to be merged.
///
/// Source: the tiered policy of Lucene: segments of about one size are merged together, so that a byte is
/// written once for each tier; the merge with the least skew, the smallest size and the most dead documents
/// comes first.
struct MergePolicy: Sendable {
    let options: MergeOptions
    /// A merge whose output is not this much larger than its largest input is not worth it, unless it gets
    /// rid of dead documents: else the largest segment would be written again for each small one.
    private static let smallestGrowth = 1.5

    /// Segments that an index of some live bytes may have.
    func allowed(_ liveBytes: UInt64) -> Int {
        var (size, rest, count) = (Double(options.floorBytes), Double(liveBytes), 0.0)
        let tier = Double(options.segmentsPerTier)
        while true {
            let level = rest / size
            if level < tier || size >= Double(options.ceilingBytes) {
                return max(Int((count + level).rounded(.up)), options.segmentsPerTier)
            }
            count += tier
            rest -= tier * size
            size = min(Double(options.ceilingBytes), size * tier)
        }
    }

    /// The merges that are due, the most urgent first.
    ///
    /// - Parameters:
    ///   - segments: all segments.
    ///   - busy: those that no merge may take.
    func merges(_ segments: [MergeCandidate], busy: Set<UInt64>) -> [[UInt64]] {
        var (busy, result) = (busy, [[UInt64]]())
        let allowed = allowed(segments.reduce(0) { $0 + $1.liveBytes })
        while true {
            let free = segments.filter { !busy.contains($0.id) }
            var next: [MergeCandidate]?
            if free.count > allowed { next = best(free) }
            next = next ?? rewrite(free)
            guard let merge = next else { return result }
            result.append(merge.map(\.id))
            busy.formUnion(merge.map(\.id))
        }
    }

    /// The merge of the least cost for its gain; nil when none is worth it.
    private func best(_ free: [MergeCandidate]) -> [MergeCandidate]? {
        let sorted = free.sorted { ($0.liveBytes, $1.id) > ($1.liveBytes, $0.id) }
        var best: (score: Double, merge: [MergeCandidate])?
        for start in sorted.indices {
            let (merge, isCut) = pack(sorted[start...])
            guard merge.count > 1 else { continue }
            let total = merge.reduce(0) { $0 + $1.liveBytes }
            let largest = merge.map(\.liveBytes).max() ?? 0
            let isWorthIt = Double(total) >= Self.smallestGrowth * Double(largest)
            guard isWorthIt || Self.deadShare(merge) > options.largestDeletedShare / 2 else { continue }
            let score = score(merge, isCut: isCut)
            if best.map({ score < $0.score }) ?? true { best = (score, merge) }
        }
        return best?.merge
    }

    /// As many segments as go together, the largest first. Those below the floor are no limit to each other.
    private func pack(_ sorted: ArraySlice<MergeCandidate>) -> (merge: [MergeCandidate], isCut: Bool) {
        var (merge, total, isCut) = ([MergeCandidate](), UInt64(0), false)
        for segment in sorted {
            if total + segment.liveBytes > options.ceilingBytes {
                isCut = true
                continue
            }
            if merge.count >= options.segmentsPerTier, total > options.floorBytes { break }
            merge.append(segment)
            total += segment.liveBytes
        }
        return (merge, isCut)
    }

    /// The smaller the better.
    private func score(_ merge: [MergeCandidate], isCut: Bool) -> Double {
        let floored = merge.map { Double(max($0.liveBytes, options.floorBytes)) }
        let skew =
            isCut ? 1 / Double(options.segmentsPerTier) : (floored.max() ?? 0) / floored.reduce(0, +)
        let live = 1 - Self.deadShare(merge)
        let size = Double(max(1, merge.reduce(0) { $0 + $1.liveBytes }))
        // powl and its kin are not for the engine: the 20th root by way of two square roots and a fifth.
        return skew * Self.twentiethRoot(size) * live * live
    }

    /// Close enough for a preference.
    private static func twentiethRoot(_ value: Double) -> Double {
        // x^(1/16) and x^(1/32) on both sides of x^(1/20).
        let sixteenth = value.squareRoot().squareRoot().squareRoot().squareRoot()
        return (sixteenth * sixteenth.squareRoot()).squareRoot()
    }

    /// The segment to be written again for its dead documents, when the index has too many; nil otherwise.
    private func rewrite(_ free: [MergeCandidate]) -> [MergeCandidate]? {
        let dead = free.reduce(0) { $0 + $1.bytes - $1.liveBytes }
        // In an index that is small beside the floor, dead documents cost next to nothing.
        guard dead > options.floorBytes / 8, Self.deadShare(free) > options.largestDeletedShare else {
            return nil
        }
        let worst = free.max { ($0.bytes - $0.liveBytes, $1.id) < ($1.bytes - $1.liveBytes, $0.id) }
        return worst.map { [$0] }
    }

    /// The share of dead documents, by bytes.
    private static func deadShare(_ segments: [MergeCandidate]) -> Double {
        let bytes = segments.reduce(0) { $0 + $1.bytes }
        let live = segments.reduce(0) { $0 + $1.liveBytes }
        return bytes == 0 ? 0 : Double(bytes - live) / Double(bytes)
    }

    /// The cheapest merge that leaves at most `count` segments, and when that is 1 no dead document; nil when
    /// there is nothing to do.
    func forced(_ segments: [MergeCandidate], to count: Int) -> [UInt64]? {
        if segments.count <= count {
            guard count == 1, let only = segments.first, only.dead > 0 else { return nil }
            return [only.id]
        }
        let sorted = segments.sorted { ($0.liveBytes, $0.id) < ($1.liveBytes, $1.id) }
        return sorted.prefix(segments.count - count + 1).map(\.id)
    }

    /// The share of the live bytes that may lie outside the largest segment of an index at rest.
    private static let largestTail = 0.1

    /// A merge for an index at rest, whose searches are to be as cheap as those of a fresh build: of
    /// everything when more than a tenth lies outside the largest segment, else of what lies outside; nil
    /// when nothing is to be gained. A tenth at least has been written since the last of them, so that they
    /// cost no more than ten times that.
    func atRest(_ segments: [MergeCandidate], busy: Set<UInt64>) -> [UInt64]? {
        let free = segments.filter { !busy.contains($0.id) }.sorted {
            ($0.liveBytes, $1.id) > ($1.liveBytes, $0.id)
        }
        let total = free.reduce(0) { $0 + $1.liveBytes }
        guard free.count > 1, let largest = free.first else { return nil }
        let tail = free.dropFirst()
        let tailBytes = total - largest.liveBytes
        if total <= options.ceilingBytes, Double(tailBytes) > Self.largestTail * Double(total) {
            return free.map(\.id)
        }
        return tail.count > 1 && tailBytes <= options.ceilingBytes ? tail.map(\.id) : nil
    }
}
