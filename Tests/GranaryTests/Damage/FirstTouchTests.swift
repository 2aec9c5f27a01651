import Granary
import GranaryStorage
import TestSupport
import Testing

/// An index opened with `ReadVerification.firstTouch`: whatever bit is damaged, an answer is the one of the
/// sound index or an error.
///
/// In a short run every 2,003rd bit; with `GRANARY_LONG=1` every 29th.
@Suite struct FirstTouchTests {
    private static let groups = 4
    private static let step = Effort.isLong ? 29 : 2003

    private typealias Answers = [Result<String, GranaryError>]

    /// What an index says to questions of every kind, each on a snapshot that has read nothing before.
    private static func answers(
        _ fileSystem: FixedFileSystem, _ verification: ReadVerification
    ) throws -> Answers {
        let vector = try SparseVector(tokens: (0..<12).map { ("t\($0)", 1 + Float($0 % 4)) })
        let ids: [DocumentKey] = (0..<DamageIndex.documents).map {
            $0 % 3 == 0 ? .number(UInt64($0)) : .string("d\($0)")
        }
        let dense = [Float](repeating: 0.75, count: 24)
        var filtered = Query(sparse: vector, k: 5, recall: 0.9)
        filtered.filter = .range("n", FieldRange(lower: .excluding(.integer(9))))
        let queries = [
            Query(sparse: vector, k: 5, recall: 0.9), Query(sparse: vector, k: 100, exact: true),
            Query(sparse: vector, k: 100, settings: .everything),
            filtered,
            Query(sparse: vector, dense: dense, k: 5, candidates: 20, fusion: .linear(sparse: 1, dense: 1)),
        ]
        func answer(_ question: (Snapshot) throws(GranaryError) -> Any) -> Result<String, GranaryError> {
            Result { () throws(GranaryError) in
                let index = try Index.open(
                    at: TestIndex.path, fileSystem: fileSystem, verification: verification)
                return "\(try question(try index.snapshot()))"
            }
        }
        var answers = queries.map { query in
            answer { (snapshot) throws(GranaryError) in try snapshot.search(query) }
        }
        answers.append(answer { (snapshot) throws(GranaryError) in try snapshot.score(vector, ids: ids) })
        answers.append(
            answer { (snapshot) throws(GranaryError) in
                var documents: [Document] = []
                try snapshot.forEachDocument { documents.append($0) }
                return documents
            })
        return answers
    }

    /// The place of a wrong answer; nil where all are those of the sound index or errors.
    private static func wrong(_ found: Answers, _ sound: Answers) -> Int? {
        zip(found, sound).enumerated().first { _, pair in
            guard case .success(let found) = pair.0, case .success(let sound) = pair.1 else { return false }
            return found != sound
        }?.offset
    }

    @Test(arguments: Effort.groups(groups)) func noAnswerIsWrong(group: Int) throws {
        let index = try DamageIndex.shared.get()
        let sound = try Self.answers(index.fileSystem, .firstTouch)
        #expect(sound.allSatisfy { (try? $0.get()) != nil })
        var number = group * Self.step
        var refused = 0
        for name in index.names.sorted() {
            let bytes = try #require(index.files[name])
            while number < 8 * bytes.count {
                let damage = Damage.bit(number)
                number += Self.groups * Self.step
                guard let damaged = damage.apply(to: bytes, other: []) else { continue }
                let found = try Self.answers(index.fileSystem.replacing(name, with: damaged), .firstTouch)
                let place = Self.wrong(found, sound)
                #expect(place == nil, "\(name), \(damage)")
                refused += found.contains { (try? $0.get()) == nil } ? 1 : 0
            }
            number -= 8 * bytes.count
        }
        #expect(refused > 10)
    }

    /// What the other tests would find if nothing was compared: damage of rows that are well-formed still.
    @Test func damageChangesAnswersOfAnIndexOpenedWithoutIt() throws {
        let index = try DamageIndex.shared.get()
        let sound = try Self.answers(index.fileSystem, .structure)
        var (wrong, caught) = (0, 0)
        for record in index.newest.files where record.kind == .blocks {
            let file = try Container.open(
                fileSystem: index.fileSystem, directory: TestIndex.path, record: record)
            let rows = try #require(file.sections.first { $0.id.name == "rows" })
            let bytes = try #require(index.files[record.name])
            for bit in stride(from: 8 * rows.offset, to: 8 * (rows.offset + rows.count), by: 61) {
                guard let damaged = Damage.bit(bit).apply(to: bytes, other: []) else { continue }
                let fileSystem = index.fileSystem.replacing(record.name, with: damaged)
                guard Self.wrong(try Self.answers(fileSystem, .structure), sound) != nil else { continue }
                wrong += 1
                let found = try Self.answers(fileSystem, .firstTouch)
                caught += found.contains { isMismatch($0) } ? 1 : 0
            }
        }
        #expect(wrong > 10 && caught == wrong, "\(caught) of \(wrong)")
    }

    private func isMismatch(_ answer: Result<String, GranaryError>) -> Bool {
        if case .failure(let error) = answer { error.code == .checksumMismatch } else { false }
    }

    /// What a writer of such an index reads is compared as well.
    @Test func aWritersSnapshotsCompareToo() throws {
        let sound = try DamageIndex.shared.get()
        let blocks = try #require(sound.newest.files.first { $0.kind == .blocks })
        var files = sound.files
        let file = try Container.open(
            fileSystem: sound.fileSystem, directory: TestIndex.path, record: blocks)
        let rows = try #require(file.sections.first { $0.id.name == "rows" })
        files[blocks.name]?[rows.offset + rows.count - 1] ^= 1
        let disk = try TestFileSystem(files: files, in: TestIndex.path)
        let index = try Index.open(at: TestIndex.path, fileSystem: disk, verification: .firstTouch)
        let writer = try index.writer()
        defer { writer.close() }
        let snapshot = try writer.refresh()
        #expect(errorCode { try snapshot.forEachDocument { _ in } } == .checksumMismatch)
    }
}
