@testable import Granary
import Testing

/// When searches ask for pages ahead.
@Suite struct ReadAheadTests {
    /// A search that has `read` blocks read; returns whether it asked ahead.
    private func search(_ ahead: inout ReadAhead, _ total: inout Int, reads: Int) -> Bool {
        let before = total
        ahead.begin { before }
        let asked = ahead.isUseful
        total += reads
        let after = total
        ahead.end { after }
        return asked
    }

    @Test func asksAheadAsLongAsSearchesReadFromDisk() {
        var (ahead, total) = (ReadAhead(), 1000)
        for reads in [40, 8, 8, 0] { #expect(search(&ahead, &total, reads: reads)) }
        #expect(!search(&ahead, &total, reads: 0))
    }

    @Test func noticesWithinSixteenSearchesThatPagesHaveGone() {
        var (ahead, total) = (ReadAhead(), 0)
        _ = search(&ahead, &total, reads: 0)
        let asked = (0..<40).map { _ in search(&ahead, &total, reads: 8) }
        #expect(asked.firstIndex(of: true) == 16)
        #expect(asked[16...].allSatisfy { $0 })
    }

    @Test func askingTheSystemIsRareWhileNothingIsRead() {
        var (ahead, calls) = (ReadAhead(), 0)
        for _ in 0..<161 {
            ahead.begin {
                calls += 1
                return 0
            }
            ahead.end {
                calls += 1
                return 0
            }
        }
        #expect(calls == 2 * 11)
    }
}
