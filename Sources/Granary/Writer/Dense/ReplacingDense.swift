import GranaryStorage
import Synchronization

extension IndexWriter {
    /// Gives documents that are there other dense vectors, and touches nothing else of them: for a model that
    /// changes while the sparse one stays. All or none; seen by `refresh` at once and by others after the
    /// next commit, and taken back by a rollback. What is buffered is flushed first.
    ///
    /// The dimensions, element and metric are those of the schema, which is fixed: a model with others needs
    /// another index. A document that is upserted later has the vector that comes with it.
    /// - Parameter vectors: for each id its vector, nil for none from now on. Of several for one id the last
    ///   one counts; an id that no document has is left out.
    /// - Returns: documents that were there.
    /// - Throws: `invalidArgument` (an id that cannot be one, a vector that does not go with the schema, an
    ///   index without dense vectors), and as `commit(userData:)`. Nothing has changed then. Complexity: a
    ///   look-up for each vector, and for each segment with one of the documents the writing of a new file:
    ///   of these vectors, of others that share a small file with them, and of 4 bytes for each document. In
    ///   memory: the ids, and a few bytes for each document of the segments.
    @discardableResult
    public func replaceDense(
        _ vectors: some Sequence<(id: DocumentKey, vector: [Float]?)>
    ) throws(GranaryError) -> Int {
        let count = try core.replaceDense(vectors)
        if count > 0 { autoCommit?.changed() }
        return count
    }
}

/// Dense vectors on their way to documents that are in segments.
struct DenseReplacements {
    /// By number.
    let rows: SpilledDenseRows
    let keys: [UInt8]
    /// Where the key of each number begins; one more at the end.
    let keyStarts: [Int]

    /// By segment: for each ordinal the number of its new row, or `RevisedDenseRows.keeps`.
    typealias Places = [UInt64: [UInt32]]

    /// Finds the documents in segments of a cut.
    func places(in segments: [LiveSegment], _ cut: Cut) -> (places: Places, documents: Int) {
        let dead = Dictionary(uniqueKeysWithValues: cut.segments.map { ($0.id, $0.dead) })
        var (places, documents) = (Places(), 0)
        // Backwards, so that the last vector of a document is the first to be found.
        for number in (0..<keyStarts.count - 1).reversed() {
            let key = Array(keys[keyStarts[number]..<keyStarts[number + 1]])
            let hash = KeyHash(key)
            // The newest documents are the ones that change most.
            for segment in segments.reversed() {
                guard let dead = dead[segment.id],
                    let ordinal = segment.reader.keys.ordinals(of: key, hash: hash).first(where: {
                        !dead.contains($0)
                    })
                else { continue }
                let keeps = RevisedDenseRows.keeps
                // Made for a segment once: for each of its documents it would take as long as all of them.
                if places[segment.id] == nil {
                    places[segment.id] = [UInt32](repeating: keeps, count: segment.reader.documentCount)
                }
                if places[segment.id]?[Int(ordinal)] == keeps {
                    places[segment.id]?[Int(ordinal)] = UInt32(number)
                    documents += 1
                }
                break
            }
        }
        return (places, documents)
    }
}

/// Other dense vectors of a segment.
struct DenseRevision: Sendable {
    /// Nil when no document has one any more.
    var vectors: DenseVectors?
    /// The file that was written for it.
    var made: FileRecord?
}

extension WriterCore {
    func replaceDense(
        _ vectors: some Sequence<(id: DocumentKey, vector: [Float]?)>
    ) throws(GranaryError) -> Int {
        let replacements = try spill(vectors)
        if let merges { measures.stalled(.merges, try merges.admit(longest: options.maximumStall)) }
        return try lane.run { () throws(GranaryError) in try replace(replacements) }
    }

    /// Checks and encodes vectors, into a temporary file.
    private func spill(
        _ vectors: some Sequence<(id: DocumentKey, vector: [Float]?)>
    ) throws(GranaryError) -> DenseReplacements {
        guard let dense = schema.dense else {
            throw GranaryError(
                .invalidArgument, "expected no dense vectors: the schema has none", path: directory.path)
        }
        try state.withLock { (state) throws(GranaryError) in try check(state) }
        var spill = DenseSpill(fileSystem: directory.fileSystem, directory: directory.path, schema: dense)
        var (keys, keyStarts) = ([UInt8](), [0])
        for (id, vector) in vectors {
            keys += try id.encoded()
            keyStarts.append(keys.count)
            try spill.makeRoom()
            var row: [UInt8]?
            if let vector { row = try denseRow(vector, of: id) }
            spill.append(row)
            if spill.rowCount % 1024 == 0 { try progress.report(.reading, UInt64(spill.rowCount), nil) }
        }
        return DenseReplacements(rows: try spill.rows(), keys: keys, keyStarts: keyStarts)
    }

    /// In the lane.
    private func replace(_ replacements: DenseReplacements) throws(GranaryError) -> Int {
        let cut = try cutOnDisk()
        let segments = state.withLock { $0.segments }
        let (places, documents) = replacements.places(in: segments, cut)
        var revisions: [UInt64: DenseRevision] = [:]
        do throws(GranaryError) {
            for part in cut.segments {
                guard let places = places[part.id], let segment = segments.first(where: { $0.id == part.id })
                else { continue }
                revisions[part.id] = try revise(
                    try RevisedDenseRows(
                        segment.dense, dead: part.dead, replacements: places, by: replacements.rows,
                        options.build),
                    documents: part.documents, progress)
            }
            if documents > 0 {
                try install(revisions, documents: documents, bytes: replacements.rows.lengthBytes)
            }
            return documents
        } catch {
            directory.discard(revisions.values.compactMap(\.made))
            if error.castsDoubt { directory.poison(error) }
            throw error
        }
    }

    private func install(
        _ revisions: [UInt64: DenseRevision], documents: Int, bytes: Int
    ) throws(GranaryError) {
        let dropped = try state.withLock { (state) throws(GranaryError) in
            try check(state)
            // A snapshot with other vectors is another state of the index.
            _ = try state.takeSequence(path: directory.path)
            var dropped: [FileRecord] = []
            for position in state.segments.indices {
                guard let revision = revisions[state.segments[position].id] else { continue }
                let old = state.segments[position].files
                state.segments[position].dense = revision.vectors
                let kept = Set(state.segments[position].files.map(\.name))
                dropped += old.filter { !kept.contains($0.name) }
            }
            state.counts.vectors += documents
            state.counts.bytes += bytes
            return dropped
        }
        // Files of an earlier replacement; what the last commit has stays.
        directory.discard(dropped)
    }

    /// Writes the `.dense` file of a segment that has other vectors from now on.
    ///
    /// - Throws: errors of reading and writing, `cancelled`. No file is left then.
    func revise(
        _ rows: some DenseRows, documents: Int, _ progress: BuildProgress
    ) throws(GranaryError) -> DenseRevision {
        guard let dense = schema.dense else { return DenseRevision() }
        let context = context(vocabulary: state.withLock { $0.vocabulary }, progress: progress)
        let made = try DenseFileWriter.write(
            rows, order: 0..<UInt32(documents), schema: dense, context: context)
        guard let made else { return DenseRevision() }
        do throws(GranaryError) {
            let file = try DenseFile(
                made, directory: directory.path, fileSystem: directory.fileSystem, schema: dense,
                reading: reading)
            return DenseRevision(
                vectors: try DenseVectors(rows.shared + [file], documents: documents), made: made)
        } catch {
            directory.discard([made])
            throw error
        }
    }
}
