import ArgumentParser
import Foundation
import FuzzSupport
import TestSupport

/// Feeds hostile bytes to a target of the fuzzer, in a process whose memory may be limited.
struct HostileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hostile",
        abstract: "Runs the inputs of one of the fuzzer's corpora, and random ones.",
        discussion: """
            Ends with 0 when every promise was kept, and says how much address space it took at most.

            EXAMPLE
              sh -c 'ulimit -v 262144; exec granary-stress hostile Fuzz/corpus/merge'
            """)

    @Argument(help: "The folder of inputs, named like the target.") var corpus: String
    @Option(help: "Random inputs.") var rounds = 20

    func run() throws {
        var (random, count) = (TestRandom(seed: 602), 0)
        let folder = URL(fileURLWithPath: corpus)
        guard let target = FuzzTarget(rawValue: folder.lastPathComponent) else {
            throw ValidationError("expected a folder named like one of \(FuzzTarget.allCases)")
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: corpus).sorted() {
            let bytes = Array(try Data(contentsOf: folder.appendingPathComponent(name)))
            do { try target.run(bytes) } catch { throw Finding("\(target)/\(name): \(error)") }
            count += 1
        }
        for round in 0..<rounds {
            let bytes = (0..<random.int(0...120)).map { _ in UInt8(random.int(0...255)) }
            do { try target.run(bytes) } catch { throw Finding("\(target), round \(round): \(error)") }
            count += 1
        }
        say("\(count) inputs, up to \(Self.largestMegabytes ?? 0) MiB of address space")
    }

    /// The most address space that this process has had, where the system says so.
    private static var largestMegabytes: Int? {
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmPeak:") }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 / 1024 }
    }
}
