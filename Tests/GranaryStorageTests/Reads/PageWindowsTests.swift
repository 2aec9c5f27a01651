import CGranary
@testable import GranaryStorage
import TestSupport
import Testing

@Suite("Windows of a mapping")
struct PageWindowsTests {
    /// Bytes of the pages that masks name.
    private func pages(_ windows: [granary_window], _ mask: (granary_window) -> UInt32) -> [Int] {
        windows.flatMap { window in
            (0..<32).filter { mask(window) >> UInt32($0) & 1 == 1 }.map { Int(window.offset) + $0 * 4096 }
        }
    }

    @Test("mark exactly the pages that ranges touch, each window once", arguments: 0..<40)
    func marksPages(seed: UInt64) {
        var random = TestRandom(seed: seed)
        let count = random.int(1...2_000_000)
        let windows = PageWindows(
            mappedBytes: count, address: UInt(random.int(0...40) * 4096), pageBytes: 4096)
        let ranges = (0..<random.int(0...40)).map { _ in
            let length = random.int(0...min(count, random.int(0...3) == 0 ? 200_000 : 2000))
            let start = random.int(0...(count - length))
            return start..<start + length
        }.sorted { $0.lowerBound < $1.lowerBound }
        var expected = Set<Int>()
        for range in ranges where !range.isEmpty {
            for page in range.lowerBound / 4096...(range.upperBound - 1) / 4096 {
                expected.insert(page * 4096)
            }
        }
        let found = windows.windows(covering: ranges)
        #expect(pages(found, \.wanted) == expected.sorted(), "seed \(seed)")
        let indices = found.map { windows.index(at: Int($0.offset)) }
        #expect(indices == Set(indices).sorted(), "seed \(seed)")
        #expect(found.allSatisfy { $0.wanted >> $0.page_count == 0 && $0.wanted != 0 }, "seed \(seed)")
    }

    @Test("tile the mapping by addresses")
    func tile() {
        for (count, address) in [(1, 0), (65536, 0), (65537, 4096), (300_000, 61440), (300_001, 8192)] {
            let windows = PageWindows(mappedBytes: count, address: UInt(address), pageBytes: 4096)
            var end = 0
            for index in 0...windows.index(at: count - 1) {
                let window = windows.window(index)
                #expect(Int(window.offset) == end)
                #expect(index == 0 || (end + address).isMultiple(of: 65536))
                end = min(count, end + Int(window.page_count) * 4096)
            }
            #expect(end == count)
        }
    }

    @Test("cut masks into runs")
    func runs() {
        let windows = PageWindows(mappedBytes: 1 << 20, address: 0, pageBytes: 4096)
        for mask: UInt32 in [0, 1, 0x8000, 0xffff, 0b1011_0111, 0x5555, .max, 0x8000_0001] {
            var found: UInt32 = 0
            var lastEnd = -1
            windows.forEachRun(of: mask, in: windows.window(2)) { offset, pages in
                let first = (offset - 131_072) / 4096
                #expect(first > lastEnd)
                for page in first..<first + pages { found |= 1 << UInt32(page) }
                lastEnd = first + pages
            }
            #expect(found == mask)
        }
    }
}
