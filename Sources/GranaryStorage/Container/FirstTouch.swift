import Synchronization

/// Compares the checksum blocks of one section with their checksums when they are first read, each once.
///
/// Memory: a bit for each checksum block (64 KiB, in `.dense` files 4 KiB).
public final class FirstTouch: Sendable {
    private let file: Container
    private let section: Section
    private let blockBytes: Int
    private let verified: Mutex<Verified>
    /// Whether nothing is left to compare.
    private let isOver = Atomic(false)

    private struct Verified {
        /// A bit for each checksum block.
        var bits: [UInt64]
        var left: Int
    }

    /// Nothing is compared yet.
    public init(_ file: Container, _ section: Section) {
        self.file = file
        self.section = section
        blockBytes = file.checksumBlockBytes(of: section)
        let blocks = (section.count + blockBytes - 1) / blockBytes
        verified = Mutex(Verified(bits: [UInt64](repeating: 0, count: (blocks + 63) / 64), left: blocks))
    }

    /// Compares what some ranges of the section touch and nobody has compared before.
    ///
    /// - Parameters:
    ///   - count: how many ranges there are.
    ///   - range: the one of a number below `count`; what is outside of the section is passed over.
    /// - Throws: `checksumMismatch` with section and offset. Complexity: O(1) for a range, each block once.
    @inline(__always)
    public func verify(_ count: Int, _ range: (Int) -> Range<Int>) throws(GranaryError) {
        if !isOver.load(ordering: .relaxed) { try verifyFresh(count, range) }
    }

    private func verifyFresh(_ count: Int, _ range: (Int) -> Range<Int>) throws(GranaryError) {
        let fresh = verified.withLock { verified in
            var fresh: [Int] = []
            for number in 0..<count {
                let inside = range(number).clamped(to: 0..<section.count)
                if inside.isEmpty { continue }
                for block in inside.lowerBound / blockBytes...(inside.upperBound - 1) / blockBytes
                where verified.bits[block / 64] & 1 << UInt64(block % 64) == 0 && fresh.last != block {
                    fresh.append(block)
                }
            }
            return fresh
        }
        if fresh.isEmpty { return }
        for block in fresh {
            let start = block * blockBytes
            try file.verify(section, start..<min(section.count, start + blockBytes))
        }
        let isOver = verified.withLock { verified in
            for block in fresh where verified.bits[block / 64] & 1 << UInt64(block % 64) == 0 {
                verified.bits[block / 64] |= 1 << UInt64(block % 64)
                verified.left -= 1
            }
            return verified.left == 0
        }
        if isOver { self.isOver.store(true, ordering: .relaxed) }
    }
}
