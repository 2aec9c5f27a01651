internal import CGranary
import GranaryStorage

/// A section of summary tables, as in `Formats/summaries.md`. Nothing in it is trusted: the kernels check
/// each table against its section.
struct SummariesView: ~Escapable {
    /// The tables. At least 64 bytes behind them can be read.
    let bytes: RawSpan
    /// `count + 1` ascending offsets of tables, in units of 8 bytes.
    let starts: Span<UInt32>
    /// Local components are below this.
    let components: UInt32
    /// Whether local components need more than 16 bits.
    let isWide: Bool

    /// The most blocks of a table.
    static let largestTable = GRANARY_TABLE_BLOCKS

    @_lifetime(copy bytes, copy starts)
    init(bytes: RawSpan, starts: Span<UInt32>, components: UInt32, isWide: Bool) {
        self.bytes = bytes
        self.starts = starts
        self.components = components
        self.isWide = isWide
    }

    /// The number of tables.
    var count: Int { max(0, starts.count - 1) }

    /// Estimates the blocks of a table for a query: entry by entry of the query, weight × value of each
    /// code, added in float32 in that order.
    ///
    /// - Parameters:
    ///   - estimates: 256 places or more.
    ///   - found: working memory, three places for each component of the query.
    /// - Returns: the number of blocks; nil for a malformed table.
    func estimate(
        _ table: Int, components: [UInt32], weights: [Float], found: inout [UInt32],
        into estimates: inout [Float], level: Int32 = Kernels.bestLevel
    ) -> Int? {
        guard estimates.count >= Self.largestTable, found.count >= 3 * components.count,
            weights.count == components.count, let table = UInt32(exactly: table)
        else { return nil }
        // SAFETY: the lengths were checked above; the kernel checks the table against the view.
        let blocks = unsafe withView { view in
            unsafe components.withUnsafeBufferPointer { components in
                unsafe weights.withUnsafeBufferPointer { weights in
                    unsafe granary_summaries_score(
                        view, table, components.baseAddress, weights.baseAddress, components.count, &found,
                        &estimates, level)
                }
            }
        }
        return blocks < 0 ? nil : blocks
    }

    /// Asks for the beginnings of some tables, so that their cache misses overlap.
    func touch(_ tables: Range<Int>) {
        // SAFETY: the kernel checks the table against the view.
        unsafe withView { view in
            for table in tables { unsafe granary_summaries_touch(view, UInt32(truncatingIfNeeded: table)) }
        }
    }

    /// Checks all that a table may say; returns its number of blocks, nil for a malformed one.
    func check(_ table: Int) -> Int? {
        guard let table = UInt32(exactly: table) else { return nil }
        // SAFETY: the kernel checks the table against the view.
        let blocks = unsafe withView { unsafe granary_summaries_check($0, table) }
        return blocks < 0 ? nil : blocks
    }

    /// Calls `body` with the C form of the view, valid during the call.
    @unsafe private func withView<Result>(_ body: (UnsafePointer<granary_summaries>) -> Result) -> Result {
        let (components, isWide) = (components, isWide)
        return unsafe bytes.withUnsafeBytes { bytes in
            unsafe starts.withUnsafeBufferPointer { starts in
                var view = unsafe granary_summaries(
                    bytes: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                    length: UInt64(bytes.count),
                    starts: starts.baseAddress, count: UInt32(max(0, starts.count - 1)),
                    components: components,
                    wide: isWide ? 1 : 0)
                return unsafe withUnsafePointer(to: &view) { unsafe body($0) }
            }
        }
    }
}
