/// The k best light scores of a segment.
struct LightTop {
    private let k: Int
    private let floor: Float
    /// A binary heap with the smallest score on top.
    private var heap: [Float] = []

    init(k: Int, floor: Float) {
        self.k = k
        self.floor = floor
        heap.reserveCapacity(min(k, 1024))
    }

    /// The k-th best score, or what other segments ask for.
    var threshold: Float { heap.count == k ? max(floor, heap[0]) : floor }

    @inline(__always)
    mutating func push(_ score: Float) {
        if heap.count < k {
            heap.append(score)
            var child = heap.count - 1
            while child > 0, heap[(child - 1) / 2] > heap[child] {
                heap.swapAt(child, (child - 1) / 2)
                child = (child - 1) / 2
            }
        } else if score > heap[0] {
            heap[0] = score
            var parent = 0
            while true {
                var least = parent
                let (left, right) = (2 * parent + 1, 2 * parent + 2)
                if left < heap.count, heap[left] < heap[least] { least = left }
                if right < heap.count, heap[right] < heap[least] { least = right }
                if least == parent { return }
                heap.swapAt(parent, least)
                parent = least
            }
        }
    }
}
