import GranaryStorage
import Testing

@testable import Granary

@Suite struct PostingBlockTests {
    private func candidates(_ block: [UInt8], documents: UInt32) -> [UInt32]? {
        var visited = [UInt32](repeating: 0, count: 1024)
        var fresh = [UInt32](repeating: 0, count: 255)
        let count = Kernels.candidates(
            ofBlock: block.rawBytes, documents: documents, visited: &visited, into: &fresh, at: 0)
        return count.map { Array(fresh.prefix($0)) }
    }

    @Test(
        arguments: [[0], [3, 4], [0, 255, 256], [7, 70_000, 70_001], [1, 4_000_000_000], Array(0..<255)]
            as [[UInt32]])
    func aBlockGivesTheDocumentsThatItWasMadeOf(ordinals: [UInt32]) {
        var block: [UInt8] = []
        PostingBlock.encode(ordinals, into: &block)
        #expect(candidates(block, documents: 4_000_000_001) == ordinals)
    }

    /// The kernel's word for a malformed block once passed for a count of -1.
    @Test func aMalformedBlockIsNoBlock() {
        var block: [UInt8] = []
        PostingBlock.encode([3, 4, 500], into: &block)
        #expect(candidates(block, documents: 500) == nil)
        for length in 0..<block.count {
            #expect(candidates(Array(block.prefix(length)), documents: 501) == nil)
        }
        for width in [0, 5, 255] as [UInt8] {
            #expect(candidates([block[0], width] + block[2...], documents: 501) == nil)
        }
        #expect(candidates([0] + block.dropFirst(), documents: 501) == nil)
    }
}
