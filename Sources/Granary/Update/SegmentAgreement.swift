import GranaryStorage

/// What the segments of an index must say alike, or a merge would change documents: what their components are
/// called, and of uint8 weights the step of each component.
struct SegmentAgreement {
    private let vocabulary: Vocabulary
    private var steps = ComponentSteps()

    /// No segments yet.
    init() throws(GranaryError) { vocabulary = try Vocabulary() }

    /// Adds a segment whose contents have been verified.
    ///
    /// - Throws: `corrupt` when it contradicts those before.
    mutating func add(_ segment: SegmentReader) throws(GranaryError) {
        try vocabulary.learn([segment], contradiction: .corrupt)
        if let other = try steps.add(segment) {
            throw segment.malformed(.steps, at: other.place)
        }
    }
}

/// The steps of components (uint8), which all segments of an index share: otherwise scores would change when
/// segments are merged.
struct ComponentSteps {
    private var stepOf: [UInt32: Float] = [:]

    /// A component whose step is another one in the segments before.
    struct Contradiction {
        var component: UInt32
        /// Of the component in the segment's order.
        var place: Int
        var known: Float
        var found: Float
    }

    /// Adds a segment; of weights that have no steps there is nothing to add.
    ///
    /// - Returns: the first contradiction to the segments before; nil where the segment was added.
    /// - Throws: `corrupt` for a step that is not a normal number above 0.
    mutating func add(_ segment: SegmentReader) throws(GranaryError) -> Contradiction? {
        guard segment.facts.weights == .uint8 else { return nil }
        var added: [UInt32: Float] = [:]
        for local in 0..<segment.facts.components {
            guard let component = segment.names.component(local), let step = segment.step(of: component)
            else { throw segment.malformed(.steps, at: Int(local)) }
            if let known = stepOf[component], known != step {
                return Contradiction(component: component, place: Int(local), known: known, found: step)
            }
            added[component] = step
        }
        stepOf.merge(added) { known, _ in known }
        return nil
    }
}
