import GranaryStorage

/// The segments of a manifest in the making.
struct ManifestListing: Sendable {
    private var files: [FileRecord] = []
    private var records: [SegmentRecord] = []
    private var nextOrdinal: UInt64
    /// By the writer's number of a segment: that of the manifest.
    private(set) var ordinals: [UInt64: UInt64] = [:]

    /// Begins an empty list after a manifest.
    init(_ manifest: Manifest) { nextOrdinal = manifest.nextSegmentOrdinal }

    /// Adds a segment.
    ///
    /// - Parameter files: its files, that of the tombstones left out.
    /// - Throws: `tooLarge` when there are no numbers of segments left.
    mutating func add(
        _ segment: LiveSegment, files data: [FileRecord], dead: Tombstones, deadFile: FileRecord?
    ) throws(GranaryError) {
        let ordinal: UInt64
        if case .committed(let known) = segment.place {
            ordinal = known
        } else {
            guard nextOrdinal < .max else {
                throw GranaryError(.tooLarge, "the index has no numbers of segments left")
            }
            ordinal = nextOrdinal
            nextOrdinal += 1
        }
        ordinals[segment.id] = ordinal
        let place = UInt32(files.count)
        files += data
        let count = UInt32(data.count)
        let isDead = dead.count > 0
        if isDead, let deadFile { files.append(deadFile) }
        records.append(
            SegmentRecord(
                files: (place..<place + count).map { $0 }, deadFile: isDead ? place + count : nil,
                documents: segment.reader.facts.documents, dead: UInt32(dead.count),
                firstSequence: segment.reader.firstSequence, lastSequence: segment.lastSequence,
                ordinal: ordinal))
    }

    /// Puts the segments into a manifest.
    func apply(to manifest: inout Manifest) {
        (manifest.files, manifest.segments) = (files, records)
        manifest.nextSegmentOrdinal = nextOrdinal
    }
}
