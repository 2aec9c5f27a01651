import GranaryStorage
import Synchronization

/// The working memory of one search, reused from query to query.
struct SearchScratch: Sendable {
    /// By local component: the query's weight × 2^112 (log codes) or × the component's step (linear codes).
    /// Zero between searches.
    var table: [Float] = []
    /// By local component of the query: its position there.
    var places: [UInt16] = []
    /// Documents already scored: an open-addressing set, a power of two slots; 0 is empty, else ordinal + 1.
    var visited = [UInt32](repeating: 0, count: 4096)
    /// Documents waiting to be scored.
    var candidates = [UInt32](repeating: 0, count: 512)
    /// Scores of candidates or of a range of rows, or estimates of a table's blocks.
    var scores = [Float](repeating: 0, count: 1024)
    /// Where summary tables have the query's components.
    var found: [UInt32] = []
    /// The blocks of the chosen lists.
    var blocks = BlockOrder()
    /// What impact-ordered lists are searched with.
    var impacts = ImpactScratch()
    var ahead = ReadAhead()
    /// The k-th best estimate that segments searched before had, as a score.
    var leastEstimate: Float = 0
    /// Documents whose exact score is worth computing, with their light scores.
    var finalists: [(score: Float, ordinal: UInt32)] = []
    /// Some of them, and their scores in full.
    var settling = [UInt32](repeating: 0, count: 64)
    var settled = [Float](repeating: 0, count: 64)
    /// Weights of one row at the query's components.
    var stored: [Float] = []

    /// The most slots that are kept from one search for the next: emptying more would cost more than a
    /// search.
    private static let keptSlots = 1 << 16

    /// Empties the set of visited documents and makes room for `capacity` of them.
    mutating func clearVisited(capacity: Int) {
        var slots = min(visited.count, Self.keptSlots)
        while slots < 2 * capacity + 512 { slots *= 2 }
        if slots != visited.count {
            visited = [UInt32](repeating: 0, count: slots)
        } else {
            var span = visited.mutableSpan
            span.update(repeating: 0)
        }
    }

    /// Doubles the set of visited documents, keeping them.
    mutating func growVisited() {
        let old = visited
        visited = [UInt32](repeating: 0, count: 2 * old.count)
        let mask = UInt32(visited.count - 1)
        for stored in old where stored != 0 {
            var slot = (((stored &- 1) &* 0x9e37_79b1) >> 7) & mask
            while visited[Int(slot)] != 0 { slot = (slot + 1) & mask }
            visited[Int(slot)] = stored
        }
    }
}

/// Scratch memory of finished searches, for the next ones.
final class ScratchPool: Sendable {
    private let free = Mutex<[SearchScratch]>([])

    /// Calls `body` with scratch memory of its own.
    func with<Result>(_ body: (inout SearchScratch) throws(GranaryError) -> Result) throws(GranaryError)
        -> Result
    {
        var scratch = free.withLock { $0.popLast() } ?? SearchScratch()
        defer { free.withLock { $0.append(scratch) } }
        return try body(&scratch)
    }
}
