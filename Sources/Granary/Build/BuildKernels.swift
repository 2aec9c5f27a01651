internal import CGranary
import GranaryStorage

/// The working memory of one building thread and the door to the kernels of building.
@safe final class BuildKernels {
    let state: OpaquePointer
    let components: UInt32
    /// Working memory of `SummaryTableBuilder`: entries as they come, and in the order of a table.
    var summaryEntries: [granary_summary_entry] = []
    var sortedEntries: [granary_summary_entry] = []

    /// - Throws: `tooLarge` when there is no memory for `components` components.
    init(components: UInt32) throws(GranaryError) {
        guard let state = unsafe granary_builder_create(components) else {
            throw GranaryError(.tooLarge, "no memory to build a segment of \(components) components")
        }
        unsafe self.state = state
        self.components = components
    }

    deinit { unsafe granary_builder_free(state) }

    /// What is counted while rows are made.
    struct RowStatistics: Sendable {
        /// How many stored weights have each float16.
        var histogram = [UInt64](repeating: 0, count: 32_768)
        /// By local component: the largest stored weight.
        var largest: [Float]
        /// By local component: the rows that have it.
        var rows: [UInt32]

        init(components: Int) {
            largest = [Float](repeating: 0, count: components)
            rows = [UInt32](repeating: 0, count: components)
        }

        /// Stored weights in all.
        var entries: UInt64 { rows.reduce(0) { $0 + UInt64($1) } }
    }

    /// A row in its stored form.
    struct EncodedRow {
        var rowLength: Int
        var entries: Int
        /// The local component of the largest stored weight; `UInt32.max` without any.
        var strongest: UInt32
    }

    /// Encodes a document's row into `row` and the rest of its weights into `fine` (both grown as needed),
    /// and counts what it stores. Returns nil when the row has too many entries.
    func makeRow(
        type: WeightType, local: [UInt32], steps: [Float], ids: Span<UInt32>, weights: Span<Float>,
        row: inout [UInt8], fine: inout [UInt8], statistics: inout RowStatistics
    ) -> EncodedRow? {
        let bound = granary_row_bound(ids.count, components)
        if row.count < bound { row = [UInt8](repeating: 0, count: 2 * bound) }
        if fine.count < 4 * bound { fine = [UInt8](repeating: 0, count: 8 * bound) }
        var (entries, strongest): (UInt32, UInt32) = (0, .max)
        let cType = granary_weight_type(rawValue: UInt32(type.rawValue))
        // SAFETY: outputs have the sizes that the kernel asks for; `ids` are provisional numbers below
        // local.count, which this process gave out itself; every local number is below `components`.
        let length = unsafe ids.withUnsafeBufferPointer { ids in
            unsafe weights.withUnsafeBufferPointer { weights in
                unsafe statistics.histogram.withUnsafeMutableBufferPointer { histogram in
                    unsafe statistics.largest.withUnsafeMutableBufferPointer { largest in
                        unsafe statistics.rows.withUnsafeMutableBufferPointer { rows in
                            var counters = unsafe granary_row_statistics(
                                histogram: histogram.baseAddress, largest: largest.baseAddress,
                                rows: rows.baseAddress)
                            return unsafe granary_row_make(
                                state, cType, local, steps, ids.baseAddress, weights.baseAddress, ids.count,
                                &row, &fine, &entries, &strongest, &counters)
                        }
                    }
                }
            }
        }
        return length == 0
            ? nil : EncodedRow(rowLength: length, entries: Int(entries), strongest: strongest)
    }

    /// The postings of a row that go into lists: see `granary_row_select`.
    func select(
        _ rows: borrowing RowsView, _ fine: borrowing FineView, steps: Span<Float>, ordinal: UInt32,
        threshold: UInt16,
        floor: UInt32, components: inout [UInt32], halves: inout [UInt16]
    ) -> Int? {
        // SAFETY: the outputs have room for the largest row; the kernel checks the row and its components.
        let count = unsafe Kernels.withSource(rows, fine, steps) { source in
            unsafe withUnsafePointer(to: source) {
                unsafe granary_row_select(state, $0, ordinal, threshold, floor, &components, &halves)
            }
        }
        return count < 0 ? nil : count
    }

    /// Cuts a list into clusters; returns how many, or nil for a malformed row or a lack of memory.
    func cluster(
        _ rows: borrowing RowsView, _ fine: borrowing FineView, steps: Span<Float>, ordinals: Span<UInt32>,
        options: BuildOptions, seed: UInt64, clusters: inout [UInt32]
    ) -> Int? {
        guard clusters.count >= ordinals.count else { return nil }
        var cOptions = granary_cluster_options(
            centroid_fraction: options.centroidFraction, document_cut: UInt32(options.documentCut),
            centroid_cut: UInt32(options.centroidCut), smallest: UInt32(options.smallestCluster), seed: seed)
        // SAFETY: `clusters` has a place for each ordinal; the kernel checks rows.
        let count = unsafe Kernels.withSource(rows, fine, steps) { source in
            unsafe ordinals.withUnsafeBufferPointer { ordinals in
                unsafe withUnsafePointer(to: source) {
                    unsafe granary_cluster(
                        state, $0, ordinals.baseAddress, ordinals.count, &cOptions, &clusters)
                }
            }
        }
        return count < 0 ? nil : count
    }
}
