import GranaryStorage

extension SegmentReader {
    /// Checks what checksums cannot: that rows, blocks, keys and payloads say what they may say and agree
    /// with each other.
    ///
    /// - Parameter lastSequence: what the manifest says of the document inserted last; nil for a segment that
    ///   no manifest has.
    /// - Throws: `corrupt` naming section and element; `cancelled`. Complexity: reads the segment once.
    func verifyContents(_ progress: BuildProgress, lastSequence: UInt64?) throws(GranaryError) {
        var insertions: [UInt64] = []
        var total: UInt64 = 0
        var payloads = PayloadCursor(payloads)
        var components = ComponentFacts(count: Int(facts.components))
        for ordinal in 0..<UInt32(documentCount) {
            if ordinal % 4096 == 0 { try progress.cancellation?.check() }
            let entries = try entries(ordinal)
            // No writer takes more: such a document could be read, and never merged.
            guard entries.components.count <= RowEntries.mostEntries,
                RowCheck.isSound(rows, fine, steps: steps, ordinal: ordinal)
            else {
                throw malformed(.rows, at: Int(ordinal))
            }
            total += UInt64(entries.components.count)
            guard components.add(entries) else { throw malformed(.rows, at: Int(ordinal)) }
            // Sequence numbers wrap around in a manifest that no writer makes.
            insertions.append(sequence(ordinal) &- firstSequence)
            _ = try key(ordinal)
            _ = try payloads.payload(ordinal)
        }
        insertions.sort()
        let isDistinct = zip(insertions, insertions.dropFirst()).allSatisfy { $0 < $1 }
        let isInside = insertions.last ?? 0 <= (lastSequence ?? .max) &- firstSequence
        guard isDistinct, isInside, insertions.first ?? 0 == 0 else { throw malformed(.insertions, at: 0) }
        guard total == facts.entries else { throw malformed(.segment, at: 0) }
        if let place = keys.firstFault() { throw malformed(.keyHashes, at: place) }
        for column in fields.columns { try column.verify() }
        try verifyComponents()
        try verifyMaxima(components)
        try verifyBlocks(components)
        try verifyImpacts(components)
        try dense?.verifyContents(progress.cancellation)
        // Reading it all has told the system otherwise.
        adviseRandom()
    }

    private func verifyComponents() throws(GranaryError) {
        if let component = names.misledComponent() {
            throw malformed(.componentLookup, at: Int(component))
        }
        for local in 0..<facts.components {
            guard let component = names.component(local), names.local(of: component) == local else {
                throw malformed(.componentLookup, at: Int(local))
            }
            if names.hasTokens {
                guard let token = names.token(local), names.local(ofToken: token) == local else {
                    throw malformed(.tokenOrder, at: Int(local))
                }
            }
        }
    }

    /// What the rows say of components, to be compared with what stands beside their lists.
    private struct ComponentFacts {
        /// The largest weight of each.
        private(set) var largest: [Float]
        /// The documents that have each.
        private(set) var counts: [UInt32]

        init(count: Int) {
            largest = [Float](repeating: 0, count: count)
            counts = [UInt32](repeating: 0, count: count)
        }

        /// Counts a row in; false for components that there are not.
        mutating func add(_ entries: RowEntries) -> Bool {
            for (local, weight) in zip(entries.components, entries.weights) {
                guard Int(local) < counts.count else { return false }
                largest[Int(local)] = max(largest[Int(local)], weight)
                counts[Int(local)] += 1
            }
            return true
        }
    }

    /// Searches leave lists out by these maxima.
    private func verifyMaxima(_ components: ComponentFacts) throws(GranaryError) {
        let (stored, flags) = (largestWeights, listFlagBytes)
        for local in components.largest.indices {
            guard stored[local] == components.largest[local] else { throw malformed(.listMaxima, at: local) }
            guard let flag = flags.byte(at: local), flag <= 1 else { throw malformed(.listFlags, at: local) }
        }
    }

    /// Whether what a list says of its completeness is true, given how many documents it has: a search that
    /// has read complete lists looks for no more.
    private func isFlagSound(_ local: UInt32, _ components: ComponentFacts, found: Int) -> Bool {
        !isComplete(local) || found == Int(components.counts[Int(local)])
    }

    private func verifyBlocks(_ components: ComponentFacts) throws(GranaryError) {
        var next: UInt32 = 0
        var postingCount: UInt64 = 0
        var fresh = [UInt32](repeating: 0, count: 255)
        // By document: the last list that has it, from 1.
        var seen = [UInt32](repeating: 0, count: facts.blocks > 0 ? documentCount : 0)
        for local in 0..<facts.components {
            var found = 0
            let blocks = try list(local)
            guard blocks.lowerBound == next || facts.blocks == 0 else {
                throw malformed(.lists, at: Int(local))
            }
            next = blocks.upperBound
            for block in blocks {
                var visited = [UInt32](repeating: 0, count: 1024)
                let range = try postingRange(block)
                guard
                    let count = Kernels.candidates(
                        ofBlock: postings.extracting(range), documents: facts.documents, visited: &visited,
                        into: &fresh,
                        at: 0)
                else { throw malformed(.postings, at: Int(block)) }
                for ordinal in fresh[..<count] {
                    guard try hasComponent(local, ordinal) else { throw malformed(.postings, at: Int(block)) }
                    guard seen[Int(ordinal)] != local + 1 else { throw malformed(.postings, at: Int(block)) }
                    seen[Int(ordinal)] = local + 1
                    found += 1
                }
                postingCount += UInt64(count)
            }
            guard hasImpacts || isFlagSound(local, components, found: found) else {
                throw malformed(.listFlags, at: Int(local))
            }
            var summarised = 0
            for table in try tables(local) {
                guard let count = summaries.check(table) else { throw malformed(.summaries, at: table) }
                summarised += count
            }
            guard summarised == blocks.count else { throw malformed(.listTables, at: Int(local)) }
        }
        guard next == facts.blocks, postingCount == facts.postings || hasImpacts else {
            throw malformed(.lists, at: Int(facts.components))
        }
    }

    private func verifyImpacts(_ components: ComponentFacts) throws(GranaryError) {
        if !hasImpacts { return }
        let lists = impacts
        var total: UInt64 = 0
        for local in 0..<facts.components {
            var found: [(ordinal: UInt32, level: UInt8)] = []
            for window in 0..<facts.windows {
                guard
                    let count = lists.check(
                        local, window: window,
                        { ordinal, level in
                            found.append((ordinal, level))
                            return true
                        })
                else { throw malformed(.impacts, at: Int(local)) }
                total += UInt64(count)
            }
            for (ordinal, level) in found where Kernels.level(of: try weight(local, ordinal)) != level {
                throw malformed(.impacts, at: Int(local))
            }
            guard isFlagSound(local, components, found: found.count) else {
                throw malformed(.listFlags, at: Int(local))
            }
        }
        guard total == facts.postings else { throw malformed(.impacts, at: Int(facts.components)) }
    }

    /// Whether a document's row has a component. Reads the row up to the component, without a copy: this is
    /// done for every posting.
    private func hasComponent(_ local: UInt32, _ ordinal: UInt32) throws(GranaryError) -> Bool {
        try weight(local, ordinal) > 0
    }

    /// A document's stored weight of a component; 0 when it has none.
    private func weight(_ local: UInt32, _ ordinal: UInt32) throws(GranaryError) -> Float {
        var weight: [Float] = [0]
        var place = weight.mutableSpan
        let wanted = [local]
        guard Kernels.weights(rows, fine, steps: steps, ordinal: ordinal, at: wanted.span, into: &place)
        else { throw malformed(.rows, at: Int(ordinal)) }
        return weight[0]
    }
}
