@testable import Granary
import GranaryStorage
import TestSupport

/// Rows in their stored form, made of random vectors, for tests of the kernels.
struct EncodedTestRows {
    var type: WeightType
    var components: UInt32
    /// By local component (uint8 only).
    var steps: [Float]
    /// With 64 bytes behind the rows.
    var bytes: [UInt8] = []
    var starts: [UInt32] = [0]
    var fine: [UInt8] = []
    var fineStarts: [UInt32] = [0]
    /// What was encoded, by ascending component.
    var vectors: [(components: [UInt32], weights: [Float])] = []

    var count: Int { starts.count - 1 }
    var isWide: Bool { components > 65_536 }

    /// Encodes vectors of distinct components.
    init(_ type: WeightType, components: UInt32, vectors: [[UInt32: Float]]) throws {
        self.type = type
        self.components = components
        steps = type == .uint8 ? (0..<components).map { 0.01 + Float($0 % 7) * 0.001 } : []
        let kernels = try BuildKernels(components: components)
        var statistics = BuildKernels.RowStatistics(components: Int(components))
        var (row, rest): ([UInt8], [UInt8]) = ([], [])
        for vector in vectors {
            // Provisional numbers come in any order.
            let local = Array(vector.keys)
            let weights = local.map { vector[$0] ?? 0 }
            let ids = local.indices.map { UInt32($0) }
            guard
                let encoded = kernels.makeRow(
                    type: type, local: local, steps: steps, ids: ids.span, weights: weights.span, row: &row,
                    fine: &rest, statistics: &statistics), encoded.rowLength <= row.count
            else { throw GranaryError(.tooLarge, "a row was not encoded inside its room") }
            bytes += row[..<encoded.rowLength]
            fine += rest[..<(encoded.entries * Int(type.fineWidth))]
            starts.append(UInt32(bytes.count / 8))
            fineStarts.append(fineStarts[fineStarts.count - 1] + UInt32(encoded.entries / 8))
            let sorted = vector.sorted { $0.key < $1.key }
            self.vectors.append((sorted.map(\.key), sorted.map(\.value)))
        }
        bytes += [UInt8](repeating: 0, count: 64)
    }

    /// Random rows of 0 to 200 entries; wide ones with gaps that need bridges.
    static func random(_ type: WeightType, components: UInt32, seed: UInt64) throws -> EncodedTestRows {
        var random = TestRandom(seed: seed)
        var vectors: [[UInt32: Float]] = []
        for number in 0..<60 {
            var vector: [UInt32: Float] = [:]
            let narrow = components > 300 && number % 3 == 0
            for _ in 0..<random.int(0...(number % 5 == 0 ? 8 : 200)) {
                let component =
                    narrow ? UInt32(random.int(0...299)) : UInt32(random.int(0...Int(components) - 1))
                vector[component] = random.float(0.01...3)
            }
            if number % 7 == 1 { vector[components - 1] = 1 }
            vectors.append(vector)
        }
        return try EncodedTestRows(type, components: components, vectors: vectors)
    }

    /// The rows' view.
    var view: RowsView {
        @_lifetime(borrow self) get {
            RowsView(
                bytes: bytes.rawBytes.extracting(0..<(bytes.count - 64)), starts: starts.span,
                components: components,
                isWide: isWide, isLinear: type == .uint8)
        }
    }

    /// The view of the rest of their weights.
    var fineView: FineView {
        @_lifetime(borrow self) get {
            FineView(bytes: fine.rawBytes, starts: fineStarts.span, width: type.fineWidth)
        }
    }
}
