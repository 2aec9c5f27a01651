import GranaryStorage
import Testing

@testable import Granary

/// The length of a row, from which hybrid searches tell what no document can reach.
@Suite struct DenseNormTests {
    /// Their squares are near the smallest floats, or below them.
    @Test(arguments: DenseElement.allCases, [Float(1e-18), 1e-20, 1e-23, 1e-30, 1e-40])
    func isNeverSaidToBeLessOfSmallValues(_ element: DenseElement, _ largest: Float) throws {
        for dimensions in [1, 7, 70, 300] {
            let codec = try DenseRowCodec(DenseSchema(dimensions: dimensions, element: element))
            let row = try codec.encode((0..<dimensions).map { largest * Float($0 % 5 - 2) / 2 })
            let decoded = codec.decode(row.rawBytes)
            let values = try #require(decoded)
            let length = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            let said = Double(codec.largestNorm(of: row.rawBytes))
            #expect(said >= length)
            #expect(said <= max(length * 1.001, 0x1p-148))
        }
    }
}
