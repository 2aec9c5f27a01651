#if DEBUG || FUZZING
    import CGranary
    @testable import Granary
    import GranaryStorage

    /// Forward rows: every reader of them, at every level, against a plain reading of `Formats/rows.md`.
    ///
    /// Input: u8 flags (bit 0: starts of four bytes; bits 1 and 2: the type of weights; bit 3: each row many
    /// times; bit 4: a table that does not tell all components) | u8 space, a place in `RowsQuery.all` | u8
    /// rows less 1 | starts | fine starts | u16 bytes of rows | rows | fine weights.
    struct RowsCodec {
        private let query: RowsQuery
        private let isHidden: Bool
        private let width: UInt8
        private let starts: [UInt32]
        private let fineStarts: [UInt32]
        private let rowBytes: [UInt8]
        private let rows: SectionBytes
        private let fineBytes: [UInt8]
        private let fine: SectionBytes
        private let repetitions: Int

        static func run(_ input: inout Input) throws -> Bool {
            let rows = RowsCodec(&input)
            return try rows.check()
        }

        private init(_ input: inout Input) {
            let flags = input.byte()
            query = input.one(of: RowsQuery.all)
            isHidden = flags & 16 != 0
            width = [1, 4, 0, 1][Int(flags >> 1 & 3)]
            repetitions = flags & 8 != 0 ? 20 : 1
            let count = 1 + input.below(4)
            starts = input.offsets(count + 1, isWide: flags & 1 != 0)
            fineStarts = input.offsets(count + 1, isWide: flags & 1 != 0)
            rowBytes = input.next(Int(input.number(UInt16.self)))
            rows = SectionBytes(rowBytes)
            fineBytes = input.rest()
            fine = SectionBytes(fineBytes)
        }

        private var count: Int { starts.count - 1 }
        private var table: [Float] { isHidden ? query.hidingTable : query.table }

        private func check() throws -> Bool {
            let view = RowsView(
                bytes: rows.bytes, starts: starts.span, components: query.components,
                isWide: query.isWide, isLinear: width == 0)
            let rest = FineView(bytes: fine.bytes, starts: fineStarts.span, width: width)
            let plain = (0..<count).map {
                PlainRow(rowBytes, starts[$0], starts[$0 + 1], isWide: query.isWide)
            }
            // Nil where the rest of the weights is not in its section, too.
            let weights = plain.indices.map { row in plain[row].flatMap { plainWeights(row, $0) } }
            try checkLight(view, plain)
            var isSound = true
            for ordinal in 0..<UInt32(count) {
                let (plain, weights) = (plain[Int(ordinal)], weights[Int(ordinal)])
                try checkWeights(view, rest, plain, weights, ordinal)
                if !(try checkSound(view, rest, plain, weights, ordinal)) { isSound = false }
            }
            try checkFull(view, rest, plain, weights)
            return isSound
        }

        /// Light scores, by list and by range.
        private func checkLight(_ view: borrowing RowsView, _ plain: [PlainRow?]) throws {
            let expected = plain.map { $0?.lightScore(table, isLinear: width == 0, query) ?? 0 }
            let malformed = plain.count { $0 == nil }
            let ordinals = (0..<repetitions).flatMap { _ in 0..<UInt32(count) } + [UInt32(count), .max]
            for level in 0...Kernels.bestLevel {
                var scores = [Float](repeating: -1, count: count)
                var bad = Kernels.score(
                    view, table: table, range: 0..<UInt32(count), into: &scores, level: level)
                try Finding.unless(
                    bad == malformed && scores.isSame(as: expected),
                    "rows score \(scores), \(bad) malformed, at level \(level); plainly \(expected)")
                scores = [Float](repeating: -1, count: ordinals.count)
                bad = Kernels.score(
                    view, table: table, ordinals: ordinals, count: ordinals.count, into: &scores,
                    level: level)
                try Finding.unless(
                    bad == malformed * repetitions + 2
                        && scores.isSame(as: (0..<repetitions).flatMap { _ in expected } + [0, 0]),
                    "listed rows score \(scores), \(bad) malformed, at level \(level)")
            }
        }

        /// The entries of a row that `RowCheck` passes are read by every reader, and are what they seem.
        private func checkSound(
            _ view: borrowing RowsView, _ rest: borrowing FineView, _ plain: PlainRow?, _ weights: [Float]?,
            _ ordinal: UInt32
        ) throws -> Bool {
            let decoded = Kernels.decode(view, ordinal: ordinal)
            try Finding.unless(
                decoded?.components == plain?.components && decoded?.codes == plain?.codes
                    && decoded?.shift == plain?.shift, "a row is decoded in another way than plainly")
            let steps = query.steps
            let entries = RowEntries(view, rest, steps: steps.span, ordinal: ordinal)
            // Asked without weights, as a check of a file asks only what has been read.
            guard entries != nil, RowCheck.isSound(view, rest, steps: steps.span, ordinal: ordinal) else {
                return false
            }
            guard let entries, let plain, let weights else {
                throw Finding("a row passes that cannot be read")
            }
            let expected = weights.indices.filter { weights[$0] > 0 }
            try Finding.unless(
                entries.components == expected.map { plain.components[$0] }
                    && entries.weights == expected.map { weights[$0] },
                "a sound row has other entries than plainly")
            try Finding.unless(
                zip(entries.components, entries.components.dropFirst()).allSatisfy { $0 < $1 }
                    && entries.weights.allSatisfy { $0 > 0 && $0.isFinite },
                "a sound row has entries that no writer makes")
            return true
        }

        /// The stored weights of a row; nil where the rest of them is not in its section.
        private func plainWeights(_ row: Int, _ plain: PlainRow) -> [Float]? {
            let start = Int(fineStarts[row]) * 8 * Int(width)
            let end = start + plain.codes.count * Int(width)
            return end <= fineBytes.count ? plain.weights(fineBytes[start..<end], width, query) : nil
        }

        /// By place in the query: the weight that a row says last, and whether it says one at most of each.
        private func plainStored(_ plain: PlainRow, _ weights: [Float]) -> (stored: [Float], isOnce: Bool) {
            var stored = [Float](repeating: 0, count: query.locals.count)
            var isOnce = true
            for entry in weights.indices where weights[entry] > 0 {
                guard let place = query.place(plain.components[entry]) else { continue }
                if stored[place] > 0 { isOnce = false }
                stored[place] = weights[entry]
            }
            return (stored, isOnce)
        }

        /// Weights at the query's components.
        private func checkWeights(
            _ view: borrowing RowsView, _ rest: borrowing FineView, _ plain: PlainRow?, _ weights: [Float]?,
            _ ordinal: UInt32
        ) throws {
            var first: [Float]?
            let (steps, locals) = (query.steps, query.locals)
            for level in 0...Kernels.bestLevel {
                var found = [Float](repeating: -1, count: query.locals.count)
                var span = found.mutableSpan
                let isRead = Kernels.weights(
                    view, rest, steps: steps.span, ordinal: ordinal, at: locals.span,
                    into: &span, level: level)
                if level == 0 { first = isRead ? found : nil }
                try Finding.unless(
                    isRead == (first != nil) && (!isRead || found.isSame(as: first ?? [])),
                    "weights are \(isRead) \(found) at level \(level)")
            }
            guard let plain, let weights, plain.isAscending else { return }
            let expected = plainStored(plain, weights).stored
            try Finding.unless(
                first?.isSame(as: expected) == true,
                "weights are \(String(describing: first)), plainly \(expected)")
        }

        /// Full scores: the same at every level, and of sound rows those of their weights.
        private func checkFull(
            _ view: borrowing RowsView, _ rest: borrowing FineView, _ plain: [PlainRow?],
            _ weights: [[Float]?]
        ) throws {
            // The last is beyond all rows.
            let ordinals = Array(0...UInt32(count))
            var first: (bad: Int, scores: [Float])?
            for level in 0...Kernels.bestLevel {
                var stored = [Float](repeating: 0, count: query.weights.count)
                var scores = [Float](repeating: -1, count: ordinals.count)
                let (table, query, steps) = (table, query, query.steps)
                // SAFETY: lengths are those that `Kernels.scoreFully` checks, made so in `RowsQuery`.
                let bad = unsafe Kernels.withSource(view, rest, steps.span) { source in
                    unsafe query.withFull { full in
                        unsafe withUnsafePointer(to: source) {
                            unsafe granary_rows_score_full(
                                $0, table, full, ordinals, ordinals.count, &stored, &scores, level)
                        }
                    }
                }
                if let first {
                    try Finding.unless(
                        bad == first.bad && scores.isSame(as: first.scores),
                        "full scores are \(scores) at level \(level), \(first.scores) at level 0")
                } else {
                    first = (bad, scores)
                }
            }
            for (row, plain) in plain.enumerated() {
                guard let plain, plain.isAscending, let weights = weights[row], let first else { continue }
                let (stored, isOnce) = plainStored(plain, weights)
                // Of two weights of a component, which no writer makes, any may count.
                guard isOnce else { continue }
                var score: Float = 0
                for place in stored.indices { score += query.weights[place] * stored[place] }
                try Finding.unless(
                    score.bitPattern == first.scores[row].bitPattern || score.isNaN,
                    "a row's full score is \(first.scores[row]), plainly \(score)")
            }
        }
    }
#endif
