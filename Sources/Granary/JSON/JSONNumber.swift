/// A number as JSON spells it: ± mantissa × 10^exponent.
struct JSONNumber {
    var isNegative = false
    /// The digits as one number; meaningless when `isOverflowing`.
    var mantissa: UInt64 = 0
    /// More digits than 64 bits hold.
    var isOverflowing = false
    var exponent = 0
    /// Whether it has neither a point nor an exponent.
    var isInteger = true
    /// Where it stands.
    var range = 0..<0

    /// The powers of ten that a Double has exactly.
    private static let powers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
        1e18, 1e19,
        1e20, 1e21, 1e22,
    ]

    mutating func append(_ digit: UInt8) {
        let (tenfold, isOver) = mantissa.multipliedReportingOverflow(by: 10)
        let (sum, isOverToo) = tenfold.addingReportingOverflow(UInt64(digit))
        isOverflowing = isOverflowing || isOver || isOverToo
        mantissa = sum
    }

    /// The number, if it is an integer of 0..<2^64.
    var unsigned: UInt64? { isInteger && !isNegative && !isOverflowing ? mantissa : nil }

    /// The number, if it has no fraction and is one of -2^63..<2^63, however it is spelled.
    func integer(in bytes: [UInt8]) -> Int64? {
        guard isInteger else { return Int64(exactly: double(in: bytes)) }
        guard !isOverflowing else { return nil }
        return isNegative
            ? mantissa <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- mantissa) : nil : Int64(exactly: mantissa)
    }

    /// The nearest float64 (ties to even), infinite when it is too large. Zero has no sign.
    func double(in bytes: [UInt8]) -> Double {
        if mantissa == 0, !isOverflowing { return 0 }
        if !isOverflowing, mantissa <= 1 << 53, exponent >= -22, exponent <= 22 {
            let power = Self.powers[abs(exponent)]
            let value = exponent < 0 ? Double(mantissa) / power : Double(mantissa) * power
            return isNegative ? -value : value
        }
        let value =
            Double(String(decoding: bytes[range], as: UTF8.self)) ?? (isNegative ? -.infinity : .infinity)
        return value == 0 ? 0 : value
    }

    /// The nearest float32 (ties to even), infinite when it is too large.
    ///
    /// Source: Clinger, How to read floating point numbers accurately (1990), the fast case: a mantissa and
    /// a power of ten that are both exact make one correctly rounded operation.
    func float(in bytes: [UInt8]) -> Float {
        if !isOverflowing, mantissa <= 1 << 53, exponent >= -22, exponent <= 22 {
            let power = Self.powers[abs(exponent)]
            let value = exponent < 0 ? Double(mantissa) / power : Double(mantissa) * power
            // Rounding twice errs only where the first result looks like a tie, or where a float32 has
            // fewer bits.
            let isTie = value.bitPattern & 0x1FFF_FFFF == 0x1000_0000
            if !isTie, value == 0 || value >= Double(Float.leastNormalMagnitude) {
                return isNegative ? -Float(value) : Float(value)
            }
        }
        return Float(String(decoding: bytes[range], as: UTF8.self)) ?? (isNegative ? -.infinity : .infinity)
    }
}
