import Foundation
import FuzzSupport
import Testing

/// The seeds of the fuzz target `codec`: what a writer makes, every decoder takes.
@Suite struct CodecSeedTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../Fuzz/corpus/codec")

    #if DEBUG
        /// `GRANARY_WRITE_SEEDS=1` writes them anew.
        @Test func whatWritersMakeIsTakenAndInTheCorpus() throws {
            let isWriting = ProcessInfo.processInfo.environment["GRANARY_WRITE_SEEDS"] != nil
            var decoders: Set<UInt8> = []
            for (name, bytes) in try CodecSeeds().all {
                let place = Self.folder.appendingPathComponent(name)
                if isWriting { try Data(bytes).write(to: place) }
                var input = Input(bytes)
                do {
                    #expect(try CodecHarness.run(&input), "\(name) is refused")
                } catch { Issue.record("\(name): \(error)") }
                let kept = try Array(Data(contentsOf: place))
                // Of Zstandard every version of the library may write something else.
                #expect(kept == bytes || name.contains("zstd"), "\(name) is another in the corpus")
                var again = Input(kept)
                #expect(try CodecHarness.run(&again), "\(name) in the corpus is refused")
                decoders.insert(bytes[0])
            }
            #expect(decoders == Set(CodecHarness.Decoder.allCases.map(\.rawValue)))
        }
    #endif
}
