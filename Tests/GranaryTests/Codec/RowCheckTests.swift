import Granary
import TestSupport
import Testing

/// Rows that no writer makes and every reader survives: a full verification refuses them, since those who add
/// codes and those who look for one weight would not agree on them.
@Suite struct RowCheckTests {
    /// Bytes of the one row: E = 8 entries of which three are proper, then a control byte, codes and gaps
    /// (`Formats/rows.md`).
    private static let shift = 2, codes = 5

    /// A change of a byte or of bytes of a section.
    struct Change: Sendable {
        var weights: WeightType
        var section: String
        var place: Int
        var bytes: [UInt8]
        var what: String
    }

    private static let changes = [
        Change(weights: .float16, section: "rows", place: shift, bytes: [1], what: "a shift"),
        Change(
            weights: .float16, section: "rows", place: codes + 3, bytes: [0x70], what: "padding with a weight"
        ),
        Change(weights: .float16, section: "rows", place: codes, bytes: [0xff], what: "a weight over 65,504"),
        Change(
            weights: .float32, section: "rows", place: codes, bytes: [0x77],
            what: "the code of another weight"),
        Change(
            weights: .float32, section: "fine weights", place: 0, bytes: [0, 0, 0x80, 0x7f],
            what: "an infinite weight"),
        Change(
            weights: .float32, section: "fine weights", place: 12, bytes: [0, 0, 0x80, 0x3f],
            what: "padding with a weight"),
        Change(weights: .uint8, section: "rows", place: codes + 3, bytes: [7], what: "padding with a code"),
        Change(
            weights: .uint8, section: "steps", place: 0, bytes: [0, 0, 0x80, 0x7f], what: "an infinite step"),
    ]

    private static func fault(_ weights: WeightType, _ change: Change?) throws -> GranaryError.Code? {
        let vector = try SparseVector(components: [3, 4, 5], weights: [1, 2, 3])
        let files = try TestIndex([Document(id: "a", sparse: vector)], schema: Schema(weights: weights))
            .files()
        let image = try IndexImage.rewrite(
            files, directory: TestIndex.path,
            section: { _, section, bytes in
                guard let change, section.id.name == change.section else { return bytes }
                var bytes = bytes
                bytes.replaceSubrange(change.place..<change.place + change.bytes.count, with: change.bytes)
                return bytes
            })
        return errorCode { try Index.open(at: TestIndex.path, fileSystem: image).snapshot().verify(.full) }
    }

    @Test func whatAWriterMakesIsSound() throws {
        for weights in WeightType.allCases { #expect(try Self.fault(weights, nil) == nil, "\(weights)") }
    }

    @Test(arguments: changes)
    func whatNoWriterMakesIsNot(_ change: Change) throws {
        #expect(try Self.fault(change.weights, change) == .corrupt, "\(change.what)")
    }
}
