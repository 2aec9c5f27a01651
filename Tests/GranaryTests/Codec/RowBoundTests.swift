import CGranary
import Testing

@Suite struct RowBoundTests {
    /// A row of one entry far from the first component is nearly all bridges: its bound once forgot them.
    @Test(
        arguments: [1, 65_535, 65_536, 65_537, 1_000_000, 5_000_000, 100_000_000, 4_000_000_000] as [UInt32])
    func aRowFitsIntoItsBoundHoweverFarItsComponentsLieApart(components: UInt32) {
        for count in [1, 2, 8, 9] where count <= components {
            let ids = (0..<count).map { components - UInt32(count - $0) }
            let codes = [UInt8](repeating: 200, count: count)
            let bound = granary_row_bound(count, components)
            // Room for more, so that a broken bound is a failed comparison and not a crash.
            var out = [UInt8](repeating: 0, count: bound + 4 * Int(components / 65_535) + 64)
            var stored: UInt32 = 0
            let length = unsafe granary_row_encode(ids, codes, count, 0, &out, nil, &stored)
            #expect(length > 0 || Int(components / 65_535) + count > 65_528)
            #expect(length <= bound)
            #expect(Int(stored) <= bound)
        }
    }

    /// Each of many rows says that it has the whole section: touching them once took rows × section steps.
    @Test(.timeLimit(.minutes(1))) func rowsAreTouchedNoFurtherThanARowCanReach() throws {
        let section = [UInt8](repeating: 0, count: 32 << 20)
        let starts: [UInt32] = [0, UInt32((section.count - 64) / 8)]
        let (ordinals, table) = (
            [UInt32](repeating: 0, count: 200_000), [Float](repeating: 0, count: 65_536)
        )
        var scores = [Float](repeating: 1, count: ordinals.count)
        let malformed = unsafe section.withUnsafeBufferPointer { section in
            unsafe starts.withUnsafeBufferPointer { starts in
                var rows = unsafe granary_rows(
                    rows: section.baseAddress, length: UInt64(section.count - 64), starts: starts.baseAddress,
                    count: 1, components: 1, wide: 0, linear: 0)
                return unsafe granary_rows_score(&rows, table, ordinals, ordinals.count, &scores, 0)
            }
        }
        #expect(malformed == 0)
        #expect(scores.allSatisfy { $0 == 0 })
    }
}
