/// The best k scored documents: higher score first, then the one inserted first.
struct TopK: Sendable {
    /// A candidate with its exact score.
    struct Entry: Sendable, Equatable {
        var score: Float
        var sequence: UInt64
        var segment: Int32
        var ordinal: UInt32

        /// Whether this entry stands before another.
        @inline(__always)
        func precedes(_ other: Entry) -> Bool {
            score != other.score ? score > other.score : sequence < other.sequence
        }
    }

    private let k: Int
    /// A binary heap with the worst entry on top.
    private var heap: [Entry] = []

    init(_ k: Int) {
        self.k = k
        heap.reserveCapacity(min(k, 1024))
    }

    /// Whether k entries are here.
    var isFull: Bool { heap.count == k }
    /// The k-th best score; 0 while there are fewer.
    var threshold: Float { isFull ? heap[0].score : 0 }

    /// Enters a candidate if it is among the best k.
    mutating func push(_ entry: Entry) {
        if heap.count < k {
            heap.append(entry)
            var child = heap.count - 1
            while child > 0, heap[(child - 1) / 2].precedes(heap[child]) {
                heap.swapAt(child, (child - 1) / 2)
                child = (child - 1) / 2
            }
        } else if entry.precedes(heap[0]) {
            heap[0] = entry
            sink()
        }
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var worst = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[worst].precedes(heap[child]) { worst = child }
            }
            if worst == parent { return }
            heap.swapAt(parent, worst)
            parent = worst
        }
    }

    /// All entries, best first.
    var sorted: [Entry] { heap.sorted { $0.precedes($1) } }
}
