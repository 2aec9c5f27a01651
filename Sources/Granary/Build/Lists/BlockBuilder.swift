import GranaryStorage

/// One posting list cut into blocks, with their summaries.
struct ListBlocks: Sendable {
    /// The documents (numbers of insertion) of all blocks, block after block.
    var documents: [UInt32] = []
    /// Documents of each block, 1...255.
    var sizes: [UInt8] = []
    /// The tables of the summaries, one after the other.
    var summaries: [UInt8] = []
    /// Bytes of each table.
    var tableLengths: [UInt32] = []
}

/// Cuts posting lists into blocks of similar documents and summarises each block.
///
/// Source: clustering around random documents and energy-preserving summaries, Seismic (SIGIR 2024), sections
/// 4.2 and 4.3. A summary here is a blend of maximum and mean: it ranks blocks with a quarter fewer rows to
/// score.
struct BlockBuilder {
    let rows: EncodedRows
    let selection: PostingSelection
    let options: BuildOptions
    let threads: Int

    /// Postings that are worked on before the results are handed on: bounds memory.
    private static let wavePostings = 1 << 18

    /// Calls `body` with the blocks of each list, by ascending local component.
    func forEachList(
        progress: BuildProgress, _ body: (Int, ListBlocks) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        let lists = selection.starts.count - 1
        var first = 0
        while first < lists {
            var end = first
            while end < lists, selection.starts[end] - selection.starts[first] < Self.wavePostings {
                end += 1
            }
            try progress.report(
                .clustering, UInt64(selection.starts[first]), UInt64(selection.documents.count))
            let (from, this) = (first, self)
            let wave = try Parallel.map(
                count: end - first, threads: threads,
                state: { () throws(GranaryError) in try BuildKernels(components: this.rows.components) },
                body: { (kernels, number) throws(GranaryError) in try this.blocks(of: from + number, kernels)
                })
            for (offset, list) in wave.enumerated() { try body(first + offset, list) }
            first = end
        }
    }

    private func blocks(of component: Int, _ kernels: BuildKernels) throws(GranaryError) -> ListBlocks {
        let documents = selection.list(component)
        var result = ListBlocks()
        guard !documents.isEmpty else { return result }
        let steps = rows.steps
        var clusters = [UInt32](repeating: 0, count: documents.count)
        let seed = options.seed ^ (UInt64(component) &* 0x9e37_79b9_7f4a_7c15)
        guard
            let count = kernels.cluster(
                rows.view, rows.fineView, steps: steps.span, ordinals: documents.span, options: options,
                seed: seed,
                clusters: &clusters)
        else { throw GranaryError(.corrupt, "a row of a build in progress cannot be read back") }
        var members = [[UInt32]](repeating: [], count: count)
        for (cluster, document) in zip(clusters, documents) { members[Int(cluster)].append(document) }
        var tables = SummaryTableBuilder(
            kernels, options: options, component: UInt32(component), isWide: rows.isWide)
        for cluster in members {
            // A cluster beyond the largest block is cut into equal parts.
            let parts = (cluster.count + options.largestBlock - 1) / options.largestBlock
            for part in 0..<parts {
                let block = cluster[(part * cluster.count / parts)..<((part + 1) * cluster.count / parts)]
                guard tables.add(rows.view, rows.fineView, steps: steps.span, ordinals: block.span) else {
                    throw GranaryError(.corrupt, "a row of a build in progress cannot be read back")
                }
                result.documents.append(contentsOf: block)
                result.sizes.append(UInt8(block.count))
            }
        }
        tables.finish()
        result.summaries = tables.bytes
        result.tableLengths = tables.lengths
        return result
    }
}
