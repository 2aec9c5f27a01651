import GranaryStorage

/// Makes one segment of several.
enum SegmentMerger {
    /// Writes the live documents of some segments, in order of insertion, into a new one: vectors, keys,
    /// payloads and sequence numbers as they are, so that no score changes by a bit.
    ///
    /// Every byte that is read is compared with its checksum, and so is the output once it is written.
    /// - Parameters:
    ///   - inputs: their tombstones say what to leave out.
    ///   - sharesDense: whether the output may go on using `.dense` files of the inputs.
    /// - Returns: nil when no document is live.
    /// - Throws: `corrupt`, `checksumMismatch` naming the input; `tooLarge` when the inputs are more than
    /// 2^32
    ///   operations apart; `diskFull`, `cancelled`. No file is left then.
    static func merge(
        _ inputs: [SegmentReader], sharesDense: Bool, _ context: BuildContext
    ) throws(GranaryError) -> BuiltSegment? {
        try verify(inputs.flatMap { [$0.blocks, $0.summary] }, context.progress)
        var order = LiveOrder(inputs)
        let total = order.count
        if total == 0 { return nil }
        var builder = SegmentBuilder(context)
        var payloads = inputs.map { PayloadCursor($0.payloads) }
        var dense = MergedDenseRows(inputs.map(\.dense))
        let extraction = FieldExtraction(context.schema.fields)
        var done = 0
        var last: UInt64?
        while let (number, ordinal, sequence) = order.next() {
            if done % 1024 == 0 { try context.progress.report(.reading, UInt64(done), UInt64(total)) }
            done += 1
            let input = inputs[number]
            if let last, last >= sequence { throw input.malformed(.insertions, at: Int(ordinal)) }
            last = sequence
            let (components, weights) = try input.vector(ordinal)
            // The output would carry on what no key is.
            guard let key = input.keys.bytes(of: ordinal), DocumentKey(encoded: key.rawBytes) != nil else {
                throw input.malformed(.keys, at: Int(ordinal))
            }
            dense.append(input: number, ordinal: ordinal)
            let payload = try payloads[number].payload(ordinal)
            _ = try builder.add(
                key: key, hash: KeyHash(key), components: components, weights: weights,
                payload: payload, sequence: sequence,
                values: try extraction.values(of: payload, in: input.blocks),
                isReadAgain: true)
        }
        guard builder.documentCount == total else {
            throw GranaryError(
                .corrupt, "expected each key once in segments that go together, found one twice",
                path: inputs.first?.blocks.path)
        }
        if sharesDense { try dense.share(context.options) }
        let rows = dense
        let built = try builder.finish(
            context,
            readingAgain: { (body) throws(GranaryError) in
                // The inputs are mapped: a copy would take more room on disk than the output.
                var order = LiveOrder(inputs)
                while let (number, ordinal, _) = order.next() {
                    let (components, weights) = try inputs[number].vector(ordinal)
                    try body(components, weights)
                }
            }, denseRows: rows)
        do throws(GranaryError) {
            var output: [Container] = []
            for file in built.made {
                output.append(
                    try Container.open(
                        fileSystem: context.fileSystem, directory: context.directory, record: file))
            }
            try verify(output, context.progress)
        } catch {
            for file in built.made {
                try? context.fileSystem.unlink("\(context.directory)/\(file.name)")
            }
            throw error
        }
        return built
    }

    private static func verify(_ files: [Container], _ progress: BuildProgress) throws(GranaryError) {
        let total = files.reduce(0) { $0 + $1.record.length }
        var done: UInt64 = 0
        for file in files {
            try file.verify { (bytes) throws(GranaryError) in
                done += bytes
                try progress.report(.verifying, done, total)
            }
        }
    }
}
