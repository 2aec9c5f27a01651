import GranaryStorage

/// One state of an index, mapped: a committed generation, or what `IndexWriter.refresh` has made. Immutable,
/// and usable from any thread.
public final class Snapshot: Sendable {
    /// The generation of the manifest; of a refreshed snapshot, that of the last commit before it.
    public let generation: UInt64
    /// Every operation with a smaller sequence number shows.
    public let sequence: UInt64
    /// What is fixed for the life of the index.
    public let schema: Schema
    /// The bytes that the last `commit(userData:)` gave.
    public let userData: [UInt8]
    let segments: [SegmentReader]
    /// By segment: the keys of its documents.
    private let keys: [KeyTable]
    /// The segments' positions, the largest first.
    private let searchOrder: [Int]
    let manifest: Manifest
    /// Where its files are.
    let fileSystem: any FileSystem
    let scratch = ScratchPool()
    private let filters = FilterCache()

    /// A committed generation; segments that `known` has open are shared.
    convenience init(
        manifest: Manifest, schema: Schema, path: String, fileSystem: any FileSystem, reading: Reading,
        known: Snapshot?
    ) throws(GranaryError) {
        try manifest.checkFiles(path)
        var segments: [SegmentReader] = []
        for record in manifest.segments {
            if let shared = known?.reader(of: record, in: manifest) {
                segments.append(shared)
            } else {
                segments.append(
                    try SegmentReader.open(
                        record, of: manifest, path: path, fileSystem: fileSystem, reading: reading))
            }
        }
        self.init(
            manifest: manifest, sequence: manifest.nextSequence, schema: schema, segments: segments,
            fileSystem: fileSystem)
    }

    /// A state of a writer.
    ///
    /// - Parameters:
    ///   - manifest: the last generation.
    ///   - segments: those of the state, which may be in no manifest.
    init(
        manifest: Manifest, sequence: UInt64, schema: Schema, segments: [SegmentReader],
        fileSystem: any FileSystem
    ) {
        generation = manifest.generation
        userData = manifest.userData
        self.sequence = sequence
        self.schema = schema
        self.manifest = manifest
        self.fileSystem = fileSystem
        self.segments = segments
        keys = segments.map(\.keys)
        searchOrder = segments.indices.sorted {
            (segments[$0].documentCount, $1) > (segments[$1].documentCount, $0)
        }
        documentCount = segments.reduce(0) { $0 + $1.liveCount }
    }

    /// The reader of a segment of another generation, if this one has the same files.
    private func reader(of record: SegmentRecord, in other: Manifest) -> SegmentReader? {
        func files(_ record: SegmentRecord, _ manifest: Manifest) -> [FileRecord?] {
            (record.files + [record.deadFile].compactMap { $0 }).map {
                Int($0) < manifest.files.count ? manifest.files[Int($0)] : nil
            }
        }
        let wanted = files(record, other)
        let position = manifest.segments.firstIndex {
            $0.ordinal == record.ordinal && files($0, manifest) == wanted
        }
        return position.map { segments[$0] }
    }

    /// Live documents.
    public let documentCount: Int

    // MARK: Search

    /// The best documents for a query: highest score first, ties by insertion.
    ///
    /// A hit is a live document that shares a component with the query. Synchronous: page faults block the
    /// calling thread.
    /// - Throws: `invalidArgument` for a k below 1, a recall or setting out of range, or a filter that the
    ///   schema does not allow; `tooLarge` for a query of over 65,535 components; `corrupt` for damaged
    ///   bytes.
    public func search(_ query: Query) throws(GranaryError) -> [Hit] {
        var statistics = SearchStatistics()
        return try search(query, statistics: &statistics)
    }

    /// As `search(_:)`, and counts what it did.
    public func search(_ query: Query, statistics: inout SearchStatistics) throws(GranaryError) -> [Hit] {
        try search(query, plan: FilterPlan(), statistics: &statistics)
    }

    /// As `search(_:statistics:)`, under another plan than the default.
    package func search(
        _ query: Query, plan: FilterPlan, statistics: inout SearchStatistics
    ) throws(GranaryError) -> [Hit] {
        try SnapshotSearch.validate(query)
        let filter = try query.filter.map { (filter) throws(GranaryError) in try resolve(filter) }
        var counted = SearchStatistics()
        let hits: [Hit]
        if let vector = query.dense {
            hits = try searchBoth(query, vector, filter, plan, &counted)
        } else {
            hits = try self.hits(try searchSparse(query, filter, plan, &counted))
        }
        statistics = counted
        return hits
    }

    /// The best documents by the sparse half.
    func searchSparse(
        _ query: Query, _ filter: ResolvedFilter?, _ plan: FilterPlan, _ statistics: inout SearchStatistics,
        willSettle: SnapshotSearch.Candidates? = nil
    ) throws(GranaryError) -> [TopK.Entry] {
        let resolved = resolve(query.sparse)
        return try scratch.with { (scratch) throws(GranaryError) in
            try SnapshotSearch(
                segments: segments, order: searchOrder, documentCount: documentCount, query: query,
                resolved: resolved, filter: filter, plan: plan, willSettle: willSettle
            ).run(&scratch, &statistics)
        }
    }

    private func hits(_ top: [TopK.Entry]) throws(GranaryError) -> [Hit] {
        var hits: [Hit] = []
        hits.reserveCapacity(top.count)
        for entry in top {
            // Not by way of the segment, which would be copied, reference by reference.
            guard let id = keys[Int(entry.segment)].key(of: entry.ordinal) else {
                throw segments[Int(entry.segment)].malformed(.keys, at: Int(entry.ordinal))
            }
            hits.append(Hit(id: id, score: entry.score))
        }
        return hits
    }

    /// As `search(_:)`, on the engine's own threads: page faults never block Swift's cooperative pool.
    public func search(_ query: Query) async throws(GranaryError) -> [Hit] {
        try await Background.search { () throws(GranaryError) in try self.searchNow(query) }
    }

    /// The synchronous search, by a name that overload resolution in an asynchronous context does not miss.
    private func searchNow(_ query: Query) throws(GranaryError) -> [Hit] {
        var statistics = SearchStatistics()
        return try search(query, statistics: &statistics)
    }

    /// The hits of many queries, one thread a query.
    ///
    /// - Parameter threads: how many at once; nil takes all cores.
    /// - Throws: as `search(_:)`, for the first query that fails.
    public func search(batch queries: [Query], threads: Int? = nil) throws(GranaryError) -> [[Hit]] {
        try Parallel.map(
            count: queries.count, threads: threads ?? Parallel.coreCount, state: {},
            body: { (_, number) throws(GranaryError) in try self.searchNow(queries[number]) })
    }

    /// The settings that a recall asks for: those of the largest segment; the exact search has none.
    public func settings(forRecall recall: Double) -> SearchSettings? {
        let largest = segments.filter { !$0.isExactOnly }.max { $0.documentCount < $1.documentCount }
        return largest?.calibration.settings(forRecall: recall)
    }

    // MARK: Documents

    /// The scores of given documents, in their order; nil where there is no such document. Not sharing a
    /// component gives 0.
    ///
    /// - Throws: `invalidArgument` for an id that cannot be one, `tooLarge` for a query of over 65,535
    ///   components, `corrupt` for damaged bytes.
    public func score(_ query: SparseVector, ids: [DocumentKey]) throws(GranaryError) -> [Float?] {
        let resolved = resolve(query)
        try SnapshotSearch.validate(resolved)
        var scores: [Float?] = []
        for id in ids {
            guard let (segment, ordinal) = try find(id) else {
                scores.append(nil)
                continue
            }
            scores.append(
                try scratch.with { (scratch) throws(GranaryError) in
                    try SegmentSearch(segment, number: 0, resolved).score(ordinal, &scratch)
                })
        }
        return scores
    }

    /// How the score of a document comes about; nil when there is no such document.
    ///
    /// - Throws: as `score(_:ids:)`.
    public func explain(_ query: SparseVector, id: DocumentKey) throws(GranaryError) -> Explanation? {
        guard let (segment, ordinal) = try find(id) else { return nil }
        let resolved = resolve(query)
        let entries = try segment.entries(ordinal)
        var stored: [UInt32: (weight: Float, local: UInt32)] = [:]
        for (local, weight) in zip(entries.components, entries.weights) {
            if let component = segment.names.component(local) { stored[component] = (weight, local) }
        }
        var terms: [Explanation.Term] = []
        var weights = [Float](repeating: 0, count: resolved.components.count)
        for (position, component) in resolved.components.enumerated() {
            guard let (weight, local) = stored[component] else { continue }
            weights[position] = weight
            terms.append(
                Explanation.Term(
                    component: component, token: segment.names.token(local),
                    queryWeight: resolved.weights[position],
                    weight: weight, product: resolved.weights[position] * weight))
        }
        return Explanation(score: resolved.score(weights), terms: terms)
    }

    /// A document as stored; nil when there is none.
    ///
    /// - Throws: as `score(_:ids:)`.
    public func document(id: DocumentKey) throws(GranaryError) -> Document? {
        guard let (segment, ordinal) = try find(id) else { return nil }
        return try document(segment, ordinal)
    }

    /// The payload of a document; nil when there is no such document or it has none.
    ///
    /// - Throws: as `score(_:ids:)`.
    public func payload(id: DocumentKey) throws(GranaryError) -> [UInt8]? {
        guard let (segment, ordinal) = try find(id) else { return nil }
        return try segment.payloads?.payload(ordinal)
    }

    /// Calls `body` with each live document, in order of insertion.
    ///
    /// Memory: 4 bytes a document.
    public func forEachDocument(_ body: (Document) throws(GranaryError) -> Void) throws(GranaryError) {
        try forEachLive { (segment, ordinal) throws(GranaryError) in try body(try document(segment, ordinal))
        }
    }

    /// Calls `body` with each live document's segment and ordinal, in order of insertion.
    func forEachLive(
        _ body: (SegmentReader, UInt32) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        var order = LiveOrder(segments)
        while let (number, ordinal, _) = order.next() { try body(segments[number], ordinal) }
    }

    private func document(_ segment: SegmentReader, _ ordinal: UInt32) throws(GranaryError) -> Document {
        let entries = try segment.entries(ordinal)
        let vector: SparseVector
        if segment.names.hasTokens {
            var tokens: [(String, Float)] = []
            for (local, weight) in zip(entries.components, entries.weights) {
                guard let token = segment.names.token(local) else {
                    throw segment.malformed(.tokens, at: Int(local))
                }
                tokens.append((token, weight))
            }
            vector = SparseVector(storedTokens: tokens)
        } else {
            var pairs: [(UInt32, Float)] = []
            for (local, weight) in zip(entries.components, entries.weights) {
                guard let component = segment.names.component(local) else {
                    throw segment.malformed(.components, at: Int(local))
                }
                pairs.append((component, weight))
            }
            pairs.sort { $0.0 < $1.0 }
            vector = SparseVector(sortedComponents: pairs.map(\.0), weights: pairs.map(\.1))
        }
        return Document(
            id: try segment.key(ordinal), sparse: vector, dense: try segment.dense?.vector(ordinal),
            payload: try segment.payloads?.payload(ordinal))
    }

    /// The live document of an id; nil when there is none.
    func find(_ id: DocumentKey) throws(GranaryError) -> (SegmentReader, UInt32)? {
        let key = try id.encoded()
        let hash = KeyHash(key)
        for segment in segments {
            if let ordinal = segment.ordinal(of: key, hash: hash) { return (segment, ordinal) }
        }
        return nil
    }

    // MARK: Resolving

    /// A query by ascending component; what no segment knows is left out.
    func resolve(_ vector: SparseVector) -> ResolvedQuery {
        switch vector.entries {
        case .components(let components, let weights):
            return ResolvedQuery(components: components, weights: weights)
        case .tokens(let tokens, let weights):
            var pairs: [(component: UInt32, weight: Float)] = []
            for (token, weight) in zip(tokens, weights) {
                if let component = component(token) { pairs.append((component, weight)) }
            }
            pairs.sort { $0.component < $1.component }
            // Two spellings of a number ("7", "07") are one component, whose weights are added.
            var (components, weights): ([UInt32], [Float]) = ([], [])
            for (component, weight) in pairs {
                if components.last == component {
                    weights[weights.count - 1] = min(
                        weights[weights.count - 1] + weight, SparseVector.maximumWeight)
                } else {
                    components.append(component)
                    weights.append(weight)
                }
            }
            return ResolvedQuery(components: components, weights: weights)
        }
    }

    /// What a filter matches here.
    ///
    /// - Throws: `invalidArgument` for a filter that the schema does not allow, `corrupt` for damaged bytes.
    func resolve(_ filter: Filter) throws(GranaryError) -> ResolvedFilter {
        try filters.resolved(filter) { () throws(GranaryError) in
            try ResolvedFilter(filter, segments, schema)
        }
    }

    private func component(_ token: String) -> UInt32? {
        // A segment of empty vectors does not know whether the index names its components.
        for segment in segments where segment.facts.components > 0 {
            if !segment.names.hasTokens { return UInt32(token) }
            if let local = segment.names.local(ofToken: token) { return segment.names.component(local) }
        }
        return nil
    }
}

/// How a score comes about.
public struct Explanation: Sendable, Equatable {
    /// One component that query and document share.
    public struct Term: Sendable, Equatable {
        /// The component.
        public var component: UInt32
        /// Its token, where the index has a vocabulary.
        public var token: String?
        /// The query's weight.
        public var queryWeight: Float
        /// The document's weight as stored.
        public var weight: Float
        /// Query weight × weight, rounded to float32.
        public var product: Float
    }

    /// The score: the products added in the order of `terms`, in float32.
    public var score: Float
    /// What is shared, by ascending component.
    public var terms: [Term]
}
