import ArgumentParser
import CommandSupport
import Granary

/// How the numbers of layouts are meant whose weights are not simply numbers.
struct NumberOptions: ParsableArguments {
    @Option(
        help: """
            How the numbers of --format anserini are meant: float, or int, where one with a fraction is an \
            error. Not to be left out there.
            """)
    var vectorWeights: VectorWeights?
    @Option(
        help: """
            What a weight of 1 is as a number in ciff and anserini input: a weight is a number divided by \
            this. (default: what a CIFF file of ours says of itself, else 1)
            """)
    var scale: Double?

    /// Refuses options that have no meaning for some files, and such files without them.
    func check(_ files: [String], format: InputFormat?) throws {
        let formats = Set(files.compactMap { format ?? InputFormat(path: DocumentSource.resolved($0)) })
        if formats.contains(.anserini), vectorWeights == nil {
            throw ValidationError("expected --vector-weights float or int with --format anserini")
        }
        if vectorWeights != nil, !formats.contains(.anserini) {
            throw ValidationError("--vector-weights goes with --format anserini")
        }
        try Self.check(scale)
        if scale != nil, !formats.contains(where: \.hasScale) {
            throw ValidationError("--scale goes with --format ciff and --format anserini")
        }
    }

    /// Refuses what is no scale.
    static func check(_ scale: Double?) throws {
        if let scale, !(scale > 0 && scale.isFinite) {
            throw ValidationError("expected a --scale above 0, found \(scale)")
        }
    }

    /// The scale that is asked for.
    func impactScale() throws(GranaryError) -> ImpactScale? {
        try scale.map { (scale) throws(GranaryError) in try ImpactScale(factor: scale) }
    }
}
