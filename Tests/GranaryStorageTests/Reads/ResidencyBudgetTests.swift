import CGranary
@testable import GranaryStorage
import Synchronization
import TestSupport
import Testing

@Suite("The residency budget")
struct ResidencyBudgetTests {
    private let geometry = PageWindows(mappedBytes: 1 << 30, address: 0, pageBytes: 4096)

    /// What was given back.
    private final class Drops: Sendable {
        private let state = Mutex<[(index: Int, readHere: UInt32)]>([])
        func note(_ index: Int, _ readHere: UInt32) { state.withLock { $0.append((index, readHere)) } }
        var all: [(index: Int, readHere: UInt32)] { state.withLock { $0 } }
        var indices: [Int] { all.map(\.index) }
    }

    private func make(windows: Int) -> (ResidencyBudget, Drops) {
        let (drops, geometry) = (Drops(), geometry)
        let budget = ResidencyBudget(budgetBytes: windows << 16, geometry: geometry) { window, readHere in
            drops.note(geometry.index(at: Int(window.offset)), readHere)
        }
        return (budget, drops)
    }

    private func batch(_ indices: [Int], wanted: UInt32 = 0xffff, resident: UInt32 = 0) -> [granary_window] {
        indices.map { index in
            var window = geometry.window(index)
            (window.wanted, window.resident) = (wanted, resident)
            return window
        }
    }

    @Test("gives the oldest back, and spares for a round what was used again")
    func clock() throws {
        let (budget, drops) = make(windows: 3)
        for index in [1, 2, 3, 1, 4] {
            try budget.admit(batch([index]))
            budget.release(batch([index]))
        }
        #expect(drops.indices == [2])
        for index in [5, 6, 7] {
            try budget.admit(batch([index]))
            budget.release(batch([index]))
        }
        #expect(drops.indices == [2, 3, 4, 1])
        #expect(budget.countedBytes == 3 << 16)
        budget.clear()
        #expect(budget.countedBytes == 0)
        #expect(Set(drops.indices) == [1, 2, 3, 4, 5, 6, 7])
    }

    @Test("counts pages, and gives back from the cache only what was read here")
    func countsPages() throws {
        let (budget, drops) = make(windows: 1)
        try budget.admit(batch([9], wanted: 0b0110, resident: 0b1100))
        #expect(budget.countedBytes == 3 * 4096)
        try budget.admit(batch([9], wanted: 0b0001, resident: 0b1110))
        #expect(budget.countedBytes == 4 * 4096)
        budget.release(batch([9, 9]))
        budget.clear()
        #expect(drops.all.map(\.readHere) == [0b0011])
    }

    @Test("keeps what is in use, and refuses what has no room beside it")
    func pins() throws {
        let (budget, drops) = make(windows: 4)
        try budget.admit(batch([1, 2, 3]))
        #expect(errorCode { try budget.admit(batch([4, 5])) } == .tooLarge)
        #expect(!drops.indices.contains { $0 < 4 })
        #expect(budget.countedBytes <= 4 << 16)
        try budget.admit(batch([6]))
        budget.release(batch([1, 2, 3]))
        try budget.admit(batch([7, 8, 9]))
        #expect(Set(drops.indices).isSuperset(of: [1, 2, 3]))
        #expect(!drops.indices.contains(6))
        #expect(errorCode { try budget.admit(batch([1, 2, 3, 4, 5])) } == .tooLarge)
    }

    @Test("stays within its bound for random batches", arguments: 0..<10)
    func bound(seed: UInt64) throws {
        var random = TestRandom(seed: seed)
        let (budget, drops) = make(windows: 32)
        var held: [[granary_window]] = []
        for _ in 0..<600 {
            let indices = Set((0..<random.int(1...8)).map { _ in random.int(0...100) }).sorted()
            let windows = batch(indices, wanted: UInt32(random.int(1...0xffff)))
            let before = drops.indices.count
            if errorCode({ try budget.admit(windows) }) == nil { held.append(windows) }
            let inUse = Set(held.joined().map { geometry.index(at: Int($0.offset)) })
            #expect(inUse.isDisjoint(with: drops.indices[before...]), "seed \(seed)")
            #expect(budget.countedBytes <= 32 << 16, "seed \(seed)")
            if held.count > 3 { budget.release(held.remove(at: random.int(0...3))) }
        }
        #expect(drops.indices.count > 100, "seed \(seed)")
    }
}

#if os(Linux)
    @Suite("A mapping under a residency budget")
    struct ResidentSetTests {
        /// Touches the ranges; the sum keeps the reads.
        private func sum(_ bytes: RawSpan, _ ranges: [Range<Int>]) -> Int {
            ranges.reduce(0) {
                unsafe $0 + Int(bytes.unsafeLoad(fromByteOffset: $1.lowerBound, as: UInt8.self))
            }
        }

        @Test("holds no more of the file than it may", arguments: ReadMethod.allCases, [false, true])
        func bound(method: ReadMethod, isWarm: Bool) throws {
            let fixture = try ReadFixture(lengthBytes: 24 << 20)
            try fixture.makeCold()
            if isWarm { _ = try fixture.file.read(at: 0, count: fixture.content.count) }
            let budget = 2 << 20
            let reader = try fixture.reader(method, residentBytes: budget)
            var (random, most, total) = (TestRandom(seed: 3), 0, 0)
            for _ in 0..<60 {
                let ranges = (0..<30).map { _ in random.int(0...(24 << 20 - 1024)) }.sorted().map {
                    $0..<$0 + 1024
                }
                let resident = try reader.whenResident(ranges) { bytes in
                    total += sum(bytes, ranges)
                    return try? fixture.residentSetBytes()
                }
                most = max(most, resident ?? .max)
            }
            #expect(total > 0)
            #expect(most <= budget)
            #expect(most > budget / 16)
            if !isWarm, method == .ring || method == .parallel {
                // What was read for the mapping and given back is not in the page cache either.
                #expect(fixture.mapping.residentBytes(0..<24 << 20) <= budget)
            }
            reader.releaseMemory()
            #expect(try fixture.residentSetBytes() == 0)
            #expect(reader.countedBytes == 0)
        }
    }
#endif
