import Granary
import GranaryStorage
import TestSupport
import Testing

/// An index opened with `ReadVerification.firstTouch`: whatever bit is damaged, an answer is the one of the
/// sound index or an error.
///
/// In a short run some bits of each section; with `GRANARY_LONG=1` up to 10,000 of each.
@Suite struct FirstTouchTests {
    /// Sections that are compared when they are first read, and those of other files: many bits of them are
    /// damaged in a short run, too.
    private static let manyBits: Set<String> = [
        "rows", "fine weights", "postings", "summaries", "impacts", "payload blocks", "places",
    ]
    private static let groups = 4

    private typealias Answers = [Result<String, GranaryError>]

    /// What an index says to questions of every kind.
    private static func answers(_ fileSystem: FixedFileSystem, _ verification: ReadVerification) throws
        -> Answers
    {
        let opened = Result { () throws(GranaryError) in
            try Index.open(at: TestIndex.path, fileSystem: fileSystem, verification: verification).snapshot()
        }
        guard case .success(let snapshot) = opened else { return [opened.map { _ in "" }] }
        let vector = try SparseVector(tokens: (0..<12).map { ("t\($0)", 1 + Float($0 % 4)) })
        let ids: [DocumentKey] = (0..<DamageIndex.documents).map {
            $0 % 3 == 0 ? .number(UInt64($0)) : .string("d\($0)")
        }
        var filtered = Query(sparse: vector, k: 5, recall: 0.9)
        filtered.filter = .range("n", FieldRange(lower: .excluding(.integer(9))))
        let dense = [Float](repeating: 0.75, count: 24)
        var queries = [
            Query(sparse: vector, k: 5, recall: 0.9), Query(sparse: vector, k: 100, settings: .everything),
            Query(sparse: vector, k: 5, exact: true), filtered,
            Query(sparse: vector, dense: dense, k: 99, candidates: 99, fusion: .linear(sparse: 1, dense: 1)),
        ]
        // A document that one list loses, or one summary hides, is found by none of the others.
        let strict = SearchSettings(listMass: 1, leastImpact: 0, estimateFactor: 1)
        for token in 0..<30 {
            queries.append(Query(sparse: try SparseVector(["t\(token)": 1]), k: 1, settings: strict))
        }
        var answers: Answers = queries.map { query in
            Result { () throws(GranaryError) in "\(try snapshot.search(query))" }
        }
        answers.append(Result { () throws(GranaryError) in "\(try snapshot.score(vector, ids: ids))" })
        answers.append(
            Result { () throws(GranaryError) in
                var documents: [Document] = []
                try snapshot.forEachDocument { documents.append($0) }
                return "\(documents)"
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

    private struct Place {
        var file: String
        var section: String
        var bit: Int
    }

    /// Bits of all sections of the newest generation's files: of each as many, all over it.
    private static func places(_ index: DamageIndex) throws -> [Place] {
        var places: [Place] = []
        for record in index.newest.files {
            let file = try Container.open(
                fileSystem: index.fileSystem, directory: TestIndex.path, record: record)
            for section in file.sections {
                let isOften = manyBits.contains(section.id.name)
                let wanted = Effort.isLong ? 10_000 : isOften ? 40 : 3
                // An odd number of bits, so that all bits of bytes have their turn.
                let step = (8 * section.count / wanted) | 1
                for bit in stride(from: step / 2, to: 8 * section.count, by: step) {
                    places.append(
                        Place(file: record.name, section: section.id.name, bit: 8 * section.offset + bit))
                }
            }
        }
        return places
    }

    @Test(arguments: Effort.groups(groups)) func noAnswerIsWrong(group: Int) throws {
        let index = try DamageIndex.shared.get()
        let sound = try Self.answers(index.fileSystem, .firstTouch)
        #expect(sound.count == 37 && sound.allSatisfy { (try? $0.get()) != nil })
        var (tried, refused) = (0, 0)
        for (number, place) in try Self.places(index).enumerated() where number % Self.groups == group {
            guard let damaged = Damage.bit(place.bit).apply(to: index.files[place.file] ?? [], other: [])
            else {
                continue
            }
            let fileSystem = index.fileSystem.replacing(place.file, with: damaged)
            let found = try Self.answers(fileSystem, .firstTouch)
            let wrong = Self.wrong(found, sound)
            #expect(wrong == nil, "\(place)")
            tried += 1
            refused += found.contains { (try? $0.get()) == nil } ? 1 : 0
        }
        #expect(refused > tried / 2)
        if Effort.isLong { print("first touch, group \(group): \(refused) of \(tried) refused") }
    }

    /// Each of these sections is one checksum block, which some answer needs: all damage of it is found.
    /// Without a comparison some of it changes answers, though not that of summaries: they decide which
    /// blocks are opened, of so few documents all.
    @Test func damageThatWouldChangeAnswersIsFound() throws {
        let index = try DamageIndex.shared.get()
        let sound = try Self.answers(index.fileSystem, .structure)
        var wrong: [String: Int] = [:]
        for place in try Self.places(index) where Self.manyBits.contains(place.section) {
            guard let damaged = Damage.bit(place.bit).apply(to: index.files[place.file] ?? [], other: [])
            else {
                continue
            }
            let fileSystem = index.fileSystem.replacing(place.file, with: damaged)
            let found = try Self.answers(fileSystem, .firstTouch)
            #expect(found.contains { isMismatch($0) }, "\(place)")
            if Self.wrong(try Self.answers(fileSystem, .structure), sound) != nil {
                wrong[place.section, default: 0] += 1
            }
        }
        #expect(Set(wrong.keys).union(["summaries"]) == Self.manyBits, "\(wrong)")
    }

    /// As many dead documents as before, but another one.
    @Test func aDeleteThatMovesIsFound() throws {
        let index = try DamageIndex.shared.get()
        let sound = try Self.answers(index.fileSystem, .structure)
        for record in index.newest.files where record.kind == .dead {
            let file = try Container.open(
                fileSystem: index.fileSystem, directory: TestIndex.path, record: record)
            var bytes = try #require(index.files[record.name])
            let place = try #require(file.sections.first?.offset)
            let isDead = (0..<30).map { bytes[place + $0 / 8] >> UInt8($0 % 8) & 1 == 1 }
            for bit in [
                try #require(isDead.firstIndex(of: true)), try #require(isDead.firstIndex(of: false)),
            ] {
                bytes[place + bit / 8] ^= 1 << UInt8(bit % 8)
            }
            let fileSystem = index.fileSystem.replacing(record.name, with: bytes)
            #expect(Self.wrong(try Self.answers(fileSystem, .structure), sound) != nil)
            let found = try Self.answers(fileSystem, .firstTouch)
            #expect(found.count == 1 && isMismatch(found[0]))
        }
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

    /// An index that is made with it compares, as one that is opened with it.
    @Test func anIndexIsMadeWithIt() throws {
        let disk = TestFileSystem()
        let index = try Index.create(at: TestIndex.path, fileSystem: disk, verification: .firstTouch)
        let writer = try index.writer()
        try writer.upsert(Document(id: .number(1), sparse: SparseVector(["x": 1])))
        _ = try writer.commit()
        writer.close()
        let manifest = try IndexDirectory.latestManifest(fileSystem: disk, path: TestIndex.path)
        let blocks = try #require(manifest.files.first { $0.kind == .blocks })
        let file = try Container.open(fileSystem: disk, directory: TestIndex.path, record: blocks)
        let rows = try #require(file.sections.first { $0.id.name == "rows" })
        let path = "\(TestIndex.path)/\(blocks.name)"
        var bytes = try #require(try disk.files(in: TestIndex.path)[blocks.name])
        bytes[rows.offset] ^= 1
        try disk.unlink(path)
        try disk.create(path).write(bytes.rawBytes, at: 0)
        #expect(errorCode { try index.snapshot().forEachDocument { _ in } } == .checksumMismatch)
    }
}
