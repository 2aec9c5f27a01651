import GranaryStorage

/// Which posting lists a query reads: the strongest by possible mass (query weight × largest weight of the
/// list).
struct ListPlan {
    /// The blocks and the summary tables of each chosen list.
    private(set) var lists: [(blocks: Range<UInt32>, tables: Range<Int>)] = []
    /// Whether the chosen lists hold every document that shares a component with the query.
    private(set) var isExhaustive = true

    init(_ query: SegmentQuery, _ segment: SegmentReader, mass: Double) throws(GranaryError) {
        var masses: [(mass: Float, local: UInt32)] = []
        masses.reserveCapacity(query.locals.count)
        var total: Float = 0
        for (local, weight) in zip(query.locals, query.weights) {
            let mass = weight * segment.largestWeight(local)
            masses.append((mass, local))
            total += mass
        }
        masses.sort { $0.mass != $1.mass ? $0.mass > $1.mass : $0.local < $1.local }
        let wanted = total * Float(mass)
        var covered: Float = 0
        for (mass, local) in masses {
            guard covered < wanted || lists.isEmpty else {
                isExhaustive = false
                break
            }
            covered += mass
            let list = try segment.list(local)
            if !segment.isComplete(local) { isExhaustive = false }
            if !list.isEmpty { lists.append((list, try segment.tables(local))) }
        }
    }
}

extension SearchScratch {
    /// Puts `blocks` into `ordered` by descending estimate, in buckets of 1/1024 of the largest: near enough,
    /// and a tenth of the cost of sorting.
    mutating func orderBlocks(largest: Float) {
        ordered.removeAll(keepingCapacity: true)
        if blocks.isEmpty { return }
        let buckets = 1024
        let scale = Float(buckets - 1) / largest
        var starts = [Int32](repeating: 0, count: buckets + 1)
        // The quotient of a subnormal may be infinite.
        func bucket(_ estimate: Float) -> Int { buckets - 1 - Int(min(Float(buckets - 1), estimate * scale)) }
        for block in blocks { starts[bucket(block.estimate)] += 1 }
        var next: Int32 = 0
        for place in starts.indices {
            let count = starts[place]
            starts[place] = next
            next += count
        }
        ordered.append(contentsOf: repeatElement((estimate: Float(0), block: UInt32(0)), count: blocks.count))
        for block in blocks {
            let place = bucket(block.estimate)
            ordered[Int(starts[place])] = block
            starts[place] += 1
        }
    }
}
