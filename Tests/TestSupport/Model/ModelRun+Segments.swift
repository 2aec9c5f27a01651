import Granary
import GranaryStorage

/// Merges, and segments that come and go.
extension ModelRun {
    func merge(_ operation: ModelOperation) throws {
        switch operation {
        case .merge(let count):
            guard prepared == nil, try attempt({ try writer.merge(to: count) }) != nil else { return }
            let segments = try committed().snapshot.statistics().segments
            try ModelFailure.unless(
                segments.count <= count, "\(segments.count) segments, expected up to \(count)")
            if count == 1 {
                try ModelFailure.unless(
                    segments.allSatisfy { $0.dead == 0 }, "dead documents in the one segment")
            }
        case .pauseMerges: writer.pauseMerges()
        case .resumeMerges: writer.resumeMerges()
        default: if prepared == nil { try writer.waitForMerges() }
        }
    }

    func backup(_ slot: Int, isVerified: Bool) throws {
        let source = try slots[slot] ?? committed()
        let path = "copy\(newNumber())"
        // What is not committed cannot be backed up.
        let isCommitted = source.isCommitted
        let body = { try source.snapshot.backup(to: path, isVerified: isVerified) }
        guard isCommitted else {
            return try ModelFailure.unless(
                errorCode(body) == .invalidArgument, "a backup of what is not committed")
        }
        // A snapshot of a process that died is on the disk of that.
        let disk = source.disk
        guard try attempt(body) != nil else {
            return try ModelFailure.unless(try disk.status(path) == nil, "a failed backup leaves something")
        }
        let backup = try HeldSnapshot(
            try Index.open(at: path, fileSystem: disk).snapshot(), source.content, documents, on: disk)
        try backup.check()
        if disk === self.disk {
            try keep(path, source.content)
        } else {
            try disk.remove(directory: path)
        }
    }

    /// Keeps a copy for a later step, in place of the one before.
    private func keep(_ path: String, _ content: Model.Content) throws {
        if let copy { try disk.remove(directory: copy.path) }
        copy = (path, content)
    }

    func attachCopy() throws {
        guard prepared == nil, let copy else { return }
        var codes: Set<GranaryError.Code> = [
            // Some of its files are here.
            .alreadyExists
        ]
        // Components of tokens may have changed places since.
        if setup.names == .tokens { codes.insert(.invalidArgument) }
        guard let count = try attempt(allowing: codes, { try writer.attach([copy.path]) }) else { return }
        try attached(count, copy.content)
    }

    private func attached(_ count: Int, _ content: Model.Content) throws {
        let expected = model.attach(content)
        try ModelFailure.unless(count == expected, "attached \(count) documents, expected \(expected)")
    }

    /// Attaches an index made for it, in which one document is deleted when there is a commit for that.
    func attach(first: Int, count: Int, version: Int, commits: Int) throws {
        guard prepared == nil, !isFull else { return }
        let path = "other\(newNumber())"
        defer { try? disk.remove(directory: path) }
        let other = try Index.create(at: path, schema: setup.schema, fileSystem: disk)
        var content = Model(mistake: nil)
        var options = WriterOptions.small(exactBelow: setup.exactBelow, blocksFrom: setup.blocksFrom)
        options.vocabulary = setup.options.vocabulary
        let source = try other.writer(options)
        for commit in 0..<commits {
            for step in 0..<count where step % commits == commit {
                let id = (first + step) % ModelDocuments.idCount
                try source.upsert(documents.document(id, version))
                content.upsert(id, version: version)
            }
            if commit > 0 {
                try source.delete(id: ModelDocuments.key(first))
                content.delete([first])
            }
            _ = try source.commit()
        }
        source.close()
        let codes: Set<GranaryError.Code> = setup.names == .tokens ? [.invalidArgument] : []
        guard let count = try attempt(allowing: codes, { try writer.attach([path]) }) else { return }
        try attached(count, content.current)
    }

    func detach(_ number: Int) throws {
        guard prepared == nil else { return }
        let segments = try committed().snapshot.statistics().segments
        guard !segments.isEmpty else { return }
        let segment = segments[number % segments.count]
        let path = "copy\(newNumber())"
        // A merge may have been quicker.
        let codes: Set<GranaryError.Code> = setup.isAutomatic ? [.notFound] : []
        guard try attempt(allowing: codes, { try writer.detach([segment.id], to: path) }) != nil else {
            return try ModelFailure.unless(try disk.status(path) == nil, "a failed detach leaves something")
        }
        let snapshot = try Index.open(at: path, fileSystem: disk).snapshot()
        let content = try content(of: snapshot)
        try ModelFailure.unless(
            content.count == segment.documents - segment.dead,
            "\(content.count) documents detached, expected \(segment.documents - segment.dead)")
        try HeldSnapshot(snapshot, content, documents, on: disk).check()
        model.detach(content.rows.indices.filter { content.rows[$0] != nil })
        try keep(path, content)
    }

    /// What a detached segment must hold, by the ids that it has: the last commit's version of each, in its
    /// order.
    private func content(of snapshot: Snapshot) throws -> Model.Content {
        var content = Model.Content()
        content.sequence = snapshot.sequence
        var keys: [DocumentKey] = []
        try snapshot.forEachDocument { keys.append($0.id) }
        for key in keys {
            guard let id = ModelDocuments.numberOfKey[key], let row = model.committed.rows[id] else {
                throw ModelFailure("detached \(key), which is not in the last commit")
            }
            content.rows[id] = row
        }
        return content
    }
}
