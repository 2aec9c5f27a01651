package import Granary

/// How the index of a random program is set up: part of what a failure needs to be repeated.
package struct ModelSetup: Sendable, Equatable {
    package var names = ModelDocuments.Names.numbers
    package var schema = Schema()
    /// Segments of so many documents have impact-ordered lists, or blocks.
    package var exactBelow = 1000
    /// Segments of so many documents have blocks.
    package var blocksFrom = 0
    /// A flush happens without a commit once so many documents wait.
    package var segmentDocuments = 1 << 30
    /// Whether segments with blocks are calibrated.
    package var isCalibrated = false
    /// Whether merges start by themselves.
    package var isAutomatic = false
    package var threads = 1
    package var reserveBytes = 0
    /// What the model gets wrong on purpose.
    package var mistake: ModelMistake?

    package init() {}

    /// The setup of a seed.
    package init(seed: UInt64) {
        var random = TestRandom(seed: seed ^ 0x5e7)
        names = ModelDocuments.Names.allCases[random.int(0...ModelDocuments.Names.allCases.count - 1)]
        // Weights of 8 bits are exact only where all of a component are the same.
        let types: [WeightType] = names == .constants ? [.uint8] : [.float16, .float32]
        schema.weights = types[random.int(0...types.count - 1)]
        schema.payloadCompression = PayloadCompression.allCases[random.int(0...2)]
        exactBelow = [1000, 1000, 12, 2][random.int(0...3)]
        segmentDocuments = [1 << 30, 1 << 30, 1 << 30, random.int(6...40)][random.int(0...3)]
        isCalibrated = exactBelow < 1000 && random.int(0...5) == 0
        isAutomatic = random.int(0...2) == 0
        blocksFrom = [0, 15, 1 << 30][random.int(0...2)]
        threads = random.int(1...2)
        reserveBytes = [0, 4096][random.int(0...1)]
    }

    /// For the writer.
    var options: WriterOptions {
        var options = WriterOptions.small(
            exactBelow: exactBelow, blocksFrom: blocksFrom, segmentDocuments: segmentDocuments,
            calibrationQueries: 4, threads: threads)
        // Dear: a search of every setting for each flush and merge.
        options.build.calibrateFrom = isCalibrated ? exactBelow : 1 << 30
        if names == .vocabulary { options.vocabulary = ModelDocuments.vocabulary }
        // Small enough for segments of a few documents to have tiers.
        if isAutomatic { options.merging = MergeOptions(segmentsPerTier: 3, floorBytes: 4096) }
        // Nobody but a prepared commit keeps others waiting where nothing is merged meanwhile.
        if !isAutomatic { options.maximumStall = .zero }
        options.reserveBytes = reserveBytes
        return options
    }

    /// Setups that may stand for this one when a failure is made simpler.
    package var simpler: [ModelSetup] {
        let plain = ModelSetup()
        var setups: [ModelSetup] = []
        func offer(_ change: (inout ModelSetup) -> Void) {
            var setup = self
            change(&setup)
            if setup != self { setups.append(setup) }
        }
        offer { $0.isAutomatic = plain.isAutomatic }
        offer { $0.segmentDocuments = plain.segmentDocuments }
        offer { $0.isCalibrated = plain.isCalibrated }
        offer { ($0.exactBelow, $0.isCalibrated) = (plain.exactBelow, false) }
        offer { $0.blocksFrom = plain.blocksFrom }
        offer { $0.threads = plain.threads }
        offer { $0.reserveBytes = plain.reserveBytes }
        offer { ($0.names, $0.schema) = (plain.names, plain.schema) }
        offer { $0.schema.payloadCompression = plain.schema.payloadCompression }
        return setups
    }
}

extension ModelSetup: CustomStringConvertible {
    package var description: String {
        "\(names), \(schema.weights), \(schema.payloadCompression), exactBelow \(exactBelow), "
            + "blocksFrom \(blocksFrom), segmentDocuments \(segmentDocuments), isCalibrated \(isCalibrated), "
            + "isAutomatic \(isAutomatic), threads \(threads), reserveBytes \(reserveBytes)"
    }
}

/// What a model may get wrong on purpose, to show that mistakes are found and their programs made short.
package enum ModelMistake: Sendable {
    /// A replaced document keeps its place among equals.
    case replacingKeepsThePlace
    /// A rollback keeps what was deleted.
    case rollbackForgetsDeletes
    /// A prepared commit publishes what came after it, too.
    case publishesWhatCameLater
}
