/// Posting blocks with their estimates, handed out best first.
///
/// The order is by buckets of 1/1024 of the largest estimate: near enough, and a tenth of the cost of
/// sorting. Few searches come to the blocks below half of the largest, so those are put in order only when
/// they are asked for.
struct BlockOrder: Sendable {
    /// A block and the estimate of its best document's score.
    typealias Entry = (estimate: Float, block: UInt32)

    private var found: [Entry] = []
    private var ordered: [Entry] = []
    private var starts: [Int32] = []
    private var largest: Float = 0

    private static let buckets = 1024

    /// Parts that are put in order one after the other.
    static let tiers = 2

    /// Forgets all blocks.
    mutating func clear() {
        found.removeAll(keepingCapacity: true)
        largest = 0
    }

    /// Adds the blocks from `first` on with the first `count` of some estimates.
    mutating func add(_ estimates: [Float], count: Int, first: UInt32) {
        found.reserveCapacity(found.count + count)
        for position in 0..<count {
            let estimate = estimates[position]
            found.append((estimate, first &+ UInt32(position)))
            if estimate > largest { largest = estimate }
        }
    }

    /// The blocks of a part: 0, those of at least half of the largest estimate; 1, the others.
    mutating func tier(_ tier: Int) -> [Entry] {
        let buckets = Self.buckets
        // No quotient of this is infinite. Estimates that are all below it are in one bucket or two.
        let unit = max(largest, 0x1p-100)
        let scale = Float(buckets - 1) / unit
        func bucket(_ estimate: Float) -> Int { buckets - 1 - Int(min(Float(buckets - 1), estimate * scale)) }
        let wanted = tier == 0 ? 0..<buckets / 2 : buckets / 2..<buckets
        // What is surely in the other part is passed over cheaply.
        let (least, most) = tier == 0 ? (unit * 0.49, Float.infinity) : (0, unit * 0.51)
        starts.removeAll(keepingCapacity: true)
        starts.append(contentsOf: repeatElement(0, count: buckets + 1))
        var count = 0
        for entry in found where entry.estimate >= least && entry.estimate <= most {
            let place = bucket(entry.estimate)
            guard wanted.contains(place) else { continue }
            starts[place] += 1
            count += 1
        }
        var next: Int32 = 0
        for place in wanted {
            let here = starts[place]
            starts[place] = next
            next += here
        }
        ordered.removeAll(keepingCapacity: true)
        ordered.append(contentsOf: repeatElement((estimate: Float(0), block: UInt32(0)), count: count))
        for entry in found where entry.estimate >= least && entry.estimate <= most {
            let place = bucket(entry.estimate)
            guard wanted.contains(place) else { continue }
            ordered[Int(starts[place])] = entry
            starts[place] += 1
        }
        return ordered
    }
}
