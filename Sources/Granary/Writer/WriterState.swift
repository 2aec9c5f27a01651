import GranaryStorage

/// What a writer knows, under one lock: documents that are in no segment yet, and the segments.
///
/// Documents wait in `builder`. To be made into a segment they are sealed: new ones go to another builder
/// meanwhile, and deletes of sealed ones are kept until the segment is there. When making it fails, the batch
/// stays sealed, and the next flush tries again.
struct WriterState: ~Copyable, Sendable {
    var vocabulary: Vocabulary
    /// By age.
    var segments: [LiveSegment]
    /// Of the next operation.
    var nextSequence: UInt64
    var isClosed = false
    /// Documents that wait to be sealed.
    var builder: SegmentBuilder?
    /// Documents that are being made into a segment; nil while that is under way.
    var sealed: SegmentBuilder?
    /// The keys of the sealed documents; empty when there are none.
    var sealedRows: [KeyHash: UInt32] = [:]
    /// Keys of sealed documents that have been replaced or deleted since.
    var sealedDead: [(key: [UInt8], hash: KeyHash)] = []
    /// Operations since the last commit.
    var counts = OperationCounts()
    private var nextID: UInt64 = 0

    /// What has been done since the last commit.
    struct OperationCounts: Sendable {
        /// Documents taken in.
        var added = 0
        /// Of these, those that replaced another one.
        var replaced = 0
        /// Documents deleted.
        var deleted = 0
        /// Dense vectors replaced, of documents that stay.
        var vectors = 0
        /// Bytes of documents and keys, roughly.
        var bytes = 0

        /// Whether a commit would change anything.
        var isEmpty: Bool { added == 0 && deleted == 0 && vectors == 0 }

        static func -= (left: inout OperationCounts, right: OperationCounts) {
            left.added -= right.added
            left.replaced -= right.replaced
            left.deleted -= right.deleted
            left.vectors -= right.vectors
            left.bytes -= right.bytes
        }
    }

    init(vocabulary: Vocabulary, nextSequence: UInt64) {
        self.vocabulary = vocabulary
        self.nextSequence = nextSequence
        segments = []
    }

    /// A number for a segment.
    mutating func newID() -> UInt64 {
        nextID += 1
        return nextID
    }

    /// The position of a segment; nil when it is gone.
    func position(_ id: UInt64) -> Int? { segments.firstIndex { $0.id == id } }

    /// Adds a segment at the place of its age.
    mutating func insert(_ segment: LiveSegment) {
        let position = segments.firstIndex { $0.reader.firstSequence > segment.reader.firstSequence }
        segments.insert(segment, at: position ?? segments.count)
    }

    /// Takes the number of an operation.
    mutating func takeSequence(path: String) throws(GranaryError) -> UInt64 {
        // The largest is never given out: a manifest names the one after the last.
        guard nextSequence < .max else {
            throw GranaryError(.tooLarge, "the index has no sequence numbers left", path: path)
        }
        nextSequence += 1
        return nextSequence - 1
    }

    /// Marks the live document of a key dead wherever it is but in the builder; returns whether there was
    /// one.
    mutating func markDead(_ key: [UInt8], _ hash: KeyHash) -> Bool {
        if sealedRows.removeValue(forKey: hash) != nil {
            sealedDead.append((key, hash))
            return true
        }
        // The newest documents are the ones that change most.
        for position in segments.indices.reversed() where segments[position].markDead(key, hash) {
            return true
        }
        return false
    }

    /// Deletes the document of a key; returns whether there was one.
    mutating func delete(_ key: [UInt8], _ hash: KeyHash) -> Bool {
        let wasBuffered = builder?.remove(hash: hash) == true
        guard markDead(key, hash) || wasBuffered else { return false }
        counts.deleted += 1
        return true
    }

    // Mutating, since an optional that cannot be copied can only be looked into by whoever may change it.

    /// Bytes of memory that documents take which are not on disk.
    mutating func memoryBytes() -> Int {
        (builder?.estimatedMemoryBytes() ?? 0)
            + segments.reduce(0) { $0 + ($1.place == .memory ? Int($1.bytes) : 0) }
    }

    /// Documents that are not in a segment.
    mutating func bufferedCount() -> Int { (builder?.documentCount ?? 0) + sealedRows.count }

    /// Seals the buffered documents; returns whether any batch is sealed now.
    mutating func seal() -> Bool {
        if sealed != nil { return true }
        guard let full = builder.take(), full.documentCount > 0 else { return false }
        sealedRows = full.rowOfKey
        sealed = consume full
        return true
    }
}
