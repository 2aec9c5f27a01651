import Granary

/// What is in the golden indexes. Each is as small as it can be and have what it is there for: a section of a
/// file takes 4096 bytes at least.
enum GoldenRecipes {
    private static func vector(_ entries: [UInt32: Float]) throws(GranaryError) -> SparseVector {
        let components = entries.keys.sorted()
        return try SparseVector(components: components, weights: components.map { entries[$0] ?? 0 })
    }

    /// A vector of random components below `components`, with weights that are `unit` times 1...`most`.
    private static func vector(
        _ random: inout TestRandom, components: Int, stride: UInt32 = 1, entries: ClosedRange<Int>,
        unit: Float,
        most: Int
    ) throws(GranaryError) -> SparseVector {
        var weights: [UInt32: Float] = [:]
        for _ in 0..<random.int(entries) {
            // Some are in nearly every document, and many in few.
            let share = random.float(0...1)
            let component = min(components - 1, Int(Float(components) * share * share))
            weights[UInt32(component) * stride] = unit * Float(random.int(1...most))
        }
        return try vector(weights)
    }

    /// Values that are whole multiples of `unit`, below `range` of them.
    private static func dense(_ random: inout TestRandom, _ count: Int, unit: Float, range: Int) -> [Float] {
        (0..<count).map { _ in unit * Float(random.int(-range...range)) }
    }

    private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    // MARK: Small ones

    static func oneDocument() throws(GranaryError) -> GoldenRecipe {
        var recipe = GoldenRecipe(Schema(payloadCompression: .none))
        recipe.steps = [
            .upsert([
                Document(
                    id: "doc-1",
                    sparse: try SparseVector(["oil": 1.703125, "crisis": 1.40625, "price": 0.09375]),
                    payload: text(#"{"title": "The oil crisis"}"#))
            ]),
            .commit(userData: "position 17"),
        ]
        return recipe
    }

    static func deletes() throws(GranaryError) -> GoldenRecipe {
        var recipe = GoldenRecipe(Schema(payloadCompression: .none))
        func document(
            _ id: DocumentKey, _ entries: [UInt32: Float], _ payload: [UInt8]? = nil
        ) throws(GranaryError) -> Document { Document(id: id, sparse: try vector(entries), payload: payload) }
        recipe.steps = [
            .upsert([
                try document("a", [1: 1, 2: 2], text("first a")),
                try document(7, [1: 0.5, 3: 4]),
                try document("b", [2: 1.5, 5: 0.25], []),
                // Replaced before it is written: no trace of it but the bytes of its payload.
                try document("c", [9: 9], text("first c")),
                try document(9, [:], [0xff, 0xfe]),
                try document("c", [1: 3, 300: 8], text(#"{"version": 2}"#)),
                try document("7", [1: 2], text("not 7")),
            ]),
            .commit(userData: "one"),
            // One that was updated, one that was deleted.
            .upsert([
                try document("a", [1: 1.25, 2: 1], text("second a")),
                try document("d", [2: 2, 4: 1]),
                try document(8, [3: 1, 70_000: 0.75], text("first 8")),
            ]),
            .delete([7, "nobody"]),
            .commit(userData: "two"),
            // One deleted of each segment, and one updated.
            .delete(["b", "d"]),
            .upsert([try document(8, [3: 2, 1: 0.125], text("second 8"))]),
            .commit(userData: "three"),
        ]
        return recipe
    }

    static func largestIDs() throws(GranaryError) -> GoldenRecipe {
        var recipe = GoldenRecipe(Schema(payloadCompression: .none))
        recipe.steps = [
            .upsert([
                Document(id: .number(.max), sparse: try vector([.max: 65_504, 0: 1])),
                Document(id: .number(0), sparse: try vector([.max: 0x1p-24, .max - 1: 1])),
                // 255 bytes, though not as many letters.
                Document(
                    id: .string(String(repeating: "ü", count: 127) + "!"),
                    sparse: try vector([1 << 31: 2, 65_536: 3])),
                Document(id: .string("\0"), sparse: try vector([65_535: 5])),
            ]),
            .commit(userData: ""),
        ]
        return recipe
    }

    static func backup() throws(GranaryError) -> GoldenRecipe {
        var recipe = GoldenRecipe(Schema(payloadCompression: .none))
        recipe.isBackup = true
        recipe.steps = [
            .upsert([
                Document(id: 1, sparse: try vector([1: 1, 2: 0.5])),
                Document(id: 2, sparse: try vector([2: 1])),
            ]),
            .commit(userData: ""),
            .delete([1]),
            .commit(userData: "backed up"),
        ]
        return recipe
    }

    // MARK: One for each type of weights

    static func float16() throws(GranaryError) -> GoldenRecipe {
        var recipe = GoldenRecipe(
            Schema(
                weights: .float16, payloadCompression: .zstd,
                dense: DenseSchema(dimensions: 5, element: .float32, metric: .innerProduct)),
            exactBelow: 0)
        var random = TestRandom(seed: 1)
        var documents: [Document] = []
        for number in 0..<40 {
            let drawn = try vector(&random, components: 24, entries: 3...9, unit: 1 / 64, most: 255)
            documents.append(
                Document(
                    id: .string("doc-\(number)"),
                    sparse: try SparseVector(
                        tokens: drawn.weightOfComponent.map { ("t\($0.key)", $0.value) }),
                    // Places and plain row numbers are in other indexes; here each document has one.
                    dense: dense(&random, 5, unit: 1 / 1024, range: 4096),
                    payload: number % 2 == 1
                        ? nil
                        : text(#"{"title": "Document \#(number) of the golden index", "n": \#(number)}"#)))
        }
        recipe.steps = [.upsert(documents), .commit(userData: "float16")]
        return recipe
    }

    static func float32() throws(GranaryError) -> GoldenRecipe {
        var recipe = GoldenRecipe(
            Schema(
                weights: .float32, payloadCompression: .lz4,
                dense: DenseSchema(dimensions: 8, element: .float16, metric: .cosine)),
            exactBelow: 0, blocksFrom: 0)
        // Lists of more than 16 blocks, whose tables are laid out in another way than those of fewer.
        (recipe.build.postingsPerDocument, recipe.build.smallestCluster) = (8, 0)
        (recipe.build.centroidFraction, recipe.build.largestBlock) = (1, 3)
        var random = TestRandom(seed: 2)
        var documents: [Document] = []
        for number in 0..<48 {
            // Of unit length, exactly: four halves, or a one.
            var unit = [Float](repeating: 0, count: 8)
            if number % 3 == 0 {
                unit[random.int(0...7)] = number % 2 == 0 ? 1 : -1
            } else {
                for place in (0..<8).shuffled(using: &random).prefix(4) {
                    unit[place] = random.int(0...1) == 0 ? 0.5 : -0.5
                }
            }
            documents.append(
                Document(
                    id: .number(UInt64(number) * 1000),
                    sparse: try vector(
                        &random, components: 40, entries: 4...12, unit: 1 / 8192, most: 40_000),
                    dense: number % 5 == 4 ? nil : unit,
                    payload: text(
                        #"{"number": \#(number), "text": "\#(String(repeating: "lz4 ", count: 6))"}"#)))
        }
        recipe.steps = [.upsert(documents), .commit(userData: "float32")]
        return recipe
    }

    static func uint8() throws(GranaryError) -> GoldenRecipe {
        var recipe = GoldenRecipe(
            Schema(
                weights: .uint8, payloadCompression: .zstd,
                dense: DenseSchema(dimensions: 6, element: .int8, metric: .euclidean)),
            exactBelow: 0, blocksFrom: 0)
        var random = TestRandom(seed: 3)
        func document(_ id: UInt64, _ sparse: SparseVector) -> Document {
            // The largest value of each is 127 times a power of two, so that its scale is one.
            let scale: Float = [1, 0.5, 0.0625][Int(id % 3)]
            var vector = dense(&random, 6, unit: scale, range: 127)
            vector[Int(id % 6)] = 127 * scale
            return Document(id: .number(id), sparse: sparse, dense: vector)
        }
        // Steps come from the first segment: with 255 the largest weight of each component, they are 1.
        var documents = [
            document(0, try vector(Dictionary(uniqueKeysWithValues: (0..<20).map { ($0 * 1000, 255) })))
        ]
        for id: UInt64 in 1..<24 {
            let sparse = try vector(
                &random, components: 20, stride: 1000, entries: 2...8, unit: 1, most: 255)
            documents.append(document(id, sparse))
        }
        recipe.steps = [
            .upsert(documents), .commit(userData: ""),
            // Rows whose weights are beyond 255 steps.
            .upsert([
                document(100, try vector([0: 510, 1000: 2, 5000: 256])),
                document(101, try vector([2000: 65_280, 3000: 256])),
            ]),
            .delete([5, 6]), .commit(userData: "uint8"), .merge,
        ]
        return recipe
    }

    // MARK: What else there is

    static func fields() throws(GranaryError) -> GoldenRecipe {
        var recipe = GoldenRecipe(
            Schema(
                payloadCompression: .none,
                dense: DenseSchema(dimensions: 3, element: .bfloat16, metric: .innerProduct),
                fields: FactDocuments.fields))
        var random = TestRandom(seed: 4)
        var documents: [Document] = []
        for number: UInt64 in 0..<12 {
            documents.append(
                Document(
                    id: .number(number),
                    sparse: try vector(&random, components: 9, entries: 1...4, unit: 1 / 16, most: 99),
                    dense: number == 7 ? nil : dense(&random, 3, unit: 1 / 32, range: 127)))
        }
        let facts = FactDocuments(documents, seed: 5)
        recipe.facts = facts
        recipe.steps = [.upsert(facts.documents), .commit(userData: "fields")]
        return recipe
    }

    /// Three rows of a third of the components each, and one with two so far apart that a gap of 16 bits does
    /// not reach from the one to the other.
    static func wide() throws(GranaryError) -> GoldenRecipe {
        var recipe = GoldenRecipe(Schema(payloadCompression: .none), exactBelow: 0, blocksFrom: 0)
        // Few postings: each list takes a table.
        recipe.build.postingsPerDocument = 4
        let last: UInt32 = 65_600
        var documents = [Document(id: 0, sparse: try vector([0: 2, last: 3]))]
        let share = (last - 1) / 3 + 1
        for part: UInt32 in 0..<3 {
            let range = 1 + part * share..<min(last, 1 + (part + 1) * share)
            // All alike but for a few, so that the threshold of lists leaves most out.
            let weights = range.map { $0 % 5000 == 0 ? Float($0 / 5000) : 0.5 }
            documents.append(
                Document(
                    id: .number(UInt64(part) + 1),
                    sparse: try SparseVector(components: Array(range), weights: weights)))
        }
        recipe.steps = [.upsert(documents), .commit(userData: "wide")]
        return recipe
    }

    static func sharedDense() throws(GranaryError) -> GoldenRecipe {
        var recipe = GoldenRecipe(
            Schema(
                payloadCompression: .none,
                dense: DenseSchema(dimensions: 4, element: .float16, metric: .innerProduct)))
        // Else files of less than 16 MiB are copied.
        recipe.build.smallestSharedDense = 1
        func document(_ id: UInt64) throws(GranaryError) -> Document {
            Document(
                id: .number(id), sparse: try vector([1: 1, UInt32(id) + 2: 2]),
                dense: [Float(id), 1, -1, 0.5])
        }
        var (first, second): ([Document], [Document]) = ([], [])
        for id: UInt64 in 0..<8 { first.append(try document(id)) }
        for id: UInt64 in 8..<12 { second.append(try document(id)) }
        recipe.steps = [
            .upsert(first), .commit(userData: ""),
            // A second file beside the first.
            .replaceDense([(3, [3, 9, 9, 9])]), .commit(userData: ""),
            .upsert(second), .commit(userData: ""),
            // All three stay, and the merged segment has a fourth for the places alone.
            .merge,
            // Another fourth, and a document without a vector.
            .replaceDense([(9, [9, 8, 7, 6]), (0, nil)]), .commit(userData: "shared"),
        ]
        return recipe
    }
}
