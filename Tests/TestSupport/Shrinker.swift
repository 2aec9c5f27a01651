/// Makes a failing list of steps short: what is left is what the failure needs.
///
/// Source: delta debugging (Zeller and Hildebrandt, 2002), with simpler steps in place of the ones that
/// have to
/// stay.
public struct Shrinker<Step: Sendable>: Sendable {
    /// Whether a list of steps still fails.
    public typealias Check = (_ steps: [Step]) -> Bool

    /// Simpler steps that may stand for one, the simplest first.
    private let simpler: @Sendable (Step) -> [Step]
    /// How many lists are tried at most.
    private let attempts: Int

    /// Makes one.
    public init(attempts: Int = 4000, simpler: @escaping @Sendable (Step) -> [Step]) {
        self.attempts = attempts
        self.simpler = simpler
    }

    /// The shortest failing list that removing and simplifying steps leads to.
    ///
    /// - Parameter steps: a list that fails.
    public func minimal(_ steps: [Step], fails: Check) -> [Step] {
        var left = attempts
        func stillFails(_ candidate: [Step]) -> Bool {
            guard left > 0 else { return false }
            left -= 1
            return fails(candidate)
        }
        var steps = withoutTail(steps, stillFails)
        var before = -1
        // Until a whole round of both changes nothing.
        while steps.count != before {
            before = steps.count
            steps = withoutChunks(steps, stillFails)
            steps = simplified(steps, stillFails)
        }
        return steps
    }

    /// Nothing after the step that fails is needed: halves the list while its first part fails.
    private func withoutTail(_ steps: [Step], _ fails: Check) -> [Step] {
        var (low, high) = (0, steps.count)
        while low < high {
            let middle = (low + high) / 2
            if fails(Array(steps.prefix(middle))) { high = middle } else { low = middle + 1 }
        }
        let head = Array(steps.prefix(high))
        return high == steps.count || fails(head) ? head : steps
    }

    /// Removes runs of steps, long ones first, then single ones.
    private func withoutChunks(_ steps: [Step], _ fails: Check) -> [Step] {
        var steps = steps
        var length = max(1, steps.count / 2)
        while true {
            var start = 0
            while start < steps.count {
                var candidate = steps
                candidate.removeSubrange(start..<min(steps.count, start + length))
                if fails(candidate) { steps = candidate } else { start += length }
            }
            if length == 1 { return steps }
            length /= 2
        }
    }

    /// Puts simpler steps in the place of each, as long as one of them fails as well.
    private func simplified(_ steps: [Step], _ fails: Check) -> [Step] {
        var steps = steps
        for position in steps.indices {
            var isSimpler = true
            while isSimpler {
                isSimpler = false
                for step in simpler(steps[position]) {
                    var candidate = steps
                    candidate[position] = step
                    guard fails(candidate) else { continue }
                    steps = candidate
                    isSimpler = true
                    break
                }
            }
        }
        return steps
    }
}
