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

    private struct State {
        var model: IndexModel
        var options = WriterOptions.small()
        var index: Index?
        var writer: IndexWriter?
        var prepared: (commit: PreparedCommit, number: UInt64)?
        var highGeneration: UInt64 = 1
        var kept: [(snapshot: Snapshot, documents: [Document])] = []
        var mistakes: [String] = []
    }

    let recording: RecordingFileSystem?
    let fileSystem: FaultyFileSystem
    /// What is done from inside the engine, when it next reports progress.
    let changes = ChangesDuringMerge()
    private let state: Mutex<State>

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

    private func raise(_ by: UInt64) {
        let high = state.withLock { state in
            let (sum, overflow) = state.highGeneration.addingReportingOverflow(by)
            state.highGeneration = overflow ? .max : sum
            return state.highGeneration
        }
        note(.highGeneration, high)
    }

    /// Takes note of what is durable now, and that nothing is under way.
    private func settle() throws(GranaryError) {
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
        let index = try Index.create(at: Self.path, fileSystem: fileSystem)
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
        let snapshot = try writer().refresh()
        mistaken(try IndexModel.difference(snapshot, model.live))
        keep(snapshot)
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

    // MARK: Segments

    func merge(to segments: Int = 1) throws(GranaryError) {
        // The merge, and a generation that lets go of its inputs.
        raise(2)
        try writer().merge(to: segments)
        try settle()
    }

    func waitForMerges() throws(GranaryError) {
        try writer().waitForMerges()
        try settle()
    }

    /// Notes that another index is there.
    private func isThere(_ path: String) { recording?.note("at:\(path)", 1) }

    /// Makes another index of some documents.
    func makeOther(_ path: String, _ documents: [Document]) throws(GranaryError) {
        state.withLock { $0.model.others[path] = IndexModel.Other(early: [[], documents], documents: documents) }
        let writer = try Index.create(at: path, fileSystem: fileSystem).writer(.small())
        defer { writer.close() }
        for document in documents { try writer.upsert(document) }
        _ = try writer.commit()
        isThere(path)
    }

    func backUp(to path: String, isVerified: Bool = false) throws(GranaryError) {
        let snapshot = try index().snapshot()
        state.withLock { state in
            let documents = state.model.committed
            state.model.others[path] = IndexModel.Other(early: [documents], documents: documents)
        }
        try snapshot.backup(to: path, isVerified: isVerified)
        isThere(path)
    }

    func attach(_ paths: [String]) throws(GranaryError) {
        try writer().attach(paths)
        state.withLock { state in
            for path in paths {
                for document in state.model.others[path]?.documents ?? [] { state.model.upsert(document) }
            }
        }
    }

    /// Takes out the segment that holds exactly these committed documents.
    func detach(_ numbers: [UInt64], to path: String) throws(GranaryError) {
        let ids = numbers.map { DocumentKey.number($0) }
        guard let segment = try segment(holding: ids) else {
            throw GranaryError(.notFound, "no segment of \(numbers)")
        }
        let fixed = state.withLock { state in
            let (committed, generation) = (state.model.committed, state.model.generation + 1)
            let gone = committed.filter { ids.contains($0.id) }
            state.model.others[path] = IndexModel.Other(
                early: [gone], documents: gone, isNeededFrom: generation)
            state.model.commits.append(
                IndexModel.Commit(
                    number: state.model.acknowledged, generation: generation,
                    documents: committed.filter { !gone.contains($0) }))
            return (gone, state.model.commits.count)
        }
        raise(1)
        do throws(GranaryError) {
            try writer().detach([segment], to: path)
        } catch {
            if error.code != .commitUncertain {
                state.withLock { state in
                    _ = state.model.commits.remove(at: fixed.1 - 1)
                    state.model.others[path]?.isNeededFrom = nil
                }
            }
            throw error
        }
        state.withLock { $0.model.live.removeAll { fixed.0.contains($0) } }
        isThere(path)
        try settle()
    }

    private func segment(holding ids: [DocumentKey]) throws(GranaryError) -> String? {
        let snapshot = try index().snapshot()
        let committed = model.committed.map(\.id)
        // Segments are in the order of insertion here, each with documents of its own.
        var place = 0
        for segment in snapshot.statistics().segments {
            let count = segment.documents - segment.dead
            if Set(committed[place..<place + count]) == Set(ids) { return segment.id }
            place += count
        }
        return nil
    }

    // MARK: Snapshots

    private func keep(_ snapshot: Snapshot) {
        state.withLock { $0.kept.append((snapshot, $0.model.live)) }
    }

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
