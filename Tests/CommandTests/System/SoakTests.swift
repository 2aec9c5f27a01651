import Foundation
import TestSupport
import Testing

/// The tool of the long run, for a moment.
@Suite struct SoakTests {
    @Test("A soak updates, searches and measures; it is gone when it is over")
    func soak() throws {
        let files = try Workspace()
        let outcome = try Executable.run(
            [
                "soak", "--index", files.file("index"), "--documents", "300", "--minutes", "0.08", "--every",
                "1", "--commit-every", "0.1", "--rate", "300",
            ], name: "granary-stress")
        #expect(outcome.code == 0, "\(outcome)")
        let samples = try outcome.lines.map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(samples.first?["filled"] as? Int == 300)
        #expect((samples.last?["verified"] as? Int ?? 0) > 0)
        let last = try #require(samples.last { $0["changes"] != nil })
        for key in ["changes", "commits", "searches", "documents", "liveBytes", "mappings", "descriptors"] {
            #expect((last[key] as? NSNumber)?.intValue ?? 0 > 0, "\(key) of \(last)")
        }
        #expect(!files.exists("index"))
    }

    @Test("A soak fails when the index takes too much of the disk")
    func tooMuch() throws {
        let files = try Workspace()
        let outcome = try Executable.run(
            [
                "soak", "--index", files.file("index"), "--documents", "200", "--minutes", "0.03", "--every",
                "1", "--commit-every", "0.1", "--rate", "100", "--largest-ratio", "0.5", "--settled-after",
                "0",
            ], name: "granary-stress")
        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("times its live bytes"), "\(outcome.errors)")
    }
}
