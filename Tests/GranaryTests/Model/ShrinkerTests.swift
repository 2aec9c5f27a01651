import TestSupport
import Testing

@Suite struct ShrinkerTests {
    private let shrinker = Shrinker<Int> { number in number > 0 ? [0, number / 2, number - 1] : [] }

    @Test func whatTheFailureNeedsIsLeftInItsOrder() {
        var random = TestRandom(seed: 3)
        for _ in 0..<20 {
            let steps = (0..<300).map { _ in random.int(0...99) } + [40, 7] + (0..<100).map { _ in 50 }
            // Some number of at least 30, and after it one of at least 7.
            let minimal = shrinker.minimal(steps) { steps in
                guard let first = steps.firstIndex(where: { $0 >= 30 }) else { return false }
                return steps[(first + 1)...].contains { $0 >= 7 }
            }
            #expect(minimal == [30, 7])
        }
    }

    @Test func aFailureThatNeedsEverythingStaysWhole() {
        let steps = Array(1...20)
        #expect(shrinker.minimal(steps) { $0 == steps } == steps)
    }

    @Test func aFailureThatComesAndGoesLeavesAListThatFailed() {
        let steps = Array(1...20)
        var attempt = 0
        let minimal = shrinker.minimal(steps) { steps in
            attempt += 1
            return attempt % 3 == 0 && steps.contains(9)
        }
        #expect(minimal.contains(9))
    }

    @Test func noMoreListsAreTriedThanAllowed() {
        var tried = 0
        let shrinker = Shrinker<Int>(attempts: 50) { _ in [] }
        _ = shrinker.minimal(Array(0..<1000)) { _ in
            tried += 1
            return false
        }
        #expect(tried == 50)
    }
}
