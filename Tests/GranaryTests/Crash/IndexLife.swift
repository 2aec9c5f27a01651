import Granary
import GranaryStorage
import Synchronization
import TestSupport

/// An index in the hands of a script. Whatever the script does to it is done to a model too, and said to the
/// recording, if there is one: what has begun and what may be relied on.
final class IndexLife: Sendable {
    static let path = "/d"
    /// Notes of the recording: commits by number and generations, acknowledged and begun.
    enum Note: String { case lowCommit, highCommit, lowGeneration, highGeneration, lostFrom, lostTo }

    struct State {
        var model: IndexModel
        var options = WriterOptions.small()
        var schema = Schema()
        var index: Index?
        var writer: IndexWriter?
        var prepared: (commit: PreparedCommit, number: UInt64)?
        var highGeneration: UInt64 = 1
        var kept: [(snapshot: Snapshot, documents: [Document])] = []
        var mistakes: [String] = []
        var firstImage = 0
    }

    let recording: RecordingFileSystem?
    let fileSystem: FaultyFileSystem
    /// What is done from inside the engine, when it next reports progress.
    let changes = ChangesDuringMerge()
    let state: Mutex<State>

    /// - Parameters:
    ///   - entries: what is there already, which the model describes.
    ///   - rule: what becomes of calls, as in a mutant of the engine.
    init(
        _ model: IndexModel = IndexModel(), from entries: [String: MemoryFileSystem.Entry] = [:],
        isRecorded: Bool = true, rule: FaultyFileSystem.Rule? = nil, seed: UInt64 = 1
    ) {
        let recording = isRecorded ? RecordingFileSystem(from: entries, seed: seed) : nil
        self.recording = recording
        fileSystem = FaultyFileSystem(recording ?? MemoryFileSystem(entries, seed: seed), rule: rule)
        state = Mutex(State(model: model))
        setOptions { _ in }
    }

    /// Goes on with what a crash has left of another life, as far as its notes say what that may be.
    convenience init(_ model: IndexModel, after image: CrashImage, seed: UInt64) {
        self.init(model, from: image.entries, seed: seed)
        for (name, value) in image.notes.sorted(by: { $0.key < $1.key }) { recording?.note(name, value) }
        let high = image.notes[Note.highGeneration.rawValue] ?? 0
        state.withLock { $0.highGeneration = high }
        beginImages()
    }

    /// Crashes are of interest from now on.
    func beginImages() { state.withLock { $0.firstImage = recording?.operations.count ?? 0 } }

    /// The operation after which the first crash is of interest.
    var firstImage: Int { state.withLock { $0.firstImage } }

    // MARK: What is known

    var model: IndexModel { state.withLock { $0.model } }
    /// Where the engine and the model have differed.
    var mistakes: [String] { state.withLock { $0.mistakes } }
    /// Why the writer is of no use any more; nil while it is.
    var isUsable: Bool {
        state.withLock { $0.writer }.map { $0.statistics.poison == nil } ?? false
    }

    func writer() throws(GranaryError) -> IndexWriter {
        guard let writer = state.withLock({ $0.writer }) else {
            throw GranaryError(.writerPoisoned, "the script has no writer")
        }
        return writer
    }

    func index() throws(GranaryError) -> Index {
        if let index = state.withLock({ $0.index }) { return index }
        let index = try Index.open(at: Self.path, fileSystem: fileSystem)
        state.withLock { $0.index = index }
        return index
    }

    func mistaken(_ text: String?) { if let text { state.withLock { $0.mistakes.append(text) } } }

    /// Says how the next writer is to work.
    func setOptions(_ change: @Sendable (inout WriterOptions) -> Void) {
        let changes = changes
        state.withLock { state in
            change(&state.options)
            state.options.progress = { _ in changes.run() }
        }
    }

    /// Generations come by themselves from now on, so that their number says less.
    func expectAutomaticMerges() { raise(.max) }

    // MARK: Notes

    func note(_ note: Note, _ value: UInt64) { recording?.note(note.rawValue, value) }

    func raise(_ by: UInt64) {
        let high = state.withLock { state in
            let (sum, overflow) = state.highGeneration.addingReportingOverflow(by)
            state.highGeneration = overflow ? .max : sum
            return state.highGeneration
        }
        note(.highGeneration, high)
    }

    /// Takes note of what is durable now, and that nothing is under way.
    func settle() throws(GranaryError) {
        let newest = try IndexDirectory.newestGeneration(fileSystem: fileSystem, path: Self.path)
        let high = state.withLock { state in
            state.model.generation = newest
            if state.highGeneration < .max { state.highGeneration = newest }
            return state.highGeneration
        }
        note(.lowGeneration, newest)
        note(.highGeneration, high)
    }

    // MARK: Life

    func create() throws(GranaryError) {
        raise(0)
        let index = try Index.create(
            at: Self.path, schema: state.withLock { $0.schema }, fileSystem: fileSystem)
        state.withLock { state in
            state.index = index
            state.model.generation = 1
        }
        note(.lowGeneration, 1)
        try open()
    }

    /// Takes the index for writing, and relies on what is there from now on.
    func open() throws(GranaryError) {
        let (options, old) = state.withLock { state in
            defer { (state.writer, state.prepared) = (nil, nil) }
            return (state.options, state.writer)
        }
        old?.close()
        let index = try index()
        let writer = try index.writer(options)
        let snapshot = try index.snapshot()
        let number = IndexModel.number(snapshot.userData)
        let lost = state.withLock { state in
            state.writer = writer
            let lost = state.model.lastNumber
            (state.model.acknowledged, state.model.generation) = (number, snapshot.generation)
            state.model.live = state.model.committed
            if state.highGeneration < .max { state.highGeneration = snapshot.generation }
            return lost
        }
        mistaken(try IndexModel.difference(snapshot, model.live))
        note(.lowCommit, number)
        note(.highCommit, number)
        note(.lowGeneration, snapshot.generation)
        raise(0)
        // What had begun and is not there never comes.
        note(.lostFrom, number + 1)
        note(.lostTo, lost)
    }

    func close() {
        let writer = state.withLock { state in
            defer { (state.writer, state.prepared) = (nil, nil) }
            return state.writer
        }
        writer?.close()
        state.withLock { $0.model.live = $0.model.committed }
    }

    func upsert(_ numbers: [UInt64], _ version: UInt64) throws(GranaryError) {
        for number in numbers {
            let document = try IndexModel.document(number, version)
            try writer().upsert(document)
            state.withLock { $0.model.upsert(document) }
        }
    }

    func delete(_ numbers: [UInt64]) throws(GranaryError) {
        for number in numbers {
            try writer().delete(id: .number(number))
            state.withLock { $0.model.delete([.number(number)]) }
        }
    }

    /// Documents may have dense vectors in the index that is made next.
    func allowDense() {
        state.withLock { $0.schema.dense = DenseSchema(dimensions: IndexModel.dimensions) }
    }

    func replaceDense(_ numbers: [UInt64], _ version: UInt64) throws(GranaryError) {
        let vectors = numbers.map {
            (id: DocumentKey.number($0), vector: Optional(IndexModel.vector($0, version)))
        }
        let count = try writer().replaceDense(vectors)
        let expected = state.withLock { $0.model.replaceDense(numbers, version) }
        if count != expected { mistaken("replaced the vectors of \(count) of \(numbers)") }
    }

    func delete(where numbers: [UInt64]) throws(GranaryError) {
        let ids = numbers.map { DocumentKey.number($0) }
        let count = try writer().delete(where: ids)
        let isRight = state.withLock { state in
            defer { state.model.delete(ids) }
            return state.model.live.count { ids.contains($0.id) } == count
        }
        if !isRight { mistaken("deleted \(count) of \(ids)") }
    }

    func refresh() throws(GranaryError) {
        // What comes from inside the engine meanwhile is not part of it.
        let documents = model.live
        let snapshot = try writer().refresh()
        mistaken(try IndexModel.difference(snapshot, documents))
        state.withLock { $0.kept.append((snapshot, documents)) }
    }

    func rollback() throws(GranaryError) {
        try writer().rollback()
        state.withLock { state in
            state.model.live = state.model.committed
            if let prepared = state.prepared {
                state.model.commits.removeAll { $0.number == prepared.number }
            }
            state.prepared = nil
        }
    }

    // MARK: Commits

    /// A number for a commit of everything so far.
    private func begin() -> UInt64 {
        state.withLock { state in
            state.model.lastNumber += 1
            state.model.commits.append(
                IndexModel.Commit(
                    number: state.model.lastNumber, generation: state.model.generation + 1,
                    documents: state.model.live))
            return state.model.lastNumber
        }
    }

    private func publish(
        _ number: UInt64, _ body: () throws(GranaryError) -> CommitReceipt
    ) throws(GranaryError) {
        note(.highCommit, number)
        raise(1)
        let receipt: CommitReceipt
        do throws(GranaryError) {
            receipt = try body()
        } catch {
            failed(number, error)
            throw error
        }
        let count = state.withLock { state in
            (state.model.acknowledged, state.model.generation) = (number, receipt.generation)
            return state.model.committed.count
        }
        note(.lowCommit, number)
        note(.lowGeneration, receipt.generation)
        if count != receipt.documents { mistaken("a receipt of \(receipt.documents) documents") }
    }

    /// A commit that has failed may yet be there when its outcome is in doubt, and else never.
    private func failed(_ number: UInt64, _ error: GranaryError) {
        guard error.code != .commitUncertain else { return }
        state.withLock { state in state.model.commits.removeAll { $0.number == number } }
        note(.highCommit, state.withLock { $0.model.acknowledged })
    }

    func commit() throws(GranaryError) {
        let number = begin()
        try publish(number) { () throws(GranaryError) in
            try writer().commit(userData: IndexModel.bytes(number))
        }
    }

    func prepare() throws(GranaryError) {
        let number = begin()
        do throws(GranaryError) {
            let prepared = try writer().prepareCommit(userData: IndexModel.bytes(number))
            state.withLock { $0.prepared = (prepared, number) }
        } catch {
            failed(number, error)
            throw error
        }
    }

    func commitPrepared() throws(GranaryError) {
        guard let (commit, number) = state.withLock({ $0.prepared }) else {
            throw GranaryError(.invalidArgument, "nothing is prepared")
        }
        state.withLock { $0.prepared = nil }
        try publish(number) { () throws(GranaryError) in try commit.commit() }
    }

    func abortPrepared() {
        guard let (commit, number) = state.withLock({ $0.prepared }) else { return }
        commit.abort()
        state.withLock { state in
            state.prepared = nil
            state.model.commits.removeAll { $0.number == number }
        }
    }

    // MARK: Snapshots

    /// Keeps a snapshot of what is committed.
    func keepCommitted() throws(GranaryError) {
        let snapshot = try index().snapshot()
        state.withLock { $0.kept.append((snapshot, $0.model.committed)) }
    }

    /// That snapshots answer as when they were taken.
    func checkKept() throws(GranaryError) {
        for (snapshot, documents) in state.withLock({ $0.kept }) {
            mistaken(try IndexModel.difference(snapshot, documents))
        }
    }
}
