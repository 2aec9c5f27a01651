internal import CGranary
import GranaryStorage

extension Kernels {
    /// Scores the first `count` of some rows by their stored weights into `scores`, as `ResolvedQuery.score`
    /// does; returns how many were malformed (their score is 0).
    ///
    /// - Parameters:
    ///   - places: by local component, the position of each of the query's.
    ///   - stored: working memory, a place for each of the query's weights.
    static func scoreFully(
        _ rows: borrowing RowsView, _ fine: borrowing FineView, steps: Span<Float>, table: [Float],
        places: [UInt16], _ query: SegmentQuery, _ resolved: ResolvedQuery, ordinals: [UInt32], count: Int,
        stored: inout [Float], into scores: inout [Float], level: Int32 = bestLevel
    ) -> Int {
        guard table.count >= tableLength(components: rows.components, isWide: rows.isWide),
            scores.count >= count, count >= 0, ordinals.count >= count,
            places.count >= Int(rows.components), resolved.weights.count < 65_536,
            fine.width == 0 || fine.starts.count == rows.starts.count,
            fine.width != 0 || steps.count >= Int(rows.components),
            query.locals.last.map({ $0 < rows.components }) ?? true
        else { return max(1, count) }
        if stored.count < resolved.weights.count {
            stored = [Float](repeating: 0, count: 2 * resolved.weights.count)
        }
        // SAFETY: the lengths were checked above; places and locals of a query are in range; the kernel
        // checks ordinals and rows against both views.
        return unsafe withSource(rows, fine, steps) { source in
            unsafe query.withFull(resolved, places: places) { query in
                unsafe withUnsafePointer(to: source) { source in
                    unsafe granary_rows_score_full(
                        source, table, query, ordinals, count, &stored, &scores, level)
                }
            }
        }
    }
}

extension SegmentQuery {
    /// Calls `body` with the C form of the whole query, valid during the call.
    ///
    /// - Parameter places: by local component, the position in the query.
    @unsafe func withFull<Result>(
        _ query: ResolvedQuery, places: [UInt16], _ body: (UnsafePointer<granary_full_query>) -> Result
    ) -> Result {
        unsafe locals.withUnsafeBufferPointer { locals in
            unsafe places.withUnsafeBufferPointer { places in
                unsafe query.weights.withUnsafeBufferPointer { weights in
                    var full = unsafe granary_full_query(
                        components: locals.baseAddress, n: locals.count, places: places.baseAddress,
                        weights: weights.baseAddress, count: weights.count)
                    return unsafe withUnsafePointer(to: &full) { unsafe body($0) }
                }
            }
        }
    }
}
