import Foundation
import FuzzSupport
import TestSupport
import Testing

/// What the fuzzer has kept, once more: every input of `Fuzz/corpus` that reaches code of its own, and every
/// one that was ever a finding.
@Suite struct CorpusTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../Fuzz/corpus")

    /// Inputs of a target by name.
    private static func inputs(_ target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let place = folder.appendingPathComponent(target.rawValue)
        let names = try FileManager.default.contentsOfDirectory(atPath: place.path)
        return try names.sorted().map { name in
            (name, Array(try Data(contentsOf: place.appendingPathComponent(name))))
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func everyInputKeepsEveryPromise(_ target: FuzzTarget) throws {
        let inputs = try Self.inputs(target)
        #expect(inputs.count >= 3)
        for (name, bytes) in inputs {
            #expect(throws: Never.self, "\(target)/\(name)") { try target.run(bytes) }
        }
    }

    /// Inputs that nobody has chosen: so that a harness that has stopped to work is noticed.
    @Test(arguments: FuzzTarget.allCases)
    func randomInputsKeepEveryPromise(_ target: FuzzTarget) throws {
        var random = TestRandom(seed: 601)
        for round in 0..<Effort.rounds(20) {
            let bytes = (0..<random.int(0...120)).map { _ in UInt8(random.int(0...255)) }
            #expect(throws: Never.self, "\(target), round \(round), \(bytes)") { try target.run(bytes) }
        }
    }

    /// The corpora stay small.
    @Test func theCorporaAreSmall() throws {
        var total = 0
        for target in FuzzTarget.allCases {
            total += try Self.inputs(target).reduce(0) { $0 + $1.bytes.count }
        }
        #expect(total <= 300_000)
    }
}
