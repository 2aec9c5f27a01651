import GranaryStorage

/// Whether searches ask the system ahead for the pages that they are about to read.
///
/// Pages that are not in memory then come at once instead of one after the other, but asking takes about as
/// long as a search of pages that are. So it is done while searches of this scratch memory read from disk,
/// and every now and then one looks whether it does. All segments of a search count as one: what one of them
/// reads says that the next search may read again.
struct ReadAhead: Sendable {
    /// Whether to ask; so it is at first.
    private(set) var isUseful = true
    private var searches = 0
    private var before = 0
    private var isWatching = false
    private var hasRead = false

    /// Searches from one look to the next while nothing is read: a look takes calls of the system.
    private static let interval = 16

    /// Begins a search of some segments.
    mutating func beginSearch() {
        searches += 1
        isWatching = isUseful || searches >= Self.interval
        hasRead = false
    }

    /// Begins what reads a segment. `blocksRead` says what this thread has had read from disk so far.
    mutating func begin(_ blocksRead: () -> Int = { DiskReads.ofThisThread }) {
        if isWatching { before = blocksRead() }
    }

    /// Ends what `begin` began, on the same thread.
    mutating func end(_ blocksRead: () -> Int = { DiskReads.ofThisThread }) {
        if isWatching, blocksRead() > before { hasRead = true }
    }

    /// Ends the search.
    mutating func endSearch() {
        guard isWatching else { return }
        isUseful = hasRead
        searches = 0
    }
}

extension SegmentSearch {
    /// Asks for the posting lists of the query, whole: how far they are read is only known from themselves,
    /// and asking for their beginnings saved nothing.
    func askForLists() {
        let starts = segment.impacts.starts
        let windows = Int(segment.impacts.windows)
        for local in query.locals {
            let (from, to) = (starts[Int(local) * windows], starts[(Int(local) + 1) * windows])
            segment.willRead(.impacts, from: 2 * Int(from), to: 2 * Int(to))
        }
    }

    /// Asks for the rows of the first `count` of some documents.
    func askForRows(_ ordinals: [UInt32], _ count: Int) {
        for ordinal in ordinals[..<count] where Int(ordinal) < rows.count {
            let (from, to) = (rows.starts[Int(ordinal)], rows.starts[Int(ordinal) + 1])
            segment.willRead(.rows, from: 8 * Int(from), to: 8 * Int(to))
        }
    }

    /// Asks for the rest of the weights of the documents that may be scored in full.
    func askForFine(_ scratch: borrowing SearchScratch, least: Float) {
        let group = 8 * Int(fine.width)
        for (light, ordinal) in scratch.finalists where light >= least && Int(ordinal) + 1 < fine.starts.count
        {
            let (from, to) = (fine.starts[Int(ordinal)], fine.starts[Int(ordinal) + 1])
            segment.willRead(.fine, from: group * Int(from), to: group * Int(to))
        }
    }
}
