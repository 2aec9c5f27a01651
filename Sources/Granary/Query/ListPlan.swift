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
        // All of them whatever rounding makes of the sums: they are added in two orders.
        let wanted = mass >= 1 ? .infinity : total * Float(mass)
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
