import GranaryStorage

/// Feedback: queries made from the vectors of documents, which lie in the index.
extension Snapshot {
    /// A query made anew from the stored vectors of some documents: `Feedback` says how.
    ///
    /// A mean is that of the documents that have the half; a half to which no document adds stays as it is. A
    /// document named twice counts twice. The sparse half is in tokens where the index has a vocabulary,
    /// unless the query's is in components; everything else of the query stays. Complexity: the components of
    /// the documents, and a sort of them.
    /// - Parameters:
    ///   - ids: documents that answer the query.
    ///   - negative: documents that do not.
    /// - Throws: `notFound` for an id that no document has, `invalidArgument` for options out of range, an id
    ///   that cannot be one, a dense vector that is none of the schema and feedback that leaves none,
    ///   `invalidWeight` where a weight becomes too large, `corrupt` for damaged bytes.
    public func feedback(
        _ query: Query, from ids: [DocumentKey], negative: [DocumentKey] = [],
        _ feedback: Feedback = Feedback()
    ) throws(GranaryError) -> Query {
        try feedbackNow(query, ids, negative, feedback)
    }

    /// As the synchronous one, on the engine's own threads.
    public func feedback(
        _ query: Query, from ids: [DocumentKey], negative: [DocumentKey] = [],
        _ feedback: Feedback = Feedback()
    ) async throws(GranaryError) -> Query {
        try await Background.search { () throws(GranaryError) in
            try self.feedbackNow(query, ids, negative, feedback)
        }
    }

    /// Pseudo-relevance feedback: searches, makes a new query from the first hits, and searches again.
    ///
    /// Hits of an interpolation have its score, and none of the halves'.
    /// - Parameter count: how many hits count as relevant, at least 1; 3 to 5 is usual.
    /// - Throws: as `search(_:)` and `feedback(_:from:negative:_:)`. Complexity: two searches.
    public func search(
        _ query: Query, feedback: Feedback, from count: Int
    ) throws(GranaryError) -> [Hit] {
        try searchNow(query, feedback, count)
    }

    /// As the synchronous one, on the engine's own threads.
    public func search(
        _ query: Query, feedback: Feedback, from count: Int
    ) async throws(GranaryError) -> [Hit] {
        try await Background.search { () throws(GranaryError) in try self.searchNow(query, feedback, count) }
    }

    private func searchNow(
        _ query: Query, _ feedback: Feedback, _ count: Int
    ) throws(GranaryError) -> [Hit] {
        try SnapshotSearch.validate(query)
        try feedback.validate()
        guard count >= 1 else {
            throw GranaryError(.invalidArgument, "expected feedback from at least 1 hit, found \(count)")
        }
        let depth = feedback.interpolation == nil ? query.k : max(query.k, 100)
        var before = query
        before.k = max(depth, count)
        let first = try search(before)
        if first.isEmpty { return [] }
        var after = try feedbackNow(query, first.prefix(count).map(\.id), [], feedback)
        after.k = depth
        let second = try search(after)
        guard let interpolation = feedback.interpolation else { return second }
        var ids: [UInt64: DocumentKey] = [:]
        func list(_ hits: some Sequence<Hit>) throws(GranaryError) -> [(sequence: UInt64, score: Float)] {
            var list: [(sequence: UInt64, score: Float)] = []
            for hit in hits {
                let place = try locate(hit.id)
                let sequence = place.segment.sequence(place.ordinal)
                ids[sequence] = hit.id
                list.append((sequence, hit.score))
            }
            return list
        }
        let fused = interpolation.fuse(try list(first.prefix(depth)), try list(second))
        return fused.prefix(query.k).compactMap { entry in
            ids[entry.sequence].map { Hit(id: $0, score: entry.score) }
        }
    }

    private func feedbackNow(
        _ query: Query, _ ids: [DocumentKey], _ negative: [DocumentKey], _ feedback: Feedback
    ) throws(GranaryError) -> Query {
        try feedback.validate()
        let (relevant, nonRelevant) = (try locate(ids), try locate(negative))
        let (isSparse, isDense) = feedback.changed(of: query)
        var made = query
        if isSparse {
            made.sparse = try sparse(query.sparse, try rows(relevant), try rows(nonRelevant), feedback)
        }
        if isDense, let schema = schema.dense {
            let (near, far) = (try vectors(relevant), try vectors(nonRelevant))
            if !near.isEmpty || !far.isEmpty {
                let codec = try DenseRowCodec(schema)
                var vector: [Float]?
                if let dense = query.dense { vector = try codec.prepare(dense) }
                made.dense = try feedback.dense(
                    vector, relevant: near, nonRelevant: far, metric: schema.metric,
                    dimensions: schema.dimensions)
            }
        }
        return made
    }

    // MARK: Stored vectors

    private typealias Place = (segment: SegmentReader, ordinal: UInt32)

    /// - Throws: `notFound`, `invalidArgument` for an id that cannot be one.
    private func locate(_ id: DocumentKey) throws(GranaryError) -> Place {
        if let place = try find(id) { return place }
        throw GranaryError(.notFound, "expected a document with the id \(id), found none")
    }

    private func locate(_ ids: [DocumentKey]) throws(GranaryError) -> [Place] {
        var places: [Place] = []
        for id in ids { places.append(try locate(id)) }
        return places
    }

    /// The sparse vectors of those documents that have one.
    private func rows(_ places: [Place]) throws(GranaryError) -> [Feedback.Row] {
        var rows: [Feedback.Row] = []
        for place in places {
            let row = try place.segment.vector(place.ordinal)
            if !row.components.isEmpty { rows.append(row) }
        }
        return rows
    }

    /// The dense vectors of those documents that have one.
    private func vectors(_ places: [Place]) throws(GranaryError) -> [[Float]] {
        var vectors: [[Float]] = []
        for place in places {
            if let vector = try place.segment.dense?.vector(place.ordinal) {
                vectors.append(vector)
            }
        }
        return vectors
    }

    // MARK: The sparse half

    private func sparse(
        _ query: SparseVector, _ relevant: [Feedback.Row], _ nonRelevant: [Feedback.Row], _ feedback: Feedback
    ) throws(GranaryError) -> SparseVector {
        if relevant.isEmpty, nonRelevant.isEmpty { return query }
        let hasVocabulary = segments.contains { $0.names.hasTokens }
        switch query.entries {
        case .tokens(let tokens, let weights) where hasVocabulary:
            return try named(tokens, weights, relevant, nonRelevant, feedback)
        case .components(let components, _) where components.isEmpty && hasVocabulary:
            return try named([], [], relevant, nonRelevant, feedback)
        case .components(_, let weights), .tokens(_, let weights):
            let known = resolve(query)
            let row = feedback.sparse(
                (known.components, known.weights), others: 0, length: Feedback.length(weights),
                relevant: relevant, nonRelevant: nonRelevant)
            return try SparseVector(components: row.components, weights: row.weights)
        }
    }

    /// The sparse half in tokens.
    private func named(
        _ tokens: [String], _ weights: [Float], _ relevant: [Feedback.Row], _ nonRelevant: [Feedback.Row],
        _ feedback: Feedback
    ) throws(GranaryError) -> SparseVector {
        var names: [UInt32: String] = [:]
        var known: Feedback.Row = ([], [])
        var made: [(String, Float)] = []
        for (token, weight) in zip(tokens, weights) {
            let resolved = resolve(SparseVector(storedTokens: [(token, weight)]))
            if let component = resolved.components.first {
                names[component] = token
                known.components.append(component)
                known.weights.append(weight)
            } else {
                // This snapshot has no such token, but the next one may.
                made.append((token, feedback.original * weight))
            }
        }
        let row = feedback.sparse(
            known, others: made.count, length: Feedback.length(weights), relevant: relevant,
            nonRelevant: nonRelevant)
        for (component, weight) in zip(row.components, row.weights) {
            if let name = names[component] {
                made.append((name, weight))
            } else {
                made.append((try token(of: component), weight))
            }
        }
        return try SparseVector(tokens: made)
    }

    /// The token of a component that some document has.
    private func token(of component: UInt32) throws(GranaryError) -> String {
        for segment in segments {
            guard let local = segment.names.local(of: component) else { continue }
            guard let token = segment.names.token(local) else {
                throw segment.malformed(.tokens, at: Int(local))
            }
            return token
        }
        throw GranaryError(.corrupt, "expected a token for component \(component), found none")
    }
}
