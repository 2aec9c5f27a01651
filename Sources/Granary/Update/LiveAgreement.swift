import GranaryStorage

/// Finds what no two live documents of an index have in common, a key or a sequence number: one of the two
/// would never be deleted or replaced, and no merge takes both.
enum LiveAgreement {
    /// Two documents that do not go together.
    struct Conflict {
        /// The positions of their segments; one segment may stand here twice.
        var segments: (Int, Int)
        /// What to say of it: `corrupt`.
        var error: GranaryError
    }

    /// Documents whose keys are compared at a time.
    private static let sliceDocuments = 1 << 20

    /// The first two live documents that do not go together; nil when all do.
    ///
    /// - Parameter segments: verified ones.
    /// - Throws: `cancelled`. Complexity: O(n log n) and about 24 MiB for the keys; 4 bytes for each document
    ///   of segments whose sequence numbers lie between those of others.
    static func conflict(
        among segments: [SegmentReader], _ cancellation: Cancellation?
    ) throws(GranaryError) -> Conflict? {
        if let conflict = try sharedKey(segments, cancellation) { return conflict }
        return try sharedSequence(segments, cancellation)
    }

    // MARK: Keys

    private typealias Entry = (hash: UInt64, segment: Int, ordinal: UInt32)

    /// Goes through the tables of hashes of all segments side by side, one range of hashes after the other:
    /// hashes are spread evenly.
    private static func sharedKey(
        _ segments: [SegmentReader], _ cancellation: Cancellation?
    ) throws(GranaryError) -> Conflict? {
        let total = segments.reduce(0) { $0 + $1.documentCount }
        let slices = UInt64(total / sliceDocuments + 1)
        let width = UInt64.max / slices
        var places = [Int](repeating: 0, count: segments.count)
        for slice in 1...slices {
            try cancellation?.check()
            let last = slice == slices ? .max : slice * width
            var entries: [Entry] = []
            for (number, segment) in segments.enumerated() {
                let hashes = Kernels.longs(segment.keys.hashes.bytes)
                let ordinals = Kernels.words(segment.keys.ordinals.bytes)
                while places[number] < hashes.count, hashes[places[number]] <= last {
                    let (hash, ordinal) = (hashes[places[number]], ordinals[places[number]])
                    if segment.dead?.contains(ordinal) != true { entries.append((hash, number, ordinal)) }
                    places[number] += 1
                }
            }
            entries.sort { ($0.hash, $0.segment) < ($1.hash, $1.segment) }
            if let conflict = sharedKey(entries, segments) { return conflict }
        }
        return nil
    }

    private static func sharedKey(_ entries: [Entry], _ segments: [SegmentReader]) -> Conflict? {
        // Of the documents with one hash: their keys, which may differ all the same.
        var known: [[UInt8]: Int] = [:]
        for (position, entry) in entries.enumerated() {
            if position > 0, entries[position - 1].hash != entry.hash { known = [:] }
            let isNextEqual = position + 1 < entries.count && entries[position + 1].hash == entry.hash
            guard isNextEqual || !known.isEmpty,
                let key = segments[entry.segment].keys.bytes(of: entry.ordinal)
            else { continue }
            if let other = known.updateValue(entry.segment, forKey: key) {
                return conflict("key", .keys, (other, entry.segment), entry.ordinal, segments)
            }
        }
        return nil
    }

    // MARK: Sequence numbers

    private static func sharedSequence(
        _ segments: [SegmentReader], _ cancellation: Cancellation?
    ) throws(GranaryError) -> Conflict? {
        let order = segments.indices.sorted { segments[$0].firstSequence < segments[$1].firstSequence }
        // Segments whose ranges have something in common.
        var (group, end): ([Int], UInt64) = ([], 0)
        for position in order {
            let segment = segments[position]
            if !group.isEmpty, segment.firstSequence > end {
                if let conflict = try sharedSequence(group, of: segments, cancellation) { return conflict }
                (group, end) = ([], 0)
            }
            let offsets = segment.insertionOffsets
            let largest = offsets.indices.reduce(UInt32(0)) { max($0, offsets[$1]) }
            group.append(position)
            end = max(end, segment.firstSequence &+ UInt64(largest))
        }
        return try sharedSequence(group, of: segments, cancellation)
    }

    private static func sharedSequence(
        _ group: [Int], of segments: [SegmentReader], _ cancellation: Cancellation?
    ) throws(GranaryError) -> Conflict? {
        // Within a segment, numbers have been verified.
        guard group.count > 1 else { return nil }
        var order = LiveOrder(group.map { segments[$0] })
        var last: (segment: Int, sequence: UInt64)?
        var count = 0
        while let (place, ordinal, sequence) = order.next() {
            if count % 65_536 == 0 { try cancellation?.check() }
            count += 1
            let segment = group[place]
            if let last, last.sequence >= sequence {
                return conflict("sequence number", .insertions, (last.segment, segment), ordinal, segments)
            }
            last = (segment, sequence)
        }
        return nil
    }

    private static func conflict(
        _ what: String, _ section: SectionID, _ pair: (Int, Int), _ ordinal: UInt32,
        _ segments: [SegmentReader]
    ) -> Conflict {
        let (other, segment) = (segments[pair.0], segments[pair.1])
        return Conflict(
            segments: pair,
            error: GranaryError(
                .corrupt,
                "expected a \(what) of its own for document \(ordinal), found that of another one in "
                    + other.blocks.record.name, path: segment.blocks.path, section: section.name))
    }
}
