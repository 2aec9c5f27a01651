import ArgumentParser
import Foundation
import FuzzSupport
import TestSupport

/// Feeds hostile bytes to everything that reads bytes, in a process whose memory may be limited.
struct HostileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hostile",
        abstract: "Runs the inputs of the fuzzer's corpora, and random ones.",
        discussion: """
            Ends with 0 when every promise was kept, and says how much address space it took at most.

            EXAMPLE
              sh -c 'ulimit -v 262144; exec granary-stress hostile --corpus Fuzz/corpus'
            """)

    @Option(help: "The folder with a folder of inputs for each target.") var corpus: String
    @Option(help: "Random inputs of each target.") var rounds = 20

    func run() throws {
        var (random, count) = (TestRandom(seed: 602), 0)
        for target in FuzzTarget.allCases {
            let folder = "\(corpus)/\(target.rawValue)"
            for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
                let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)")))
                do { try target.run(bytes) } catch { throw Finding("\(target)/\(name): \(error)") }
                count += 1
            }
            for round in 0..<rounds {
                let bytes = (0..<random.int(0...120)).map { _ in UInt8(random.int(0...255)) }
                do { try target.run(bytes) } catch { throw Finding("\(target), round \(round): \(error)") }
                count += 1
            }
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
