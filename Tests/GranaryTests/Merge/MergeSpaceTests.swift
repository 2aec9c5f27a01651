import Granary
import GranaryStorage
import Synchronization
import TestSupport
import Testing

/// Room that a merge takes on disk.
@Suite struct MergeSpaceTests {
    /// While the output grows, there are the inputs, the output and its rows in their stored form, which go
    /// as soon as they are in the output. The vectors as they are read, 8 bytes an entry, are nowhere.
    @Test func aMergeTakesLittleMoreRoomThanItsOutput() throws {
        let disk = MemoryFileSystem(seed: 1)
        let faulty = FaultyFileSystem(disk)
        let index = try Index.create(at: "/index", fileSystem: faulty)
        let writer = try index.writer(.small(exactBelow: 100_000))
        defer { writer.close() }
        var random = TestRandom(seed: 1)
        for half: UInt64 in 0..<2 {
            for number: UInt64 in 0..<2400 {
                let components = (0..<150).map { UInt32($0 * 8 + random.int(0...7)) }
                let weights = components.map { _ in random.float(0.1...2) }
                try writer.upsert(
                    Document(
                        id: .number(half * 2400 + number),
                        sparse: try SparseVector(components: components, weights: weights)))
            }
            _ = try writer.commit()
        }
        let inputs = Set(try disk.list("/index"))
        let peak = Mutex((temporary: UInt64(0), lastTemporary: UInt64(0), all: UInt64(0)))
        faulty.follow { call in
            guard call.kind == .write, call.path.hasSuffix(".blocks") else { return nil }
            var (temporary, all) = (UInt64(0), UInt64(0))
            for name in (try? disk.list("/index")) ?? [] {
                let length = (try? disk.status("/index/\(name)"))??.length ?? 0
                all += length
                if name.hasSuffix(".tmp") { temporary += length }
            }
            peak.withLock { $0 = (max($0.temporary, temporary), temporary, max($0.all, all)) }
            return nil
        }
        try writer.merge()
        faulty.follow(nil)
        let outputs = try disk.list("/index").filter { $0.hasSuffix(".blocks") && !inputs.contains($0) }
        #expect(outputs.count == 1)
        let length = try #require(try disk.status("/index/\(outputs[0])")).length
        let (temporary, lastTemporary, all) = peak.withLock { $0 }
        #expect(temporary > 0 && temporary < length, "\(temporary) beside an output of \(length)")
        #expect(lastTemporary == 0)
        #expect(all < 3 * length, "\(all) beside an output of \(length)")
    }
}
