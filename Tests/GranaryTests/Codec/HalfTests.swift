@testable import Granary
import TestSupport
import Testing

/// Conversions between float32 and float16 against those of Swift.
@Suite struct HalfTests {
    @Test func everyHalfHasTheValueThatSwiftGivesIt() {
        // A weight is not negative and finite: signs and 0x7c00 (infinity) upwards do not occur.
        for half in UInt16(0)..<0x7c00 {
            let value = Float(Float16(bitPattern: half))
            #expect(Kernels.halfValue(half).bitPattern == value.bitPattern)
            #expect(Kernels.half(value) == half)
        }
    }

    @Test func weightsAreRoundedToNearestEven() {
        for half in UInt16(0)..<0x7bff {
            let low = Float(Float16(bitPattern: half))
            let middle = low + (Float(Float16(bitPattern: half + 1)) - low) / 2
            for weight in [middle, middle.nextUp, middle.nextDown, low.nextUp] where weight >= 0 {
                #expect(Kernels.half(weight) == Float16(weight).bitPattern, "\(weight)")
            }
        }
        var random = TestRandom(seed: 97)
        for _ in 0..<100_000 {
            let weight = Float(bitPattern: UInt32.random(in: 0...Float(65504).bitPattern, using: &random))
            #expect(Kernels.half(weight) == Float16(weight).bitPattern, "\(weight)")
        }
    }

    @Test func weightsBeyondTheLargestHalfSaturate() {
        for weight in [65504, 65519.99, 65520, 1e9, .greatestFiniteMagnitude, .infinity] as [Float] {
            #expect(Kernels.half(weight) == 0x7bff)
        }
    }
}
