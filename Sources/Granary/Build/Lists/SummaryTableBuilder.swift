internal import CGranary
import GranaryStorage

/// Summarises the blocks of one posting list and collects the summaries in tables (`Formats/summaries.md`).
struct SummaryTableBuilder {
    private let kernels: BuildKernels
    private let options: BuildOptions
    /// The list's component, which is in every summary.
    private let component: UInt32
    private let isWide: Bool
    private var entryCount = 0
    private var blockCount = 0
    /// The tables so far, one after the other.
    private(set) var bytes: [UInt8] = []
    /// Bytes of each table.
    private(set) var lengths: [UInt32] = []

    private static let largestEntries = GRANARY_TABLE_ENTRIES
    private static let largestBlocks = GRANARY_TABLE_BLOCKS

    init(_ kernels: BuildKernels, options: BuildOptions, component: UInt32, isWide: Bool) {
        self.kernels = kernels
        self.options = options
        self.component = component
        self.isWide = isWide
        if kernels.summaryEntries.isEmpty {
            let none = granary_summary_entry(component: 0, half: 0, block: 0)
            kernels.summaryEntries = Array(repeating: none, count: 2 * Self.largestEntries)
            kernels.sortedEntries = Array(repeating: none, count: Self.largestEntries)
        }
    }

    /// Adds the summary of the list's next block; false for a malformed row.
    mutating func add(
        _ rows: borrowing RowsView, _ fine: borrowing FineView, steps: Span<Float>, ordinals: Span<UInt32>
    ) -> Bool {
        let (from, block) = (entryCount, UInt8(blockCount))
        // SAFETY: behind the pending entries, which are up to half of the array, there is room for the most
        // that the kernel writes; the kernel checks rows and their components.
        let added = unsafe Kernels.withSource(rows, fine, steps) { source in
            unsafe ordinals.withUnsafeBufferPointer { ordinals in
                unsafe kernels.summaryEntries.withUnsafeMutableBufferPointer { entries in
                    unsafe withUnsafePointer(to: source) {
                        unsafe granary_summarise(
                            kernels.state, $0, ordinals.baseAddress, ordinals.count,
                            Float(options.summaryBlend),
                            Float(options.summaryEnergy), component, block,
                            entries.baseAddress.map { unsafe $0 + from })
                    }
                }
            }
        }
        guard added >= 0 else { return false }
        if entryCount + added > Self.largestEntries {
            closeTable()
            for position in 0..<added {
                kernels.summaryEntries[position] = kernels.summaryEntries[from + position]
                kernels.summaryEntries[position].block = 0
            }
        }
        entryCount += added
        blockCount += 1
        if blockCount == Self.largestBlocks { closeTable() }
        return true
    }

    /// Completes the last table.
    mutating func finish() { closeTable() }

    private mutating func closeTable() {
        if blockCount == 0 { return }
        let start = bytes.count
        let bound = granary_summaries_bound(entryCount, kernels.components, isWide ? 1 : 0)
        var table = [UInt8](repeating: 0, count: bound)
        // SAFETY: `table` has the bytes that the kernel asks for; `entryCount` entries are in the one array
        // and fit into the other.
        let length = unsafe granary_summaries_make(
            kernels.state, kernels.summaryEntries, entryCount, blockCount, kernels.components, isWide ? 1 : 0,
            &kernels.sortedEntries, &table)
        bytes.append(contentsOf: table[..<length])
        lengths.append(UInt32(bytes.count - start))
        (entryCount, blockCount) = (0, 0)
    }
}
