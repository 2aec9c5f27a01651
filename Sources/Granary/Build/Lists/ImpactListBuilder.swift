internal import CGranary
import GranaryStorage

/// Makes the impact-ordered posting lists of a segment, window by window, and writes them by component.
///
/// Source: impact-ordered postings of JASS (ICTIR 2015) in windows as small as SINDI's (2025), so that sums
/// stay in the processor's nearest caches. The same pruning as for posting blocks.
struct ImpactListBuilder {
    let rows: EncodedRows
    /// By ordinal: the row.
    let order: [UInt32]
    /// Weights below are kept only where the floor asks for it.
    let threshold: UInt16
    let options: BuildOptions
    let threads: Int

    /// What was written.
    struct Lists {
        /// By component and then by window, in units of 2 bytes; one more at the end.
        var starts: [UInt32] = [0]
        /// By component: its postings.
        var counts: [UInt32]

        var postings: UInt64 { counts.reduce(0) { $0 + UInt64($1) } }
    }

    private struct Window: Sendable {
        var bytes: [UInt8]
        var lengths: [UInt32]
        var counts: [UInt32]
    }

    /// Writes the lists as the current section of `file`.
    ///
    /// - Throws: `tooLarge` for more than 8 GiB, errors of writing, `cancelled`.
    func write(
        to file: ContainerWriter, _ context: BuildContext
    ) throws(GranaryError) -> Lists {
        let components = Int(rows.components)
        let windows = ImpactsView.windows(documents: rows.count)
        var spilled = TemporaryFile(fileSystem: context.fileSystem, directory: context.directory)
        var lists = Lists(counts: [UInt32](repeating: 0, count: components))
        // By window: where its lists begin among the spilled bytes; lengths by window and then by component.
        var (begins, lengths): ([Int], [UInt32]) = ([], [])
        for first in stride(from: 0, to: windows, by: threads) {
            let wave = first..<min(windows, first + threads)
            try context.progress.report(
                .inverting, UInt64(first * ImpactsView.window), UInt64(rows.count))
            let made = try Parallel.map(
                count: wave.count, threads: threads,
                state: { () throws(GranaryError) in try WindowKernels(components: rows.components) },
                body: { (kernels, number) throws(GranaryError) in
                    let first = (wave.lowerBound + number) * ImpactsView.window
                    return try kernels.make(
                        rows, order[first..<min(order.count, first + ImpactsView.window)],
                        threshold: threshold, floor: options.postingsFloor)
                })
            for window in made {
                begins.append(Int(spilled.length))
                try spilled.append(window.bytes[...])
                lengths += window.lengths
                for component in 0..<components { lists.counts[component] += window.counts[component] }
            }
        }
        let all = try spilled.map()
        var total = 0
        for component in 0..<components {
            for window in 0..<windows {
                let length = Int(lengths[window * components + component])
                try file.append(all.bytes.extracting(begins[window]..<begins[window] + 2 * length))
                begins[window] += 2 * length
                total += length
                guard let start = UInt32(exactly: total) else {
                    throw GranaryError(.tooLarge, "expected a segment of less than 8 GiB of posting lists")
                }
                lists.starts.append(start)
            }
        }
        return lists
    }

    /// The kernels' working memory of one thread.
    @safe private final class WindowKernels {
        private let kernels: BuildKernels
        private let window: OpaquePointer

        /// - Throws: `tooLarge` when there is no memory.
        init(components: UInt32) throws(GranaryError) {
            kernels = try BuildKernels(components: components)
            guard let window = unsafe granary_window_builder_create(components) else {
                throw GranaryError(.tooLarge, "no memory to build a segment of \(components) components")
            }
            unsafe self.window = window
        }

        deinit { unsafe granary_window_builder_free(window) }

        func make(
            _ rows: EncodedRows, _ order: ArraySlice<UInt32>, threshold: UInt16, floor: Int
        ) throws(GranaryError) -> Window {
            var lengths = [UInt32](repeating: 0, count: Int(rows.components))
            var counts = lengths
            var bytes: [UInt8]?
            let steps = rows.steps
            // SAFETY: both arrays have a place for each component; the kernel checks rows; the lists are
            // copied before the next call.
            unsafe Kernels.withSource(rows.view, rows.fineView, steps.span) { source in
                unsafe withUnsafePointer(to: source) { source in
                    unsafe order.withUnsafeBufferPointer { order in
                        var lists: UnsafePointer<UInt16>?
                        let words = unsafe granary_window_make(
                            window, kernels.state, source, order.baseAddress, UInt32(order.count), threshold,
                            UInt32(floor), &lengths, &counts, &lists)
                        if words >= 0 {
                            unsafe bytes = [UInt8](UnsafeRawBufferPointer(start: lists, count: 2 * words))
                        }
                    }
                }
            }
            guard let bytes else {
                throw GranaryError(.corrupt, "a row of a build in progress cannot be read back")
            }
            return Window(bytes: bytes, lengths: lengths, counts: counts)
        }
    }
}
