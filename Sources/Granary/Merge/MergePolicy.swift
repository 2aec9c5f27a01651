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
    /// The share of its documents that are dead.
    var deadShare: Double { documents == 0 ? 0 : Double(dead) / Double(documents) }
}

/// Which segments are to be merged.
///
/// Source: the tiered policy of Lucene: segments of about one size are merged together, so that a byte is
/// written once for each tier; the merge with the least skew, the smallest size and the most dead documents
/// comes first. What differs: a segment with many dead documents may be rewritten alone.
struct MergePolicy: Sendable {
    let options: MergeOptions
    /// A merge whose output is not this much larger than its largest input is not worth it: the largest
    /// segment would be written again for each small one.
    private static let smallestGrowth = 1.5

    /// Segments that an index may have: a tier of each size below that of the largest, and all that no merge
    /// may take for their size.
    func allowed(_ segments: [MergeCandidate]) -> Int {
        let (ceiling, tier) = (Double(options.ceilingBytes), Double(options.segmentsPerTier))
        let large = segments.count(where: isLarge)
        var rest = segments.reduce(0.0) { $0 + (isLarge($1) ? 0 : Double($1.liveBytes)) }
        var (size, count) = (Double(options.floorBytes), 0.0)
        while rest >= tier * size, size < ceiling {
            count += tier
            rest -= tier * size
            size = min(ceiling, size * tier)
        }
        return large + max(Int((count + rest / size).rounded(.up)), options.segmentsPerTier)
    }

    /// Whether a segment is too large for a merge with another of its size.
    private func isLarge(_ segment: MergeCandidate) -> Bool { segment.liveBytes > options.ceilingBytes / 2 }

    /// The merges that are due, the most urgent first.
    ///
    /// - Parameters:
    ///   - segments: all segments.
    ///   - busy: those that no merge may take.
    func merges(_ segments: [MergeCandidate], busy: Set<UInt64>) -> [[UInt64]] {
        let allowed = allowed(segments)
        // What is wholly dead goes without a merge.
        var free = segments.filter { !busy.contains($0.id) && $0.dead < $0.documents }
        var result: [[UInt64]] = []
        while let merge = best(free, hasMany: free.count > allowed) {
            result.append(merge.map(\.id))
            free.removeAll { segment in merge.contains { $0.id == segment.id } }
        }
        return result
    }

    /// The merge of the least cost for its gain; nil when none is due.
    ///
    /// - Parameter hasMany: whether there are more segments than there may be.
    private func best(_ free: [MergeCandidate], hasMany: Bool) -> [MergeCandidate]? {
        let hasManyDead = Self.deadShare(free) > options.largestDeletedShare
        guard hasMany || hasManyDead else { return nil }
        var best: (score: Double, merge: [MergeCandidate])?
        func consider(_ merge: [MergeCandidate], isSkewed: Bool) {
            let score = score(merge, isSkewed: isSkewed)
            if best.map({ score < $0.score }) ?? true { best = (score, merge) }
        }
        let sorted = free.sorted { ($0.liveBytes, $1.id) > ($1.liveBytes, $0.id) }
        for (position, segment) in sorted.enumerated() {
            let reclaims = hasManyDead && segment.deadShare > options.largestDeletedShare
            // Nothing else is written for the sake of these documents: no skew.
            if reclaims { consider([segment], isSkewed: false) }
            if isLarge(segment), !reclaims { continue }
            let (merge, isCut) = pack(sorted[position...])
            let total = merge.reduce(0.0) { $0 + Double($1.liveBytes) }
            guard merge.count > 1, total >= Self.smallestGrowth * Double(segment.liveBytes) else { continue }
            guard hasMany || Self.deadShare(merge) > options.largestDeletedShare else { continue }
            consider(merge, isSkewed: !isCut)
        }
        return best?.merge
    }

    /// As many segments as go together, the largest first. Those below the floor are no limit to each other.
    private func pack(_ sorted: ArraySlice<MergeCandidate>) -> (merge: [MergeCandidate], isCut: Bool) {
        var (merge, total, isCut) = ([MergeCandidate](), UInt64(0), false)
        for segment in sorted {
            if merge.count >= options.segmentsPerTier, total > options.floorBytes { break }
            if total + segment.liveBytes > options.ceilingBytes {
                isCut = true
                continue
            }
            merge.append(segment)
            total += segment.liveBytes
        }
        return (merge, isCut)
    }

    /// The smaller the better.
    ///
    /// - Parameter isSkewed: whether the largest input's share of the output counts; else the merge is taken
    ///   for one of equal segments.
    private func score(_ merge: [MergeCandidate], isSkewed: Bool) -> Double {
        let floored = merge.map { Double(max($0.liveBytes, options.floorBytes)) }
        let skew =
            isSkewed ? (floored.max() ?? 0) / floored.reduce(0, +) : 1 / Double(options.segmentsPerTier)
        let live = 1 - Self.deadShare(merge)
        return skew * Self.twentiethRoot(merge.reduce(0.0) { $0 + Double($1.liveBytes) }) * live * live
    }

    /// Close enough for a preference: the power of 3/64. The engine has no better root than the square one.
    private static func twentiethRoot(_ value: Double) -> Double {
        let sixteenth = value.squareRoot().squareRoot().squareRoot().squareRoot()
        return (sixteenth * sixteenth.squareRoot()).squareRoot()
    }

    /// The share of dead documents, by bytes.
    private static func deadShare(_ segments: [MergeCandidate]) -> Double {
        let bytes = segments.reduce(0.0) { $0 + Double($1.bytes) }
        let live = segments.reduce(0.0) { $0 + Double($1.liveBytes) }
        return bytes == 0 ? 0 : (bytes - live) / bytes
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
