import GranaryStorage

/// The large sections of one segment, compared with their checksums when they are first read
/// (`ReadVerification.firstTouch`).
final class SegmentTouch: Sendable {
    let rows: FirstTouch?
    let fine: FirstTouch?
    let postings: FirstTouch?
    let summaries: FirstTouch?
    let impacts: FirstTouch?
    let payloadBlocks: FirstTouch?

    /// Compares the other sections at once: some 50 bytes a document, and what there is of components and
    /// fields.
    ///
    /// - Throws: `checksumMismatch`.
    init(blocks: Container, summary: Container) throws(GranaryError) {
        let large: Set<SectionID> = [.rows, .fine, .postings, .summaries, .impacts, .payloadBlocks]
        var touches: [SectionID: FirstTouch] = [:]
        for file in [blocks, summary] {
            for section in file.sections {
                if large.contains(section.id) {
                    touches[section.id] = FirstTouch(file, section)
                } else {
                    try file.verify(section, 0..<section.count)
                }
            }
        }
        (rows, fine, postings) = (touches[.rows], touches[.fine], touches[.postings])
        (summaries, impacts, payloadBlocks) = (
            touches[.summaries], touches[.impacts], touches[.payloadBlocks]
        )
    }
}

extension SegmentReader {
    /// Compares rows that are about to be read with their checksums, where the index is opened to do so.
    ///
    /// - Parameters:
    ///   - count: how many rows.
    ///   - ordinal: the document of a number below `count`.
    /// - Throws: `checksumMismatch`.
    @inline(__always)
    func checkRows(_ count: Int, _ ordinal: (Int) -> UInt32) throws(GranaryError) {
        guard let rows = touch?.rows else { return }
        try rows.verify(count) { range(rowStarts, Int(ordinal($0)), unit: 8) }
    }

    /// As `checkRows`, rows with the rest of their weights.
    @inline(__always)
    func checkFullRows(_ count: Int, _ ordinal: (Int) -> UInt32) throws(GranaryError) {
        guard let fine = touch?.fine else { return }
        try checkRows(count, ordinal)
        try fine.verify(count) { range(fineStarts, Int(ordinal($0)), unit: 8 * Int(facts.weights.fineWidth)) }
    }

    /// As `checkRows`, all rows of a range.
    func checkRows(_ ordinals: Range<UInt32>) throws(GranaryError) {
        guard let rows = touch?.rows else { return }
        let (from, to) = (Int(ordinals.lowerBound), Int(ordinals.upperBound))
        try rows.verify(1) { _ in range(rowStarts, from, to, unit: 8) }
    }

    /// As `checkRows`, the impact-ordered lists of some components.
    func checkLists(_ locals: [UInt32]) throws(GranaryError) {
        guard let impacts = touch?.impacts else { return }
        let windows = Int(facts.windows)
        try impacts.verify(locals.count) {
            range(impactStarts, Int(locals[$0]) * windows, (Int(locals[$0]) + 1) * windows, unit: 2)
        }
    }

    /// As `checkRows`, summary tables.
    func checkSummaries(_ tables: Range<Int>) throws(GranaryError) {
        guard let summaries = touch?.summaries else { return }
        try summaries.verify(1) { _ in
            range(summaryStarts, tables.lowerBound, tables.upperBound, unit: 8)
        }
    }

    private func range(_ starts: Section, _ place: Int, unit: Int) -> Range<Int> {
        range(starts, place, place + 1, unit: unit)
    }

    /// What lies between two places of a section of starts; nothing where a damaged one says nonsense.
    private func range(_ starts: Section, _ first: Int, _ last: Int, unit: Int) -> Range<Int> {
        let words = Kernels.words(starts.bytes)
        guard last < words.count else { return 0..<0 }
        let (from, to) = (unit * Int(words[first]), unit * Int(words[last]))
        return from..<max(from, to)
    }
}
