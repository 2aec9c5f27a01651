import Granary

/// What an index must hold: for each document its version and its place in the order of insertion.
struct Model {
    struct Row: Equatable {
        var version: Int
        /// The number of the operation that brought it.
        var order: UInt64
    }

    /// A generation, or what is to be one.
    struct Content {
        /// By number of the document.
        var rows = [Row?](repeating: nil, count: ModelDocuments.idCount)
        /// Of the next operation.
        var sequence: UInt64 = 0
        var userData: [UInt8] = []

        var count: Int { rows.count { $0 != nil } }

        /// Documents in order of insertion.
        var ordered: [(id: Int, version: Int)] {
            var found: [(id: Int, row: Row)] = []
            for (id, row) in rows.enumerated() { if let row { found.append((id, row)) } }
            found.sort { $0.row.order < $1.row.order }
            return found.map { ($0.id, $0.row.version) }
        }
    }

    /// Documents taken in, and those that replaced another, since the last commit.
    struct Counts: Equatable {
        var added = 0
        var replaced = 0
    }

    /// With everything that has been done.
    var current = Content()
    /// The last commit.
    var committed = Content()
    /// What the prepared commit will publish.
    var prepared: Content?
    private(set) var counts = Counts()
    private var preparedCounts = Counts()
    private let mistake: ModelMistake?

    init(mistake: ModelMistake?) { self.mistake = mistake }

    mutating func upsert(_ id: Int, version: Int) {
        let old = current.rows[id]
        var order = current.sequence
        if mistake == .replacingKeepsThePlace, let old { order = old.order }
        current.rows[id] = Row(version: version, order: order)
        current.sequence += 1
        counts.added += 1
        if old != nil { counts.replaced += 1 }
    }

    /// Deletes in one step; returns how many there were.
    @discardableResult
    mutating func delete(_ ids: [Int]) -> Int {
        current.sequence += 1
        var count = 0
        for id in ids where current.rows[id] != nil {
            current.rows[id] = nil
            count += 1
        }
        return count
    }

    /// Takes the documents of another index in, behind all others; returns how many.
    mutating func attach(_ other: Content) -> Int {
        let documents = other.ordered
        for (place, document) in documents.enumerated() {
            if current.rows[document.id] != nil { counts.replaced += 1 }
            current.rows[document.id] = Row(
                version: document.version, order: current.sequence + UInt64(place))
        }
        current.sequence += other.sequence
        counts.added += documents.count
        return documents.count
    }

    /// Takes documents of the last commit out, and from what has been done where they have not been replaced
    /// since.
    mutating func detach(_ ids: [Int]) {
        for id in ids {
            if current.rows[id] == committed.rows[id] { current.rows[id] = nil }
            committed.rows[id] = nil
        }
    }

    mutating func prepare(_ userData: [UInt8]?) {
        var content = current
        content.userData = userData ?? committed.userData
        (prepared, preparedCounts) = (content, counts)
    }

    mutating func publish() {
        guard var content = prepared else { return }
        if mistake == .publishesWhatCameLater { content.rows = current.rows }
        committed = content
        counts.added -= preparedCounts.added
        counts.replaced -= preparedCounts.replaced
        prepared = nil
    }

    mutating func abort() { prepared = nil }

    /// Numbers of operations are not used again.
    mutating func rollback() {
        prepared = nil
        for id in current.rows.indices {
            if mistake == .rollbackForgetsDeletes, current.rows[id] == nil { continue }
            current.rows[id] = committed.rows[id]
        }
        counts = Counts()
    }

    /// A new writer begins with what is committed.
    mutating func reopen() {
        rollback()
        current.sequence = committed.sequence
    }
}
