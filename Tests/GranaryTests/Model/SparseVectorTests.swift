import Granary
import TestSupport
import Testing

/// What a vector accepts and what it makes of it.
@Suite struct SparseVectorTests {
    @Test func componentsAreSortedAndZerosDropped() throws {
        let vector = try SparseVector(
            components: [9, 2, 4_294_967_295, 5, 0], weights: [1, 0.5, 2, 0, 65504])
        #expect(vector.entries == .components([0, 2, 9, 4_294_967_295], [65504, 0.5, 1, 2]))
        #expect(vector.count == 4)
        #expect(try SparseVector(components: [], weights: []).count == 0)
        #expect(try SparseVector(components: [3], weights: [-0.0]).count == 0)
    }

    @Test func tokensAreSortedByTheirBytes() throws {
        let vector = try SparseVector(["é": 1, "z": 2, "a": 3, "": 4, "Z": 5, "a\0": 6])
        #expect(vector.entries == .tokens(["", "Z", "a", "a\0", "z", "é"], [4, 5, 3, 6, 2, 1]))
    }

    @Test(arguments: [
        Float.nan, -.nan, .signalingNaN, .infinity, -.infinity, -1, -.leastNonzeroMagnitude, 65505,
        Float(65504).nextUp, .greatestFiniteMagnitude,
    ]) func weightsOutOfRangeAreRefused(_ weight: Float) {
        #expect(
            errorCode { _ = try SparseVector(components: [1, 2], weights: [1, weight]) } == .invalidWeight)
        #expect(
            errorCode { _ = try SparseVector(components: [2, 1], weights: [weight, 1]) } == .invalidWeight)
        #expect(errorCode { _ = try SparseVector(["a": weight]) } == .invalidWeight)
        #expect(errorCode { _ = try SparseVector(tokens: [("a", 1), ("b", weight)]) } == .invalidWeight)
    }

    @Test func arraysOfDifferentLengthsAreRefused() {
        #expect(errorCode { _ = try SparseVector(components: [1, 2], weights: [1]) } == .invalidArgument)
        #expect(errorCode { _ = try SparseVector(components: [], weights: [1]) } == .invalidArgument)
    }

    @Test func duplicatesAreRefusedUnlessMaxOrSumIsAskedFor() throws {
        let (components, weights): ([UInt32], [Float]) = ([5, 2, 5, 5, 2], [1, 3, 4, 2, 3])
        #expect(
            errorCode { _ = try SparseVector(components: components, weights: weights) }
                == .duplicateComponent)
        #expect(
            errorCode { _ = try SparseVector(components: [1, 1], weights: [1, 1]) } == .duplicateComponent)
        #expect(
            try SparseVector(components: components, weights: weights, duplicates: .max).entries
                == .components([2, 5], [3, 4]))
        #expect(
            try SparseVector(components: components, weights: weights, duplicates: .sum).entries
                == .components([2, 5], [6, 7]))
        let tokens: [(String, Float)] = [("b", 1), ("a", 2), ("b", 3)]
        #expect(errorCode { _ = try SparseVector(tokens: tokens) } == .duplicateComponent)
        #expect(try SparseVector(tokens: tokens, duplicates: .max).entries == .tokens(["a", "b"], [2, 3]))
        #expect(try SparseVector(tokens: tokens, duplicates: .sum).entries == .tokens(["a", "b"], [2, 4]))
    }

    @Test func aSumOfDuplicatesBeyondTheLargestWeightIsRefused() throws {
        #expect(
            errorCode {
                _ = try SparseVector(components: [1, 1], weights: [65504, 1], duplicates: .sum)
            } == .invalidWeight)
        #expect(try SparseVector(components: [1, 1], weights: [65504, 0], duplicates: .sum).count == 1)
    }

    @Test func anyOrderGivesTheSameVector() throws {
        var random = TestRandom(seed: 61)
        for _ in 0..<200 {
            let count = random.int(0...40)
            var expected: [UInt32: Float] = [:]
            for _ in 0..<count { expected[UInt32.random(in: 0...100, using: &random)] = random.float(0...2) }
            let shuffled = expected.shuffled(using: &random)
            let vector = try SparseVector(components: shuffled.map(\.key), weights: shuffled.map(\.value))
            let kept = expected.filter { $0.value > 0 }.sorted { $0.key < $1.key }
            #expect(vector.entries == .components(kept.map(\.key), kept.map(\.value)))
        }
    }
}
