import GranaryStorage
import Synchronization

/// Dense vectors that were replaced while their documents were on their way from a segment into another.
private struct DenseChange {
    let input: SegmentReader
    /// What was not on its way.
    let dead: Tombstones
    let before: DenseVectors?
    let after: DenseVectors?

    /// Nil when nothing was replaced.
    init?(_ input: LiveSegment, before: DenseVectors?, after: DenseVectors?) {
        func names(_ dense: DenseVectors?) -> [String] {
            dense?.files.map(\.container.record.name) ?? []
        }
        if names(before) == names(after) { return nil }
        self.input = input.reader
        dead = input.committedDead
        (self.before, self.after) = (before, after)
    }

    /// Calls `body` with each document whose row is another one now.
    ///
    /// - Throws: `corrupt` for places beyond the rows.
    func forEachDocument(_ body: (UInt32) throws(GranaryError) -> Void) throws(GranaryError) {
        for ordinal in 0..<UInt32(input.documentCount) where !dead.contains(ordinal) {
            let (old, new) = (try Self.row(ordinal, before), try Self.row(ordinal, after))
            if old?.file !== new?.file || old?.row != new?.row { try body(ordinal) }
        }
    }

    private static func row(
        _ ordinal: UInt32, _ dense: DenseVectors?
    ) throws(GranaryError) -> (file: DenseFile, row: Int)? {
        guard let dense, let place = try dense.place(ordinal) else { return nil }
        let (file, row) = dense.locate(place)
        return (dense.files[file], row)
    }
}

extension WriterCore {
    /// Gives the output of a merge the dense vectors that came for its documents while it was made. Those
    /// that are committed go into what it publishes. In the lane.
    ///
    /// - Parameters:
    ///   - inputs: as the merge has seen them.
    ///   - segments: as they are now.
    /// - Returns: the vectors that it has beyond the commit; nil when there are no others.
    /// - Throws: errors of reading and writing. No file is left then.
    func carryDense(
        from inputs: [LiveSegment], _ segments: [LiveSegment], into output: inout LiveSegment?
    ) throws(GranaryError) -> DenseRevision? {
        guard var merged = output else { return nil }
        let now = inputs.compactMap { input in
            segments.first { $0.id == input.id }.map { (before: input, now: $0) }
        }
        let published = Set(directory.manifest.files.map(\.name))
        // An input's file may have left the manifest meanwhile, and goes from the disk soon.
        let inherited = Set(inputs.flatMap(\.committedFiles).map(\.name))
        let committed = try carry(
            now.compactMap {
                DenseChange(
                    $0.before, before: $0.before.committedReader.dense, after: $0.now.committedReader.dense)
            }, into: merged
        ) { published.contains($0.name) || !inherited.contains($0.name) }
        if let committed {
            merged.dense = committed.vectors
            merged.commit(dead: merged.committedDead)
        }
        // A file of the inputs that only the last commit has goes with them.
        let pending = Set(now.flatMap(\.now.files).map(\.name)).subtracting(published)
            .union(merged.committedFiles.map(\.name))
        do throws(GranaryError) {
            let revision = try carry(
                now.compactMap {
                    DenseChange($0.before, before: $0.now.committedReader.dense, after: $0.now.dense)
                }, into: merged
            ) { pending.contains($0.name) }
            output = merged
            return revision
        } catch {
            directory.discard([committed?.made].compactMap { $0 })
            throw error
        }
    }

    /// Writes the vectors of a segment anew where some were replaced, or one of its files cannot stay.
    ///
    /// By key: the segment has one document for each that was live. Complexity: O(documents), and a look-up
    /// for each that changed.
    /// - Parameter mayShare: whether a file stays on disk as long as the segment has it.
    /// - Returns: nil when everything is as it is.
    private func carry(
        _ changes: [DenseChange], into output: LiveSegment, _ mayShare: (FileRecord) -> Bool
    ) throws(GranaryError) -> DenseRevision? {
        let isWhole = output.dense?.files.allSatisfy { mayShare($0.container.record) } ?? true
        if changes.isEmpty, isWhole { return nil }
        let reader = output.reader
        var origins = (0..<UInt32(reader.documentCount)).map { (input: 0, ordinal: $0) }
        for (number, change) in changes.enumerated() {
            try change.forEachDocument { (ordinal) throws(GranaryError) in
                guard let key = change.input.keys.bytes(of: ordinal) else {
                    throw change.input.malformed(.keys, at: Int(ordinal))
                }
                for place in reader.keys.ordinals(of: key, hash: KeyHash(key)) {
                    origins[Int(place)] = (number + 1, ordinal)
                }
            }
        }
        var rows = MergedDenseRows([output.dense] + changes.map(\.after))
        for (ordinal, origin) in origins.enumerated() {
            if output.committedDead.contains(UInt32(ordinal)) {
                rows.appendNone()
            } else {
                rows.append(input: origin.input, ordinal: origin.ordinal)
            }
        }
        try rows.share(options.build, where: mayShare)
        // The lane does not wait for a merge that is paused, and nobody is called from inside of it.
        return try revise(rows, documents: reader.documentCount, BuildProgress())
    }
}
