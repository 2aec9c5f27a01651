internal import CGranary
import GranaryStorage

/// The door to the C kernels: every call that passes pointers to them stands here.
///
/// Each function checks what its kernel relies on (lengths of tables and outputs); the kernels check the
/// rows.
enum Kernels {
    /// The best instruction set of this processor: 0 scalar, 1 AVX2. All give the same bits.
    static let bestLevel = granary_rows_best_level()

    /// The number of floats of a query table.
    static func tableLength(components: UInt32, isWide: Bool) -> Int {
        granary_query_table_length(components, isWide ? 1 : 0)
    }

    /// What a log code's value must be multiplied with: the table of a query carries it.
    static let logScale: Float = 0x1p112

    /// Scores `count` rows, those of `ordinals` from `first` on, into `scores`; returns how many were
    /// malformed (their score is 0).
    static func score(
        _ rows: borrowing RowsView, table: [Float], ordinals: [UInt32], from first: Int = 0, count: Int,
        into scores: inout [Float],
        level: Int32 = bestLevel
    ) -> Int {
        guard table.count >= tableLength(components: rows.components, isWide: rows.isWide),
            scores.count >= count, first >= 0, count >= 0, ordinals.count - first >= count
        else { return max(1, count) }
        // SAFETY: the lengths were checked above; the kernel checks ordinals and rows against the view.
        return unsafe withRows(rows) { cRows in
            unsafe table.withUnsafeBufferPointer { table in
                unsafe ordinals.withUnsafeBufferPointer { ordinals in
                    unsafe scores.withUnsafeMutableBufferPointer { scores in
                        unsafe granary_rows_score(
                            cRows, table.baseAddress, ordinals.baseAddress.map { unsafe $0 + first }, count,
                            scores.baseAddress, level)
                    }
                }
            }
        }
    }

    /// Scores the rows of a range into `scores`; returns how many were malformed.
    static func score(
        _ rows: borrowing RowsView, table: [Float], range: Range<UInt32>, into scores: inout [Float],
        level: Int32 = bestLevel
    ) -> Int {
        guard table.count >= tableLength(components: rows.components, isWide: rows.isWide),
            scores.count >= range.count
        else { return max(1, range.count) }
        // SAFETY: as above.
        return unsafe withRows(rows) { cRows in
            unsafe table.withUnsafeBufferPointer { table in
                unsafe scores.withUnsafeMutableBufferPointer { scores in
                    unsafe granary_rows_score_range(
                        cRows, table.baseAddress, range.lowerBound, range.count, scores.baseAddress, level)
                }
            }
        }
    }

    /// The stored weights of a row at `wanted` (ascending local components); nil for a malformed row.
    static func weights(
        _ rows: borrowing RowsView, _ fine: borrowing FineView, steps: Span<Float>, ordinal: UInt32,
        at wanted: Span<UInt32>, into weights: inout MutableSpan<Float>, level: Int32 = bestLevel
    ) -> Bool {
        guard weights.count >= wanted.count, rows.count > Int(ordinal),
            fine.width == 0 || fine.starts.count > Int(ordinal),
            fine.width != 0 || steps.count >= Int(rows.components)
        else { return false }
        // SAFETY: the lengths were checked above; the kernel checks the row against both views.
        return unsafe withSource(rows, fine, steps) { source in
            unsafe wanted.withUnsafeBufferPointer { wanted in
                unsafe weights.withUnsafeMutableBufferPointer { weights in
                    let (rows, fine) = unsafe (source.rows, source.fine)
                    return unsafe withUnsafePointer(to: rows) { rows in
                        unsafe withUnsafePointer(to: fine) { fine in
                            unsafe granary_row_weights(
                                rows, fine, source.steps, ordinal, wanted.baseAddress, wanted.count,
                                weights.baseAddress, level) == 0
                        }
                    }
                }
            }
        }
    }

    /// The entries of a row: local components and codes, padding and bridges (code 0) included, and the row's
    /// shift.
    static func decode(_ rows: borrowing RowsView, ordinal: UInt32) -> (
        components: [UInt32], codes: [UInt8], shift: UInt8
    )? {
        var shift: UInt8 = 0
        var count = -1
        var codes: [UInt8] = []
        guard Int(ordinal) + 1 < rows.starts.count else { return nil }
        let (from, to) = (rows.starts[Int(ordinal)], rows.starts[Int(ordinal) + 1])
        guard from <= to else { return nil }
        // An entry takes at least two bytes of its row.
        let room = min(65_536, 4 * Int(to - from))
        // SAFETY: both outputs have a place for each entry that the row has bytes for, and the kernel takes a
        // row whose entries need more bytes for malformed; only what it filled is kept.
        let components = unsafe [UInt32](unsafeUninitializedCapacity: room) { components, filled in
            unsafe codes = [UInt8](unsafeUninitializedCapacity: room) { codes, codesFilled in
                count = unsafe withRows(rows) {
                    unsafe granary_row_decode($0, ordinal, components.baseAddress, codes.baseAddress, &shift)
                }
                codesFilled = max(0, count)
            }
            filled = max(0, count)
        }
        return count < 0 ? nil : (components, codes, shift)
    }

    /// Adds the documents of a posting block that `visited` does not know to it and to `fresh` from `count`
    /// on. Returns their number, or nil for a malformed block.
    static func candidates(
        ofBlock block: RawSpan, documents: UInt32, visited: inout [UInt32], into fresh: inout [UInt32],
        at count: Int
    ) -> Int? {
        guard visited.count.nonzeroBitCount == 1, fresh.count >= count + 255 else { return nil }
        // SAFETY: the mask keeps slots below visited.count, a power of two; a block has at most 255 documents
        // and there is room for them; the kernel stays inside the block's bytes.
        let added = unsafe block.withUnsafeBytes { block in
            unsafe visited.withUnsafeMutableBufferPointer { visited in
                unsafe fresh.withUnsafeMutableBufferPointer { fresh in
                    unsafe granary_block_candidates(
                        block.baseAddress?.assumingMemoryBound(to: UInt8.self), block.count, documents,
                        visited.baseAddress, UInt32(visited.count - 1),
                        fresh.baseAddress.map { unsafe $0 + count })
                }
            }
        }
        // SIZE_MAX, for a malformed block, is -1 here.
        return (0...255).contains(added) ? added : nil
    }

    /// The 32-bit words of a section. Empty when it is not aligned or has a broken word at its end.
    @_lifetime(copy bytes)
    static func words(_ bytes: RawSpan) -> Span<UInt32> {
        // SAFETY: the cast needs whole words on their alignment; both are checked, and the empty span is
        // neither.
        let aligned = unsafe bytes.withUnsafeBytes {
            UInt(bitPattern: $0.baseAddress) % 4 == 0 && $0.count % 4 == 0
        }
        return Span(_bytes: aligned ? bytes : bytes.extracting(first: 0))
    }

    /// The float32 values of a section, as `words`.
    @_lifetime(copy bytes)
    static func floats(_ bytes: RawSpan) -> Span<Float> {
        // SAFETY: as above.
        let aligned = unsafe bytes.withUnsafeBytes {
            UInt(bitPattern: $0.baseAddress) % 4 == 0 && $0.count % 4 == 0
        }
        return Span(_bytes: aligned ? bytes : bytes.extracting(first: 0))
    }

    /// The 64-bit words of a section, as `words`.
    @_lifetime(copy bytes)
    static func longs(_ bytes: RawSpan) -> Span<UInt64> {
        // SAFETY: as above.
        let aligned = unsafe bytes.withUnsafeBytes {
            UInt(bitPattern: $0.baseAddress) % 8 == 0 && $0.count % 8 == 0
        }
        return Span(_bytes: aligned ? bytes : bytes.extracting(first: 0))
    }

    static func halfValue(_ half: UInt16) -> Float { granary_half_value(half) }
    static func half(_ weight: Float) -> UInt16 { granary_half(weight) }

    /// Calls `body` with the C form of a view, valid during the call.
    @unsafe static func withRows<Result>(
        _ rows: borrowing RowsView, _ body: (UnsafePointer<granary_rows>) -> Result
    ) -> Result {
        let (components, wide, linear) = (rows.components, rows.isWide, rows.isLinear)
        return unsafe rows.bytes.withUnsafeBytes { bytes in
            unsafe rows.starts.withUnsafeBufferPointer { starts in
                var view = unsafe granary_rows(
                    rows: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), length: UInt64(bytes.count),
                    starts: starts.baseAddress, count: UInt32(max(0, starts.count - 1)),
                    components: components,
                    wide: wide ? 1 : 0, linear: linear ? 1 : 0)
                return unsafe withUnsafePointer(to: &view) { unsafe body($0) }
            }
        }
    }

    /// Calls `body` with the C form of rows, the rest of their weights and their steps, valid during the
    /// call.
    @unsafe static func withSource<Result>(
        _ rows: borrowing RowsView, _ fine: borrowing FineView, _ steps: Span<Float>,
        _ body: (granary_row_source) -> Result
    ) -> Result {
        let width = fine.width
        return unsafe withRows(rows) { rows in
            unsafe fine.bytes.withUnsafeBytes { bytes in
                unsafe fine.starts.withUnsafeBufferPointer { starts in
                    unsafe steps.withUnsafeBufferPointer { steps in
                        unsafe body(
                            granary_row_source(
                                rows: rows.pointee,
                                fine: granary_fine(
                                    bytes: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                                    length: UInt64(bytes.count), starts: starts.baseAddress, width: width),
                                steps: steps.baseAddress))
                    }
                }
            }
        }
    }
}
