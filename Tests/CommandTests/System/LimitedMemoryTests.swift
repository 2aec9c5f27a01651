import Foundation
import GranaryStorage
import TestSupport
import Testing

/// Hostile bytes in a process that may have 256 MiB of address space, its code and libraries among them: no
/// number in a file makes the engine ask for so much that the process ends.
@Suite("A process with little memory") struct LimitedMemoryTests {
    /// In KiB, as `ulimit` takes it.
    private static let limit = 256 << 10

    private static func run(_ arguments: [String], name: String) throws -> Executable.Outcome {
        try Executable.run(
            ["-c", "ulimit -v \(limit) || exit 99; exec \"$@\"", "sh", Executable.path(name)] + arguments,
            name: "sh")
    }

    @Test("keeps every promise to whatever the fuzzer has found")
    func corpora() throws {
        let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../Fuzz/corpus").path
        let targets = try FileManager.default.contentsOfDirectory(atPath: corpus).sorted()
        #expect(targets.count > 9)
        for target in targets {
            let outcome = try Self.run(
                ["hostile", "\(corpus)/\(target)", "--rounds", "\(Effort.rounds(10))"],
                name: "granary-stress")
            #expect(outcome.code == 0, "\(target): \(outcome)")
            #expect(outcome.output.contains("address space"))
        }
    }

    /// Files on disk, mapped: every so many sectors of every file are lost.
    @Test("says of damaged files what is wrong with them")
    func damagedFiles() throws {
        let index = try DamageIndex.shared.get()
        let files = try Workspace()
        let path = files.file("index")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        func write(_ name: String, _ bytes: [UInt8]) throws {
            try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
        }
        for (name, bytes) in index.files { try write(name, bytes) }
        let sound = try Self.run(["verify", "--index", path, "--full"], name: "granary")
        try #require(sound.code == 0, "\(sound)")
        for name in index.names {
            let bytes = try #require(index.files[name])
            let step = Effort.isLong ? 1 : 17
            for sector in stride(from: 0, to: (bytes.count + 511) / 512, by: step) {
                guard let damaged = Damage.zeroed(sector).apply(to: bytes, other: []) else { continue }
                try write(name, damaged)
                let outcome = try Self.run(["verify", "--index", path, "--full"], name: "granary")
                #expect(outcome.code == 1, "sector \(sector) of \(name): \(outcome)")
                #expect(outcome.errors.contains(name), "\(outcome.errors)")
            }
            try write(name, bytes)
        }
    }
}
