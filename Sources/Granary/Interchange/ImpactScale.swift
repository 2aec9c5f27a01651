/// How weights become impacts, the whole numbers of layouts that have no others: impact = weight × factor,
/// rounded, and at least 1.
public struct ImpactScale: Sendable, Equatable {
    /// The largest impact: such layouts have signed 32-bit numbers.
    public static let largestImpact = UInt32(Int32.max)

    /// Weights are impacts.
    public static let identity = ImpactScale(1)

    /// The impact of a weight of one. Finite, above 0.
    public let factor: Double

    /// A factor of one's own.
    ///
    /// - Throws: `invalidArgument` for a factor that is not finite or not above 0.
    public init(factor: Double) throws(GranaryError) {
        guard factor.isFinite, factor > 0 else {
            throw GranaryError(.invalidArgument, "expected a scale above 0, found \(factor)")
        }
        self.init(factor)
    }

    private init(_ factor: Double) { self.factor = factor }

    /// The factor that turns the largest weight into the largest impact of some bits, 2^bits − 1: of 1
    /// without weights.
    ///
    /// - Throws: `invalidArgument` for bits out of 1...31 and a weight that is negative or not finite.
    public init(bits: Int, largestWeight: Float) throws(GranaryError) {
        guard largestWeight.isFinite, largestWeight >= 0 else {
            throw GranaryError(
                .invalidArgument, "expected a largest weight of 0 or more, found \(largestWeight)")
        }
        let impacts = try Self.largestImpact(bits: bits)
        self.init(largestWeight > 0 ? Double(impacts) / Double(largestWeight) : 1)
    }

    /// The largest impact of some bits.
    ///
    /// - Throws: `invalidArgument` for bits out of 1...31.
    public static func largestImpact(bits: Int) throws(GranaryError) -> UInt32 {
        guard (1...31).contains(bits) else {
            throw GranaryError(.invalidArgument, "expected impacts of 1 to 31 bits, found \(bits)")
        }
        return UInt32(1) << UInt32(bits) - 1
    }

    /// The impact of a weight of 0...65504: to the nearest, halves away from zero, and at least 1, so that no
    /// entry is lost.
    ///
    /// - Throws: `invalidWeight` for a weight that is negative or no number, `unsupported` for an impact over
    ///   2^31 − 1.
    public func impact(of weight: Float) throws(GranaryError) -> UInt32 {
        guard weight >= 0 else {
            throw GranaryError(.invalidWeight, "expected a weight of 0 or more, found \(weight)")
        }
        let impact = (Double(weight) * factor).rounded()
        guard impact <= Double(Self.largestImpact) else {
            throw GranaryError(
                .unsupported,
                "expected impacts up to \(Self.largestImpact), found a weight of \(weight) at a scale of \(factor)"
            )
        }
        return max(1, UInt32(impact))
    }

    /// The weight of an impact, the nearest float32.
    public func weight(of impact: UInt32) -> Float { Float(Double(impact) / factor) }
}
