@testable import Granary
import GranaryStorage
import TestSupport
import Testing

/// Posting blocks: what comes back, and hostile bytes.
@Suite struct PostingBlockTests {
    private func decode(_ block: [UInt8], documents: UInt32, visited: inout [UInt32]) -> [UInt32]? {
        var fresh = [UInt32](repeating: 0, count: 255)
        let count = Kernels.candidates(
            ofBlock: block.rawBytes, documents: documents, visited: &visited, into: &fresh, at: 0)
        return count.map { Array(fresh[..<$0]) }
    }

    @Test func documentsComeBackOnce() {
        var random = TestRandom(seed: 101)
        for round in 0..<300 {
            let limit = [255, 300, 70_000, 20_000_000, Int(UInt32.max)][round % 5]
            var documents = Set<UInt32>()
            for _ in 0..<random.int(1...255) { documents.insert(UInt32(random.int(0...limit - 1))) }
            let sorted = documents.sorted()
            var block: [UInt8] = []
            PostingBlock.encode(sorted, into: &block)
            var visited = [UInt32](repeating: 0, count: 1024)
            #expect(decode(block, documents: UInt32(limit), visited: &visited) == sorted)
            #expect(decode(block, documents: UInt32(limit), visited: &visited) == [])
            var other = [UInt32](repeating: 0, count: 1024)
            #expect(decode(block, documents: sorted[sorted.count - 1], visited: &other) == nil)
        }
    }

    @Test func anyBytesAreAnAnswerOrMalformed() {
        var random = TestRandom(seed: 102)
        var malformed = 0
        for _ in 0..<Effort.rounds(5000) {
            var block = (0..<random.int(0...1100)).map { _ in UInt8(random.int(0...255)) }
            if block.count > 2, random.int(0...1) == 0 { block[1] = UInt8(random.int(0...5)) }
            if block.count > 6, random.int(0...1) == 0 { for place in 3...5 { block[place] = 0 } }
            var visited = [UInt32](repeating: 0, count: 1024)
            guard let found = decode(block, documents: 100_000, visited: &visited) else {
                malformed += 1
                continue
            }
            #expect(!found.isEmpty && found.count <= 255)
            #expect(found.allSatisfy { $0 < 100_000 })
        }
        #expect(malformed > 1000 && malformed < 5000)
        var visited = [UInt32](repeating: 0, count: 1023)
        #expect(decode([1, 1, 0, 0, 0, 0], documents: 9, visited: &visited) == nil)
    }

    @Test func truncatedBlocksAreMalformed() {
        var block: [UInt8] = []
        PostingBlock.encode([5, 9, 300, 70_000], into: &block)
        for length in 0..<block.count {
            var visited = [UInt32](repeating: 0, count: 1024)
            #expect(decode(Array(block.prefix(length)), documents: 1 << 20, visited: &visited) == nil)
        }
    }
}
