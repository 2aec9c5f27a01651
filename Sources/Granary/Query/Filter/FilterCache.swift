import GranaryStorage
import Synchronization

/// What the last few filters matched in a snapshot: a batch of queries under one filter pays for it once.
final class FilterCache: Sendable {
    /// Filters kept. Each takes a bit for each document of the snapshot, and holds on to its lists of ids.
    private static let capacity = 4

    /// The one used last comes last.
    private let known = Mutex<[(filter: Filter, resolved: ResolvedFilter)]>([])

    /// What a filter matches.
    ///
    /// - Parameter make: finds out.
    func resolved(
        _ filter: Filter, _ make: () throws(GranaryError) -> ResolvedFilter
    ) throws(GranaryError) -> ResolvedFilter {
        let kept = known.withLock { known -> ResolvedFilter? in
            guard let place = known.firstIndex(where: { $0.filter.isIdentical(to: filter) }) else {
                return nil
            }
            known.append(known.remove(at: place))
            return known.last?.resolved
        }
        if let kept { return kept }
        let made = try make()
        known.withLock { known in
            if known.count >= Self.capacity { known.removeFirst() }
            known.append((filter, made))
        }
        return made
    }
}

extension Filter {
    /// Whether two filters match the same whatever the documents: equality that tells two forms of one letter
    /// apart. Complexity: O(1) for a copy of a filter, as far as its lists are the same arrays.
    func isIdentical(to other: Filter) -> Bool {
        switch (self, other) {
        case (.allow(let own), .allow(let other)), (.deny(let own), .deny(let other)):
            own.isIdentical(to: other) { $0.isIdentical(to: $1) }
        case (.equals(let field, let own), .equals(let name, let other)):
            field.isIdentical(to: name) && own.isIdentical(to: other)
        case (.range(let field, let own), .range(let name, let other)):
            field.isIdentical(to: name) && own.lower.isIdentical(to: other.lower)
                && own.upper.isIdentical(to: other.upper)
        case (.oneOf(let field, let own), .oneOf(let name, let other)):
            field.isIdentical(to: name) && own.isIdentical(to: other) { $0.isIdentical(to: $1) }
        case (.and(let own), .and(let other)), (.or(let own), .or(let other)):
            own.isIdentical(to: other) { $0.isIdentical(to: $1) }
        case (.not(let own), .not(let other)): own.isIdentical(to: other)
        default: false
        }
    }
}

extension Array {
    fileprivate func isIdentical(to other: [Element], _ areSame: (Element, Element) -> Bool) -> Bool {
        guard count == other.count else { return false }
        return span.isIdentical(to: other.span) || zip(self, other).allSatisfy(areSame)
    }
}

extension String {
    fileprivate func isIdentical(to other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

extension DocumentKey {
    fileprivate func isIdentical(to other: DocumentKey) -> Bool {
        if case .string(let own) = self, case .string(let other) = other {
            return own.isIdentical(to: other)
        }
        return self == other
    }
}

extension FieldValue {
    fileprivate func isIdentical(to other: FieldValue) -> Bool {
        if case .string(let own) = self, case .string(let other) = other {
            return own.isIdentical(to: other)
        }
        return self == other
    }
}

extension FieldBound {
    fileprivate func isIdentical(to other: FieldBound) -> Bool {
        switch (self, other) {
        case (.unbounded, .unbounded): true
        case (.including(let own), .including(let other)), (.excluding(let own), .excluding(let other)):
            own.isIdentical(to: other)
        default: false
        }
    }
}
