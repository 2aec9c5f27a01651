import GranaryStorage

/// The postings that lists keep: for each local component the documents (by number of insertion) with a
/// weight above a global threshold, and for each document at least its strongest few (so that it can be found
/// at all).
///
/// Source: static pruning by a global threshold, Seismic (SIGIR 2024); the floor is ours (`postingsFloor`).
struct PostingSelection {
    /// By local component: where its list begins in `documents`; one more at the end.
    private(set) var starts: [Int]
    /// The documents of all lists, ascending in each.
    private(set) var documents: [UInt32]
    /// By local component: whether its list has every document of the component.
    private(set) var isComplete: [Bool]

    /// The smallest float16 such that at most `wanted` weights are at least as large.
    static func threshold(_ histogram: [UInt64], wanted: Double) -> UInt16 {
        var above: UInt64 = 0
        for half in stride(from: histogram.count - 1, through: 1, by: -1) {
            above += histogram[half]
            if Double(above) > wanted { return UInt16(half + 1) }
        }
        return 0
    }

    init(
        _ rows: EncodedRows, threshold: UInt16, options: BuildOptions, progress: BuildProgress
    ) throws(GranaryError) {
        let kernels = try BuildKernels(components: rows.components)
        let components = Int(rows.components)
        let steps = rows.steps
        var counts = [Int](repeating: 0, count: components + 1)
        var kept: [(document: UInt32, component: UInt32, half: UInt16)] = []
        var row = [UInt32](repeating: 0, count: 65_536)
        var halves = [UInt16](repeating: 0, count: 65_536)
        for document in 0..<rows.count {
            if document % 4096 == 0 { try progress.report(.inverting, UInt64(document), UInt64(rows.count)) }
            guard
                let selected = kernels.select(
                    rows.view, rows.fineView, steps: steps.span, ordinal: UInt32(document),
                    threshold: threshold,
                    floor: UInt32(options.postingsFloor), components: &row, halves: &halves)
            else { throw GranaryError(.corrupt, "a row of a build in progress cannot be read back") }
            for position in 0..<selected {
                counts[Int(row[position])] += 1
                kept.append((UInt32(document), row[position], halves[position]))
            }
        }
        starts = [Int](repeating: 0, count: components + 1)
        var total = 0
        for component in 0..<components {
            starts[component] = total
            total += counts[component]
        }
        starts[components] = total
        documents = [UInt32](repeating: 0, count: total)
        var ranks = [UInt16](repeating: 0, count: total)
        var next = starts
        for posting in kept {
            let at = next[Int(posting.component)]
            next[Int(posting.component)] = at + 1
            documents[at] = posting.document
            ranks[at] = posting.half
        }
        kept = []
        isComplete = (0..<components).map { counts[$0] == Int(rows.statistics.rows[$0]) }
        let average = Double(total) / Double(max(1, counts.count { $0 > 0 }))
        cut(ranks, to: max(64, Int(min(1e9, average * options.listCap))))
    }

    /// Shortens lists to `cap` postings: the strongest, and those that the floor protects.
    private mutating func cut(_ ranks: [UInt16], to cap: Int) {
        var write = 0
        for component in 0..<(starts.count - 1) {
            let list = starts[component]..<starts[component + 1]
            starts[component] = write
            var least: UInt16 = 0
            if list.count > cap {
                least = list.map { ranks[$0] & 0x7fff }.sorted(by: >)[cap - 1]
            }
            for position in list where ranks[position] & 0x7fff >= least || ranks[position] & 0x8000 != 0 {
                documents[write] = documents[position]
                write += 1
            }
            if write - starts[component] < list.count { isComplete[component] = false }
        }
        starts[starts.count - 1] = write
        documents.removeLast(documents.count - write)
    }

    /// The documents of a component's list.
    func list(_ component: Int) -> ArraySlice<UInt32> { documents[starts[component]..<starts[component + 1]] }
}
