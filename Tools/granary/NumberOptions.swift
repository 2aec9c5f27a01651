import ArgumentParser
import CommandSupport
import Granary

/// How the numbers of layouts are meant whose weights are not simply numbers.
struct NumberOptions: ParsableArguments {
    @Option(
        help: """
            How the numbers of --format anserini are meant: float, or int, which has whole ones only. Not \
            to be left out there.
            """)
    var vectorWeights: VectorWeights?
    @Option(
        help: """
            What a weight of 1 is as a number of --format ciff and anserini: a number is a weight times \
            this. (default: of a CIFF file of ours what it says of itself, else 1)
            """)
    var scale: Double?

    /// Refuses options that have no meaning for some files, and such files without them.
    func check(_ files: [String], format: InputFormat?) throws {
        try check(Set(files.compactMap { format ?? InputFormat(path: DocumentSource.resolved($0)) }))
    }

    /// Refuses options that have no meaning for some layouts, and such layouts without them.
    func check(_ formats: Set<InputFormat>) throws {
        if formats.contains(.anserini), vectorWeights == nil {
            throw ValidationError("expected --vector-weights float or int with --format anserini")
        }
        if vectorWeights != nil, !formats.contains(.anserini) {
            throw ValidationError("--vector-weights goes with --format anserini")
        }
        if let scale, !(scale > 0 && scale.isFinite) {
            throw ValidationError("expected a --scale above 0, found \(scale)")
        }
        if scale != nil, !formats.contains(where: \.hasScale) {
            throw ValidationError("--scale goes with --format ciff and --format anserini")
        }
    }

    /// The scale that is asked for.
    func impactScale() throws(GranaryError) -> ImpactScale? {
        try scale.map { (scale) throws(GranaryError) in try ImpactScale(factor: scale) }
    }
}
