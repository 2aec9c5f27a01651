import Granary
import GranaryStorage

/// A live index and its model, taken through a program step by step.
///
/// What a full disk or a stall refuses must not have happened: the model stays as it is, and whatever follows
/// would show a difference.
package final class ModelRun {
    static let path = "index"

    let setup: ModelSetup
    let documents: ModelDocuments
    var disk: TestFileSystem
    var index: Index
    var writer: IndexWriter
    var model: Model
    var prepared: PreparedCommit?
    var slots = [HeldSnapshot?](repeating: nil, count: 3)
    /// An index beside this one: the last backup or detached segment.
    var copy: (path: String, content: Model.Content)?
    /// Whether the disk has little room.
    var isFull = false
    /// The newest generation that was seen.
    private var generation: UInt64 = 0
    /// Of the last name given to a directory or a disk.
    private var lastNumber = 0

    init(_ setup: ModelSetup) throws {
        self.setup = setup
        documents = try ModelDocuments.with(setup.names)
        disk = TestFileSystem()
        index = try Index.create(at: Self.path, schema: setup.schema, fileSystem: disk)
        writer = try index.writer(setup.options)
        model = Model(mistake: setup.mistake)
    }

    /// Closes the writer, whose merges would go on otherwise.
    deinit { writer.close() }

    /// Takes a new index through a program and looks at everything in the end.
    ///
    /// - Throws: what is wrong, and after which step.
    package static func run(_ program: [ModelOperation], _ setup: ModelSetup) throws {
        let run = try ModelRun(setup)
        for (number, operation) in program.enumerated() {
            do {
                try run.perform(operation)
                try run.checkAfterStep()
            } catch {
                throw ModelFailure("step \(number), \(operation): \(error)")
            }
        }
        do {
            try run.finish()
        } catch {
            throw ModelFailure("at the end: \(error)")
        }
    }

    func perform(_ operation: ModelOperation) throws {
        switch operation {
        case .upsert(let id, let version): try upsert(id, version)
        case .delete(let id):
            let sequence = try writer.delete(id: ModelDocuments.key(id))
            try expectSequence(sequence)
            model.delete([id])
        case .deleteAll(let ids):
            let count = try writer.delete(where: ids.map(ModelDocuments.key))
            let expected = model.delete(ids)
            try ModelFailure.unless(count == expected, "\(count) documents deleted, expected \(expected)")
        case .search(let slot, let query, let k): try held(slot).search(query, k: k)
        case .approximate(let slot, let query, let k, let tenths):
            try held(slot).approximate(query, k: k, recall: Double(tenths) / 10)
        case .lookUp(let slot, let id, let query): try held(slot).lookUp(id, query: query)
        case .verify(let slot): try held(slot).check()
        case .release(let slot):
            try slots[slot]?.check()
            slots[slot] = nil
        case .open(let slot): try hold(try committed(), slot)
        case .refresh(let slot): try refresh(slot)
        case .commit, .prepare, .publishPrepared, .abortPrepared, .rollback: try publish(operation)
        case .reopen: try reopen()
        case .kill: try kill()
        case .merge, .pauseMerges, .resumeMerges, .waitForMerges: try merge(operation)
        case .backup(let slot, let isVerified): try backup(slot, isVerified: isVerified)
        case .attachCopy: try attachCopy()
        case .attach(let first, let count, let version, let commits):
            try attach(first: first, count: count, version: version, commits: commits)
        case .detach(let segment): try detach(segment)
        case .openSecondWriter:
            let code = errorCode { _ = try index.writer(setup.options) }
            try ModelFailure.unless(code == .locked, "a second writer: \(String(describing: code))")
        case .fillDisk(let bytes):
            disk.limitWrites(to: bytes)
            isFull = true
        case .emptyDisk: emptyDisk()
        }
    }

    // MARK: What all steps use

    /// Does something that a full disk may refuse.
    ///
    /// - Returns: nil when it was refused, for that reason or one of `codes`.
    func attempt<Result>(
        allowing codes: Set<GranaryError.Code> = [], _ body: () throws -> Result
    ) throws -> Result? {
        do {
            return try body()
        } catch let error as GranaryError {
            guard codes.contains(error.code) || (isFull && error.code == .diskFull) else { throw error }
            return nil
        }
    }

    /// A number that has not been used for a path or a seed.
    func newNumber() -> Int {
        lastNumber += 1
        return lastNumber
    }

    func emptyDisk() {
        disk.limitWrites(to: nil)
        isFull = false
    }

    func expectSequence(_ sequence: UInt64) throws {
        try ModelFailure.unless(
            sequence == model.current.sequence,
            "the operation has number \(sequence), expected \(model.current.sequence)")
    }

    /// A snapshot of the last commit, by way of an index that knows no other or one that does.
    func committed() throws -> HeldSnapshot {
        let isNew = model.current.sequence % 2 == 0
        let index = isNew ? try Index.open(at: Self.path, fileSystem: disk) : self.index
        return try held(try index.snapshot(), model.committed)
    }

    private func held(_ snapshot: Snapshot, _ content: Model.Content) throws -> HeldSnapshot {
        try seen(snapshot.generation)
        return try HeldSnapshot(
            snapshot, content, documents, on: disk,
            isCommitted: content.sequence == model.committed.sequence)
    }

    /// The snapshot of a slot; a new one of the last commit where it is empty.
    func held(_ slot: Int) throws -> HeldSnapshot {
        if let held = slots[slot] { return held }
        let new = try committed()
        slots[slot] = new
        return new
    }

    /// Puts a snapshot into a slot, after a last look at the one that is there.
    func hold(_ new: HeldSnapshot, _ slot: Int) throws {
        try slots[slot]?.checkBriefly()
        slots[slot] = new
    }

    /// Generations only grow.
    func seen(_ number: UInt64) throws {
        try ModelFailure.unless(number >= generation, "generation \(number) after \(generation)")
        generation = number
    }

    private func checkAfterStep() throws {
        let (durable, expected) = (writer.durableSequence, model.committed.sequence)
        try ModelFailure.unless(
            durable == expected, "operations below \(durable) are durable, expected \(expected)")
        let counts = Model.Counts(added: writer.addedCount, replaced: writer.replacedCount)
        try ModelFailure.unless(
            counts == model.counts, "\(counts) since the last commit, expected \(model.counts)")
    }

    // MARK: Operations

    private func upsert(_ id: Int, _ version: Int) throws {
        let document = documents.document(id, version)
        var codes: Set<GranaryError.Code> = []
        if prepared != nil, setup.segmentDocuments <= ModelDocuments.idCount {
            // The buffer may be full, and the lane taken: a writer that waits for merges would wait for long.
            if setup.isAutomatic { try publish(.publishPrepared) }
            codes = [.stalled]
        }
        guard let sequence = try attempt(allowing: codes, { try writer.upsert(document) }) else {
            // Whoever stalls has to let the commit go.
            if prepared != nil { try publish(.publishPrepared) }
            return
        }
        try expectSequence(sequence)
        model.upsert(id, version: version)
    }

    private func refresh(_ slot: Int) throws {
        guard prepared == nil else { return }
        // It shows the user data of the last commit.
        var content = model.current
        content.userData = model.committed.userData
        try hold(try held(try writer.refresh(), content), slot)
    }
}
