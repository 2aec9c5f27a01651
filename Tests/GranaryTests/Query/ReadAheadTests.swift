@testable import Granary
import Testing

/// When searches ask for pages ahead.
@Suite struct ReadAheadTests {
    /// A search whose segments have `reads` blocks read; returns whether it asked ahead.
    private func search(_ ahead: inout ReadAhead, _ reads: Int...) -> Bool {
        ahead.beginSearch()
        var asked = true
        var total = 1000
        for read in reads {
            ahead.begin { total }
            asked = asked && ahead.isUseful
            total += read
            ahead.end { total }
        }
        ahead.endSearch()
        return asked
    }

    @Test func asksAheadAsLongAsSearchesReadFromDisk() {
        var ahead = ReadAhead()
        for reads in [40, 8, 8, 0] { #expect(search(&ahead, reads)) }
        #expect(!search(&ahead, 0))
    }

    @Test func whatOneSegmentReadsCountsForAll() {
        var ahead = ReadAhead()
        for _ in 0..<40 { #expect(search(&ahead, 8, 0) && search(&ahead, 0, 8, 0)) }
    }

    @Test func noticesWithinSixteenSearchesThatPagesHaveGone() {
        var ahead = ReadAhead()
        _ = search(&ahead, 0, 0)
        let asked = (0..<40).map { _ in search(&ahead, 0, 8) }
        #expect(asked.firstIndex(of: true) == 16)
        #expect(asked[16...].allSatisfy { $0 })
    }

    @Test func askingTheSystemIsRareWhileNothingIsRead() {
        var (ahead, calls) = (ReadAhead(), 0)
        let count = {
            calls += 1
            return 0
        }
        for _ in 0..<161 {
            ahead.beginSearch()
            ahead.begin(count)
            ahead.end(count)
            ahead.endSearch()
        }
        #expect(calls == 2 * 11)
    }
}
