/// What the manifest says of a segment.
public struct SegmentRecord: Hashable, Sendable {
    /// Places in `Manifest.files`: `.blocks`, `.summary`, then others.
    public var files: [UInt32]
    /// The place of its `.dead` file; nil when every document is live.
    public var deadFile: UInt32?
    /// Documents, dead ones included.
    public var documents: UInt32
    /// Dead documents.
    public var dead: UInt32
    /// The sequence number of the document inserted first.
    public var firstSequence: UInt64
    /// The sequence number of the document inserted last.
    public var lastSequence: UInt64
    /// Its number among all segments that the index ever had.
    public var ordinal: UInt64

    /// Makes a record.
    public init(
        files: [UInt32], deadFile: UInt32?, documents: UInt32, dead: UInt32, firstSequence: UInt64,
        lastSequence: UInt64,
        ordinal: UInt64
    ) {
        self.files = files
        self.deadFile = deadFile
        self.documents = documents
        self.dead = dead
        self.firstSequence = firstSequence
        self.lastSequence = lastSequence
        self.ordinal = ordinal
    }
}

/// One generation of an index: everything that belongs to it.
public struct Manifest: Sendable, Equatable {
    /// The index's random name, the same for life.
    public var index: Identifier128
    /// Counts commits, from 1.
    public var generation: UInt64
    /// The hash of the manifest before, zero in the first: a fork of the history shows.
    public var previousHash: Identifier128
    /// The sequence number of the next operation.
    public var nextSequence: UInt64
    /// The number of the next segment.
    public var nextSegmentOrdinal: UInt64
    /// Features that a reader must know to read. This version knows none.
    public var incompatibleFlags: UInt32
    /// Features that a writer must know to write.
    public var readOnlyCompatibleFlags: UInt32
    /// Features that nobody must know.
    public var compatibleFlags: UInt32
    /// The schema, whose bytes the layer above defines; up to 64 KiB.
    public var schema: [UInt8]
    /// The version that wrote it, for people; up to 255 bytes.
    public var engineVersion: String
    /// All data files.
    public var files: [FileRecord]
    /// All segments, the oldest first.
    public var segments: [SegmentRecord]
    /// The user's own bytes; up to 1 MiB.
    public var userData: [UInt8]

    /// The first generation of an index.
    public init(index: Identifier128, schema: [UInt8]) {
        self.index = index
        generation = 1
        previousHash = Identifier128(high: 0, low: 0)
        nextSequence = 0
        nextSegmentOrdinal = 0
        incompatibleFlags = 0
        readOnlyCompatibleFlags = 0
        compatibleFlags = 0
        self.schema = schema
        engineVersion = Manifest.thisVersion
        files = []
        segments = []
        userData = []
    }

    /// The version of the engine that is running.
    public static let thisVersion = "granary 0.1"

    /// Most bytes of `userData`.
    public static let largestUserData = 1 << 20

    private static let prefix = "MANIFEST-"

    /// The file name of a generation.
    public static func fileName(_ generation: UInt64) -> String {
        let digits = String(generation, radix: 16)
        return prefix + String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The generation of a file name; nil for any other name.
    public static func generation(ofFileName name: String) -> UInt64? {
        guard name.hasPrefix(prefix), let generation = UInt64(name.dropFirst(prefix.count), radix: 16),
            fileName(generation) == name
        else { return nil }
        return generation
    }
}
