import Synchronization

/// Counts from within rules.
final class Tally: Sendable {
    private let total = Atomic(0)
    var value: Int { total.load(ordering: .relaxed) }
    func count() { total.wrappingAdd(1, ordering: .relaxed) }
}
