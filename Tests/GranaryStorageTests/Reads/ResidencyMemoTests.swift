import CGranary
@testable import GranaryStorage
import Synchronization
import Testing

@Suite("Memory of what is in memory")
struct ResidencyMemoTests {
    private let windows = PageWindows(mappedBytes: 1 << 40, address: 0, pageBytes: 4096)

    private func recalled(_ memo: ResidencyMemo, _ index: Int, wanted: UInt32) -> (Bool, UInt32) {
        var found = [windows.window(index)]
        found[0].wanted = wanted
        let isComplete = memo.recall(&found, windows)
        return (isComplete, found[0].resident)
    }

    private func remember(_ memo: ResidencyMemo, _ index: Int, wanted: UInt32, resident: UInt32 = 0) {
        var window = windows.window(index)
        (window.wanted, window.resident) = (wanted, resident)
        memo.remember([window], windows)
    }

    @Test("knows pages until told to forget, or for about a second")
    func remembers() {
        let clock = Clock()
        let memo = ResidencyMemo(windowCount: 16384) { clock.time }
        #expect(recalled(memo, 3, wanted: 1) == (false, 0))
        remember(memo, 3, wanted: 0b101, resident: 0b10)
        #expect(recalled(memo, 3, wanted: 0b111) == (true, 0b111))
        #expect(recalled(memo, 3, wanted: 0b1000) == (false, 0b111))
        #expect(recalled(memo, 4, wanted: 1) == (false, 0))
        memo.forget(3)
        #expect(recalled(memo, 3, wanted: 1) == (false, 0))
    }

    /// A clock that a test moves.
    private final class Clock: Sendable {
        private let state = Atomic<UInt64>(5_000_000_000)
        var time: UInt64 { state.load(ordering: .relaxed) }
        func move(to time: UInt64) { state.store(time, ordering: .relaxed) }
    }

    @Test("forgets with time, in whichever way the clock goes")
    func forgets() {
        let clock = Clock()
        let memo = ResidencyMemo(windowCount: 16384) { clock.time }
        for later: UInt64 in [9_000_000_000, 1_000_000_000] {
            clock.move(to: 5_000_000_000)
            remember(memo, 7, wanted: 1)
            #expect(recalled(memo, 7, wanted: 1).0)
            clock.move(to: later)
            #expect(!recalled(memo, 7, wanted: 1).0)
        }
    }

    @Test("lets windows displace each other when there are more than places")
    func displaces() {
        let memo = ResidencyMemo(windowCount: 1 << 24)
        remember(memo, 5, wanted: 1)
        remember(memo, 5 + (1 << 16), wanted: 2)
        #expect(recalled(memo, 5, wanted: 1) == (false, 0))
    }
}
