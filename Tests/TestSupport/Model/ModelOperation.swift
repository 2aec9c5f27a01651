/// A step of a random program. Steps that make no sense where they stand, as a commit while another is
/// prepared, do nothing, so that a program stays one whatever is taken out of it.
package enum ModelOperation: Sendable, Equatable {
    /// Adds a version of a document.
    case upsert(id: Int, version: Int)
    case delete(id: Int)
    /// Deletes in one step.
    case deleteAll(ids: [Int])
    /// A snapshot of everything, kept in a slot.
    case refresh(slot: Int)
    case commit(userData: UInt8?)
    case prepare(userData: UInt8?)
    case publishPrepared
    /// By a call, or by letting it go.
    case abortPrepared(isLetGo: Bool)
    case rollback
    /// Closes the writer and opens another.
    case reopen
    /// The process dies, and another opens what is on disk.
    case kill
    /// A snapshot of the last commit, kept in a slot.
    case open(slot: Int)
    /// An exact search of a slot, or of the last commit where it is empty.
    case search(slot: Int, query: Int, k: Int)
    /// A search for a share of the true best, in tenths.
    case approximate(slot: Int, query: Int, k: Int, tenths: Int)
    /// Score, document, payload.
    case lookUp(slot: Int, id: Int, query: Int)
    /// Everything in a slot, and its files.
    case verify(slot: Int)
    /// Looks at a slot a last time.
    case release(slot: Int)
    case merge(to: Int)
    case pauseMerges
    case resumeMerges
    case waitForMerges
    /// Copies the generation of a slot, or the last commit where it is empty, and compares the copy; it is
    /// kept for `attachCopy`.
    case backup(slot: Int, isVerified: Bool)
    /// Attaches the last backup or detached segment.
    case attachCopy
    /// Attaches an index of some documents, made with so many commits.
    case attach(first: Int, count: Int, version: Int, commits: Int)
    /// Moves one segment out, into an index that is kept for `attachCopy`.
    case detach(segment: Int)
    /// Another writer, which must find the lock taken.
    case openSecondWriter
    /// The disk has room for so many more bytes.
    case fillDisk(bytes: Int)
    case emptyDisk
}

extension ModelOperation {
    /// Steps that may stand for this one when a program is made simpler.
    package var simpler: [ModelOperation] {
        switch self {
        case .upsert(let id, let version):
            Self.lower(id).map { .upsert(id: $0, version: version) }
                + Self.lower(version).map { .upsert(id: id, version: $0) }
        case .delete(let id): Self.lower(id).map { .delete(id: $0) }
        case .deleteAll(let ids):
            ids.indices.map { position in
                var fewer = ids
                fewer.remove(at: position)
                return .deleteAll(ids: fewer)
            } + (ids.count == 1 ? [.delete(id: ids[0])] : [])
        case .refresh(let slot): Self.lower(slot).map { .refresh(slot: $0) }
        case .commit(let userData): userData == nil ? [] : [.commit(userData: nil)]
        case .prepare(let userData): userData == nil ? [] : [.prepare(userData: nil)]
        case .reopen: [.rollback]
        case .kill: [.reopen]
        case .open(let slot): Self.lower(slot).map { .open(slot: $0) }
        case .search(let slot, let query, let k):
            Self.lower(slot).map { .search(slot: $0, query: query, k: k) }
                + Self.lower(query).map { .search(slot: slot, query: $0, k: k) }
                + Self.lower(k, least: 1).map { .search(slot: slot, query: query, k: $0) }
        case .approximate(let slot, let query, let k, let tenths):
            [.search(slot: slot, query: query, k: k)]
                + Self.lower(query).map { .approximate(slot: slot, query: $0, k: k, tenths: tenths) }
                + Self.lower(k, least: 1).map {
                    .approximate(slot: slot, query: query, k: $0, tenths: tenths)
                }
        case .lookUp(let slot, let id, let query):
            Self.lower(slot).map { .lookUp(slot: $0, id: id, query: query) }
                + Self.lower(id).map { .lookUp(slot: slot, id: $0, query: query) }
                + Self.lower(query).map { .lookUp(slot: slot, id: id, query: $0) }
        case .verify(let slot): Self.lower(slot).map { .verify(slot: $0) }
        case .release(let slot): [.verify(slot: slot)]
        case .merge(let count): Self.lower(count, least: 1).map { .merge(to: $0) }
        case .backup(let slot, let isVerified):
            Self.lower(slot).map { .backup(slot: $0, isVerified: isVerified) }
                + (isVerified ? [.backup(slot: slot, isVerified: false)] : [])
        case .attach(let first, let count, let version, let commits):
            Self.lower(count, least: 1).map {
                .attach(first: first, count: $0, version: version, commits: commits)
            }
                + Self.lower(commits, least: 1).map {
                    .attach(first: first, count: count, version: version, commits: $0)
                }
                + Self.lower(first).map {
                    .attach(first: $0, count: count, version: version, commits: commits)
                }
                + Self.lower(version).map {
                    .attach(first: first, count: count, version: $0, commits: commits)
                }
        case .detach(let segment): Self.lower(segment).map { .detach(segment: $0) }
        case .abortPrepared(let isLetGo): isLetGo ? [.abortPrepared(isLetGo: false)] : []
        case .fillDisk(let bytes): Self.lower(bytes).map { .fillDisk(bytes: $0) }
        case .publishPrepared, .rollback, .pauseMerges, .resumeMerges, .waitForMerges, .attachCopy,
            .openSecondWriter, .emptyDisk:
            []
        }
    }

    /// Smaller numbers, the smallest first.
    private static func lower(_ number: Int, least: Int = 0) -> [Int] {
        number <= least ? [] : number == least + 1 ? [least] : [least, (least + number) / 2, number - 1]
    }
}
