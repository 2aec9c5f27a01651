import GranaryStorage
import TestSupport
import Testing

@testable import Granary

/// Dense vectors replaced under documents that stay.
@Suite struct ReplaceDenseTests {
    private static let seeds = 1...UInt64(Effort.isLong ? 200 : 12)

    private func pairs(
        _ pairs: (id: DocumentKey, vector: [Float]?)...
    ) -> [(id: DocumentKey, vector: [Float]?)] { pairs }

    /// Makes changes up from a seed.
    private struct Maker {
        var random: TestRandom
        var version: UInt64 = 1
        let range: ClosedRange<Int>

        private mutating func id() -> UInt64 { UInt64(random.int(range)) }
        private mutating func ids(_ most: Int) -> [UInt64] { (0..<random.int(1...most)).map { _ in id() } }

        mutating func change() -> DenseStory.Change {
            version += 1
            switch random.int(0...9) {
            case 0...2: return .upsert(ids(6), version: version, hasVector: random.int(0...3) > 0)
            case 3: return .delete(ids(3))
            case 4: return .commit
            default: return replacement(ids(12))
            }
        }

        /// Some of them twice, some for none.
        mutating func replacement(_ ids: [UInt64]) -> DenseStory.Change {
            let version = version
            return .replace(
                ids.map { ($0, random.int(0...4) == 0 ? nil : version + UInt64(random.int(0...2))) })
        }
    }

    @Test(arguments: seeds) func areWhatADictionarySays(_ seed: UInt64) throws {
        var maker = Maker(random: TestRandom(seed: seed), range: 0...30)
        let story = try DenseStory(dimensions: 5, segmentDocuments: seed % 3 == 0 ? 4 : 1 << 30)
        defer { story.writer.close() }
        for _ in 0..<40 {
            switch maker.random.int(0...12) {
            case 0: try story.rollback()
            case 1: try story.merge()
            case 2...3:
                // A flush from inside of a flush would wait for itself.
                try story.merge(during: (0..<maker.random.int(1...4)).map { _ in maker.change() })
            case 4: try story.checkFiles()
            default: try story.apply(maker.change())
            }
            try story.check()
        }
        try story.checkFiles()
    }

    /// Files so large that they stay in use when a few of their rows are replaced.
    @Test(arguments: seeds.prefix(2)) func areWhatADictionarySaysInLargeFiles(_ seed: UInt64) throws {
        var maker = Maker(random: TestRandom(seed: seed), version: 1, range: 0...30)
        let story = try DenseStory(dimensions: 8192)
        defer { story.writer.close() }
        try story.apply(.upsert(Array(0..<600), version: 1, hasVector: true))
        try story.apply(.commit)
        func denseFiles() throws -> Set<String> {
            Set(try story.test.index.snapshot().manifest.files.filter { $0.kind == .dense }.map(\.name))
        }
        let first = try denseFiles()
        try story.apply(maker.replacement([1, 2, 3, 599]))
        try story.apply(.commit)
        #expect(try denseFiles().count == 2 && denseFiles().isSuperset(of: first))
        for round in 0..<8 {
            let from = UInt64(maker.random.int(0...450))
            switch round % 4 {
            case 0: try story.merge(during: [maker.change(), maker.change(), .commit, maker.change()])
            case 1: try story.apply(maker.replacement(Array(from..<from + 60)))
            case 2: try story.merge(during: [maker.replacement(Array(from..<from + 120)), maker.change()])
            default: try story.rollback()
            }
            try story.check(every: 7)
        }
        try story.apply(.replace((0..<600).map { ($0, 1000) }))
        try story.check(every: 7)
        try story.checkFiles()
        #expect(try denseFiles().count == 1 && denseFiles().isDisjoint(with: first))
    }

    /// The file that the output was to share has left the index before the output is published.
    @Test(arguments: [false, true]) func doNotLeaveAMergeWithoutItsFile(_ replaces: Bool) throws {
        let story = try DenseStory(dimensions: 8192)
        defer { story.writer.close() }
        try story.apply(.upsert(Array(0..<520), version: 1, hasVector: true))
        try story.apply(.commit)
        try story.apply(.upsert([1000, 1001], version: 1, hasVector: true))
        try story.apply(.commit)
        let all = Array(UInt64(0)..<520)
        let gone = replaces ? DenseStory.Change.replace(all.map { ($0, 2) }) : .delete(all)
        let large = try story.test.index.snapshot().manifest.files.filter { $0.length > 16 << 20 }
        #expect(large.count == 1 && large[0].kind == .dense)
        #expect(try story.merge(during: [gone, .commit, .commit, .commit]))
        try story.check(every: 7)
        try story.checkFiles()
        try story.check(every: 7)
    }

    @Test func touchNothingElse() throws {
        let story = try DenseStory(dimensions: 3)
        defer { story.writer.close() }
        try story.apply(.upsert(Array(0..<20), version: 1, hasVector: true))
        try story.apply(.commit)
        let before = try story.test.files()
        let count = try story.writer.replaceDense(
            pairs(
                (3, [1, 2, 3]), (77, [1, 1, 1]), (3, [3, 2, 1]), (4, nil),
            ))
        #expect(count == 2)
        #expect(try story.test.index.snapshot().document(id: 3)?.dense == story.vector(3, 1))
        let receipt = try story.writer.commit()
        #expect(receipt.documents == 20)
        let snapshot = try story.test.index.snapshot()
        #expect(try snapshot.document(id: 3)?.dense == [3, 2, 1])
        #expect(try snapshot.document(id: 4)?.dense == nil)
        let after = try story.test.files()
        #expect(
            try Set(after.keys).subtracting(before.keys).filter { $0.contains(".") }.allSatisfy {
                $0.hasSuffix(".dense")
            })
        #expect(before.allSatisfy { $0.key.hasPrefix("MANIFEST") || after[$0.key] == $0.value })
        #expect(snapshot.statistics().segments.count == 1)
    }

    @Test func changeNothingWhenOneIsBad() throws {
        let story = try DenseStory(dimensions: 3)
        defer { story.writer.close() }
        try story.apply(.upsert(Array(0..<5), version: 1, hasVector: true))
        try story.apply(.commit)
        try story.apply(.upsert([7], version: 2, hasVector: true))
        let files = try Set(story.test.files().keys)
        for bad in [[1, 2], [1, .nan, 3]] as [[Float]] {
            #expect(
                errorCode { try story.writer.replaceDense(pairs((1, [0, 0, 0]), (2, bad))) }
                    == .invalidArgument)
        }
        #expect(
            errorCode { try story.writer.replaceDense(pairs((1, [0, 0, 0]), ("", nil))) } == .invalidArgument)
        #expect(try Set(story.test.files().keys) == files)
        #expect(story.writer.statistics.bufferedDocuments == 1)
        try story.check()
        let sparse = try TestIndex()
        let writer = try sparse.index.writer(.small())
        defer { writer.close() }
        #expect(errorCode { try writer.replaceDense(pairs((1, [1]))) } == .invalidArgument)
    }

    @Test func changeNothingWhenTheDiskIsFull() throws {
        let story = try DenseStory(dimensions: 500)
        defer { story.writer.close() }
        try story.apply(.upsert(Array(0..<50), version: 1, hasVector: true))
        try story.apply(.commit)
        try story.apply(.upsert(Array(100..<150), version: 1, hasVector: true))
        try story.apply(.commit)
        let files = try story.test.files()
        for room in stride(from: 0, to: 200_000, by: 20_000) {
            story.test.fileSystem.limitWrites(to: room)
            let code = errorCode {
                try story.applyToIndex(.replace((0..<150).map { ($0, 2) }))
            }
            #expect(code == .diskFull)
            #expect(try story.test.files() == files)
        }
        story.test.fileSystem.limitWrites(to: nil)
        try story.check(every: 7)
        try story.apply(.replace((0..<150).map { ($0, 2) }))
        try story.check(every: 7)
        try story.checkFiles()
    }

    @Test func goAwayWithTheWriterUnlessCommitted() throws {
        let story = try DenseStory(dimensions: 3)
        try story.apply(.upsert(Array(0..<5), version: 1, hasVector: true))
        try story.apply(.commit)
        let files = try Set(story.test.files().keys)
        try story.apply(.replace([(1, 5)]))
        #expect(try Set(story.test.files().keys).count == files.count + 1)
        story.writer.close()
        #expect(try Set(story.test.files().keys) == files)
        #expect(try story.test.index.snapshot().document(id: 1)?.dense == story.vector(1, 1))
    }
}
