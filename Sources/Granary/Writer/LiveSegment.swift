import GranaryStorage

/// A segment as the writer sees it: what the last commit says of it, and what is true now.
///
/// The two differ by the operations since the last commit. A merge builds on the first and a rollback goes
/// back to it; both carry the second along.
struct LiveSegment: Sendable {
    /// Where its bytes are.
    enum Place: Sendable, Equatable {
        /// In memory only: made by a refresh.
        case memory
        /// On disk, in no manifest yet.
        case pending
        /// In the manifest, under this number.
        case committed(ordinal: UInt64)
    }

    /// A number of the writer's own, never used twice.
    let id: UInt64
    /// Its documents, without tombstones, with the dense vectors that they have now.
    private(set) var reader: SegmentReader
    /// The dense vectors of the last commit; those that it began with, for a segment in no manifest.
    private var committedDense: DenseVectors?
    /// The sequence number of its document inserted last.
    let lastSequence: UInt64
    var place: Place
    /// The `.dead` file of the last commit.
    var deadFile: FileRecord?
    /// What was dead at the last commit.
    var committedDead: Tombstones
    /// What is dead now: at least what was dead at the last commit.
    var dead: Tombstones

    /// A segment just made, without dead documents.
    init(id: UInt64, reader: SegmentReader, lastSequence: UInt64, place: Place) {
        self.id = id
        self.reader = reader
        committedDense = reader.dense
        self.lastSequence = lastSequence
        self.place = place
        dead = Tombstones(documents: reader.documentCount)
        committedDead = dead
    }

    /// A segment of a manifest.
    init(id: UInt64, _ record: SegmentRecord, of manifest: Manifest, reader: SegmentReader) {
        self.init(
            id: id, reader: reader.with(dead: nil), lastSequence: record.lastSequence,
            place: .committed(ordinal: record.ordinal))
        deadFile = record.deadFile.map { manifest.files[Int($0)] }
        if let loaded = reader.dead { (dead, committedDead) = (loaded, loaded) }
    }

    /// Its name in statistics: that of its `.blocks` file.
    var name: String { reader.blocks.record.id.description }
    /// Whether it is in the manifest.
    var isCommitted: Bool { if case .committed = place { true } else { false } }
    /// Its files now, that of the tombstones left out. What is not among `committedFiles` is in no manifest.
    var files: [FileRecord] { reader.dataFiles.map(\.record) }
    /// Its files of the last commit.
    var committedFiles: [FileRecord] { committedReader.dataFiles.map(\.record) }
    /// Bytes of its files, or of memory.
    var bytes: UInt64 { files.reduce(0) { $0 + $1.length } }

    /// The dense vectors that it has now, which the next commit publishes.
    var dense: DenseVectors? {
        get { reader.dense }
        set { reader.dense = newValue }
    }

    /// Notes that what it has now is committed.
    mutating func commit(dead: Tombstones) {
        committedDead = dead
        committedDense = dense
    }

    /// Goes back to the last commit.
    mutating func rollBack() {
        dead = committedDead
        dense = committedDense
    }

    /// Marks the live document of a key dead; returns whether there was one.
    mutating func markDead(_ key: [UInt8], _ hash: KeyHash) -> Bool {
        for ordinal in reader.keys.ordinals(of: key, hash: hash) where dead.insert(ordinal) { return true }
        return false
    }

    /// The reader with tombstones: what a snapshot sees.
    func reader(dead: Tombstones) -> SegmentReader { reader.with(dead: dead.count == 0 ? nil : dead) }

    /// What the last commit says: what a merge sees.
    var committedReader: SegmentReader {
        var committed = reader(dead: committedDead)
        committed.dense = committedDense
        return committed
    }
}

/// A segment at the moment of a cut: what a commit or a refresh publishes of it.
struct CutSegment: Sendable {
    let id: UInt64
    let dead: Tombstones
    /// Whether no document is live at the cut.
    var isEmpty: Bool { dead.count == documents }
    let documents: Int

    init(_ segment: LiveSegment, dead: Tombstones) {
        id = segment.id
        self.dead = dead
        documents = segment.reader.documentCount
    }
}

/// Deletes that came while documents were on their way from some segments into another.
enum CarriedDeletes {
    /// Marks dead in `output` what has died in an input between `before` and `after`. An input that is gone
    /// has lost all of its documents.
    ///
    /// By key: an output has one document for each live key of its inputs. Complexity: O(deaths × log n).
    static func carry(
        from input: SegmentReader, before: Tombstones, after: Tombstones?, into output: SegmentReader,
        _ dead: inout Tombstones
    ) throws(GranaryError) {
        for word in before.words.indices {
            var fresh = ~before.words[word] & (after?.words[word] ?? .max)
            while fresh != 0 {
                let ordinal = UInt32(word * 64 + fresh.trailingZeroBitCount)
                fresh &= fresh - 1
                guard Int(ordinal) < input.documentCount else { break }
                guard let key = input.keys.bytes(of: ordinal) else {
                    throw input.malformed(.keys, at: Int(ordinal))
                }
                for place in output.keys.ordinals(of: key, hash: KeyHash(key)) { _ = dead.insert(place) }
            }
        }
    }
}
