/// A query: a sparse vector, a dense one, or both.
public struct Query: Sendable, Equatable {
    /// How near to the true top k the answer has to be.
    public enum Accuracy: Sendable, Equatable {
        /// The expected share of the true top k, above 0 and up to 1; 1 means exact. Calibrated for a k of
        /// 10.
        case recall(Double)
        /// The true top k over the weights as stored.
        case exact
        /// Hand-set knobs.
        case settings(SearchSettings)
    }

    /// What is looked for. Tokens and components that the index does not know add nothing. Of
    /// components, and of tokens that it knows, up to 65,535.
    public var sparse: SparseVector
    /// How many hits at most; at least 1.
    public var k: Int
    /// How near to the true top k.
    public var accuracy: Accuracy
    /// What is looked for among the verification vectors; nil for a sparse search.
    public var dense: [Float]?
    /// How many documents the sparse half finds for the dense half to verify; nil takes 10 k, at least 100.
    public var candidates: Int?
    /// How the two scores become one, where there is a dense vector.
    public var fusion: Fusion = .dense
    /// Which documents may be found; nil for all.
    public var filter: Filter?

    /// Asks for an expected recall, above 0 and up to 1.
    public init(sparse: SparseVector, k: Int = 10, recall: Double = 0.95) {
        self.init(sparse: sparse, k: k, accuracy: .recall(recall))
    }

    /// Asks for the true top k, or for the default recall.
    public init(sparse: SparseVector, k: Int = 10, exact: Bool) {
        self.init(sparse: sparse, k: k, accuracy: exact ? .exact : .recall(0.95))
    }

    /// Asks with hand-set knobs.
    public init(sparse: SparseVector, k: Int = 10, settings: SearchSettings) {
        self.init(sparse: sparse, k: k, accuracy: .settings(settings))
    }

    /// Asks for documents that the sparse vector finds and the dense one verifies.
    ///
    /// - Parameters:
    ///   - candidates: how many are verified; nil takes 10 k, at least 100.
    ///   - recall: how many of the true candidates are to be among them, above 0 and up to 1.
    public init(
        sparse: SparseVector, dense: [Float], k: Int = 10, candidates: Int? = nil, fusion: Fusion = .dense,
        recall: Double = 0.95
    ) {
        self.init(sparse: sparse, k: k, accuracy: .recall(recall))
        self.dense = dense
        self.candidates = candidates
        self.fusion = fusion
    }

    /// Makes a query.
    public init(sparse: SparseVector, k: Int, accuracy: Accuracy) {
        self.sparse = sparse
        self.k = k
        self.accuracy = accuracy
    }
}

/// The knobs of an approximate search. Most users ask for a recall instead and let calibration choose them.
public struct SearchSettings: Sendable, Equatable {
    /// The share, 0...1, of the query's possible mass (Σ query weight × largest weight of the list) that the
    /// posting lists chosen must cover. More lists find more; 1 takes every list of the query. For segments
    /// with posting blocks.
    public var listMass: Double
    /// Postings that add less than this share, 0...1, of what the query's components can add at most (their
    /// mean, each as often as it is large) are not read. Fewer are left out by a smaller one; 0 reads all.
    /// For segments with impact-ordered lists.
    public var leastImpact: Double
    /// A block is opened while its summary's score is at least this factor times the k-th best score so far;
    /// a document of impact-ordered lists is scored if its estimate is at least this factor, up to 1, times
    /// the k-th best estimate. Smaller scores more documents; 0 scores all.
    public var estimateFactor: Double

    /// Makes settings.
    public init(listMass: Double = 0.7, leastImpact: Double = 0.18, estimateFactor: Double = 0.85) {
        self.listMass = listMass
        self.leastImpact = leastImpact
        self.estimateFactor = estimateFactor
    }

    /// Every posting and every block.
    public static let everything = SearchSettings(listMass: 1, leastImpact: 0, estimateFactor: 0)
}

/// A document found, and its score.
public struct Hit: Sendable, Equatable {
    /// The document's key.
    public var id: DocumentKey
    /// What it is ranked by: the sparse score, or what the fusion makes of both.
    public var score: Float
    /// Of a query with a dense vector, the score of the sparse half: Σ over the query's components in
    /// ascending order of query weight × stored weight, in float32. Otherwise `score` is this, and here is
    /// nil.
    public var sparse: Float?
    /// Of a query with a dense vector, the score of the dense half by the schema's metric; nil for a document
    /// without one.
    public var dense: Float?

    /// Makes a hit.
    public init(id: DocumentKey, score: Float, sparse: Float? = nil, dense: Float? = nil) {
        self.id = id
        self.score = score
        self.sparse = sparse
        self.dense = dense
    }
}
