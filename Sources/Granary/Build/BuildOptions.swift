/// How a segment is built. The defaults suit encoders of the SPLADE family; recall is calibrated for whatever
/// is set.
///
/// Source: Seismic (SIGIR 2024) for pruning by a global threshold, random centroids and energy; the blend of
/// maximum and mean, the floor and the choice of lists are our own.
public struct BuildOptions: Sendable, Equatable {
    /// Postings kept in lists for each document on average; nil chooses by the size of the segment.
    public var postingsPerDocument: Double?
    /// Each document stays in the lists of at least this many of its strongest components, so that it can be
    /// found.
    public var postingsFloor: Int
    /// A list of blocks keeps at most this many times the average length of a list (documents protected by
    /// the floor stay). This and what follows up to `summaryEnergy` is for segments with blocks.
    public var listCap: Double
    /// Centroids per posting of a list; blocks hold about the inverse of it.
    public var centroidFraction: Double
    /// Strongest components of a document that are compared with centroids.
    public var documentCut: Int
    /// Strongest components of a centroid that are compared with documents.
    public var centroidCut: Int
    /// Clusters smaller than this are dissolved.
    public var smallestCluster: Int
    /// The most documents of a block, 1...255.
    public var largestBlock: Int
    /// A summary is this share of the maximum and the rest of the mean of the block's weights, 0...1.
    public var summaryBlend: Double
    /// The share of a summary's mass that is kept, its strongest components first, above 0 and up to 1.
    public var summaryEnergy: Double
    /// Segments of fewer documents are searched exactly: they have neither impact-ordered lists nor blocks.
    public var exactBelow: Int
    /// Segments of at least so many documents have posting blocks with summaries; smaller ones have
    /// impact-ordered posting lists, which are faster there.
    public var blocksFrom: Int
    /// Documents used as queries to calibrate recall, fewer (down to 64) in segments of over 500,000
    /// documents; 0 leaves the defaults.
    public var calibrationQueries: Int
    /// Segments of fewer documents are not calibrated: they are searched with the settings of the largest
    /// segment that is.
    public var calibrateFrom: Int
    /// Seed of every random choice: the same input, options and seed give the same bytes.
    public var seed: UInt64
    /// A `.dense` file with fewer bytes of rows is copied where a larger one would be shared; at least 0. Not
    /// for users: indexes that tests keep have to be small.
    package var smallestSharedDense = 16 << 20

    /// Makes options.
    public init(
        postingsPerDocument: Double? = nil, postingsFloor: Int = 3, listCap: Double = 6,
        centroidFraction: Double = 0.2,
        documentCut: Int = 15, centroidCut: Int = 64, smallestCluster: Int = 2, largestBlock: Int = 32,
        summaryBlend: Double = 0.5, summaryEnergy: Double = 0.4, exactBelow: Int = 1000,
        blocksFrom: Int = 8_000_000,
        calibrationQueries: Int = 256, calibrateFrom: Int = 20_000,
        seed: UInt64 = 0x6772_616e_6172_7921
    ) {
        self.postingsPerDocument = postingsPerDocument
        self.postingsFloor = postingsFloor
        self.listCap = listCap
        self.centroidFraction = centroidFraction
        self.documentCut = documentCut
        self.centroidCut = centroidCut
        self.smallestCluster = smallestCluster
        self.largestBlock = largestBlock
        self.summaryBlend = summaryBlend
        self.summaryEnergy = summaryEnergy
        self.exactBelow = exactBelow
        self.blocksFrom = blocksFrom
        self.calibrationQueries = calibrationQueries
        self.calibrateFrom = calibrateFrom
        self.seed = seed
    }

    /// Throws `invalidArgument` for an option out of its range.
    func validate() throws(GranaryError) {
        let rules: [(Bool, String)] = [
            (postingsPerDocument.map { $0 > 0 && $0 <= 65_536 } ?? true, "postingsPerDocument in 0..<65536"),
            ((1...1024).contains(postingsFloor), "postingsFloor in 1...1024"),
            (listCap >= 1 && listCap <= 1e9, "listCap of at least 1"),
            (centroidFraction > 0 && centroidFraction <= 1, "centroidFraction above 0 and up to 1"),
            ((1...65_535).contains(documentCut) && (1...65_535).contains(centroidCut), "cuts in 1...65535"),
            ((0...255).contains(smallestCluster), "smallestCluster in 0...255"),
            ((1...255).contains(largestBlock), "largestBlock in 1...255"),
            ((0...1).contains(summaryBlend), "summaryBlend in 0...1"),
            (summaryEnergy > 0 && summaryEnergy <= 1, "summaryEnergy above 0 and up to 1"),
            (exactBelow >= 0, "exactBelow of at least 0"),
            (blocksFrom >= 0, "blocksFrom of at least 0"),
            ((0...100_000).contains(calibrationQueries), "calibrationQueries in 0...100000"),
            (calibrateFrom >= 0, "calibrateFrom of at least 0"),
        ]
        if let broken = rules.first(where: { !$0.0 }) {
            throw GranaryError(.invalidArgument, "expected \(broken.1)")
        }
    }

    /// Whether a segment of so many documents has blocks rather than impact-ordered lists.
    func hasBlocks(documents: Int) -> Bool { documents >= blocksFrom }

    /// Postings kept for each document of a segment of `documents` documents with `entries` non-zeros in all.
    func postings(documents: Int, entries: Int) -> Double {
        if let postingsPerDocument { return postingsPerDocument }
        if !hasBlocks(documents: documents) {
            // What lists have beyond is read by no search but one for nearly all.
            let share = documents <= 100_000 ? 0.6 : 0.4
            return share * Double(entries) / Double(max(1, documents))
        }
        // Small collections need longer lists for the same recall; large ones are decided by their strongest
        // postings.
        let share = documents <= 100_000 ? 0.3 : max(0.08, 0.3 * (100_000 / Double(documents)).squareRoot())
        return share * Double(entries) / Double(max(1, documents))
    }
}
