import GranaryStorage

/// A section of forward rows, as in `Formats/rows.md`: sparse vectors of segment-local
/// components with an 8-bit code each. Nothing in it is trusted: the kernels check each row against its
/// section.
struct RowsView: ~Escapable {
    /// The rows. At least 64 bytes behind them can be read.
    let bytes: RawSpan
    /// `count + 1` ascending offsets of rows, in units of 8 bytes.
    let starts: Span<UInt32>
    /// Local components are below this.
    let components: UInt32
    /// Whether local components need 32 bits.
    let isWide: Bool
    /// Whether codes are multiples of a component's step; otherwise the upper 8 of the 15 bits of a float16.
    let isLinear: Bool

    @_lifetime(copy bytes, copy starts)
    init(bytes: RawSpan, starts: Span<UInt32>, components: UInt32, isWide: Bool, isLinear: Bool) {
        self.bytes = bytes
        self.starts = starts
        self.components = components
        self.isWide = isWide
        self.isLinear = isLinear
    }

    /// The number of rows.
    var count: Int { max(0, starts.count - 1) }
}

/// The rest of the weights behind the codes of forward rows.
struct FineView: ~Escapable {
    /// The bytes, `width` for each entry of each row.
    let bytes: RawSpan
    /// `count + 1` ascending offsets, in units of 8 entries.
    let starts: Span<UInt32>
    /// 0 (uint8: the code says all), 1 (float16: its lower 7 bits) or 4 (a whole float32).
    let width: UInt8

    @_lifetime(copy bytes, copy starts)
    init(bytes: RawSpan, starts: Span<UInt32>, width: UInt8) {
        self.bytes = bytes
        self.starts = starts
        self.width = width
    }
}

extension WeightType {
    /// Bytes behind each code.
    var fineWidth: UInt8 {
        switch self {
        case .float16: 1
        case .float32: 4
        case .uint8: 0
        }
    }
}
