import GranaryStorage

/// What the segments of an index must say alike, or a merge would change documents: what their components are
/// called, and of uint8 weights the step of each component.
struct SegmentAgreement {
    private let vocabulary: Vocabulary
    private var stepOf: [UInt32: Float] = [:]

    /// No segments yet.
    init() throws(GranaryError) { vocabulary = try Vocabulary() }

    /// Adds a segment whose contents have been verified.
    ///
    /// - Throws: `corrupt` when it contradicts those before; it is not added then.
    mutating func add(_ segment: SegmentReader) throws(GranaryError) {
        try vocabulary.learn([segment], contradiction: .corrupt)
        guard segment.facts.weights == .uint8 else { return }
        var steps: [UInt32: Float] = [:]
        for local in 0..<segment.facts.components {
            guard let component = segment.names.component(local), let step = segment.step(of: component),
                stepOf[component] ?? step == step
            else { throw segment.malformed(.steps, at: Int(local)) }
            steps[component] = step
        }
        stepOf.merge(steps) { known, _ in known }
    }
}
