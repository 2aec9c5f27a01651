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

    /// A file whose numbers ask for a lot, and that is as long as they say: its bytes are holes.
    struct Claim: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// What becomes of the file on the command line.
        var options: [String]
        var bytes: [UInt8]
        var length: UInt64 = 0
        /// What the error must say.
        var says: String
    }

    private static let gigabyte: UInt64 = 1 << 30
    /// 2^31 as a number of Protocol Buffers, and 3 × 2^30.
    private static let (varint, longer): ([UInt8], [UInt8]) = (
        [0x80, 0x80, 0x80, 0x80, 8], [0x80, 0x80, 0x80, 0x80, 12]
    )
    /// Headers of CIFF of one list, and of 2^31 − 1 lists and as many documents.
    private static let (one, all): ([UInt8], [UInt8]) = (
        [4, 8, 1, 16, 1], [14, 8, 1, 16, 255, 255, 255, 255, 7, 24, 255, 255, 255, 255, 7]
    )
    private static let largest = [UInt8](repeating: 255, count: 4)

    static let claims = [
        Claim(
            testDescription: "a posting list of 2 GiB that is not there", options: ["--input", "x.ciff"],
            bytes: one + varint, says: "expected a message of 2147483648 bytes, found 0"),
        Claim(
            testDescription: "a term of 2 GiB that is not there", options: ["--input", "x.ciff"],
            bytes: one + [6, 10] + varint, says: "expected a message of 2147483648 bytes, found 0"),
        Claim(
            testDescription: "a posting list of 3 GiB of zeros", options: ["--input", "x.ciff"],
            bytes: one + longer, length: 4 * gigabyte, says: "found a tag of 0"),
        Claim(
            testDescription: "a term of 2 GiB", options: ["--input", "x.ciff"],
            bytes: one + longer + [10] + varint, length: 4 * gigabyte, says: "found 2147483648"),
        Claim(
            testDescription: "lists and documents without room", options: ["--input", "x.ciff"], bytes: all,
            says: "2147483647 posting lists and 2147483647 documents"),
        Claim(
            testDescription: "a matrix without room", options: ["--input", "x.csr"],
            bytes: [UInt64(1) << 31, 1 << 31, 1 << 31].flatMap(Matrix.little),
            says: "2147483648 rows"),
        Claim(
            testDescription: "a row of 2^31 non-zeros", options: ["--input", "x.csr"],
            bytes: [UInt64(1), 1 << 31, 1 << 31, 0, 1 << 31].flatMap(Matrix.little),
            length: 40 + 16 * gigabyte, says: "found 2147483648"),
        Claim(
            testDescription: "vectors without room", options: ["--input", "x.bin", "--format", "seismic"],
            bytes: largest, says: "4294967295 vectors"),
        Claim(
            testDescription: "a vector of 2^32 non-zeros",
            options: ["--input", "x.bin", "--format", "seismic"],
            bytes: largest + largest, length: 40 * gigabyte, says: "found 4294967295"),
        Claim(
            testDescription: "dense vectors without room",
            options: ["--input", "in.jsonl", "--dense", "x.fbin"], bytes: largest + [0, 16, 0, 0],
            says: "x.fbin"),
        Claim(
            testDescription: "dense vectors of 32 GiB",
            options: ["--input", "in.jsonl", "--dense", "x.fbin"],
            bytes: [0, 0, 32, 0] + [0, 16, 0, 0], length: 8 + 32 * gigabyte, says: "found 2097152"),
    ]

    @Test("says of files of others what is wrong with them, however much they ask for", arguments: claims)
    func imports(_ claim: Claim) throws {
        let files = try Workspace()
        _ = try files.write("in.jsonl", #"{"vector": {"x": 1}}"# + "\n")
        let names = ["x.ciff", "x.csr", "x.bin", "x.fbin"]
        let name = try #require(claim.options.first(where: names.contains))
        _ = try files.write(name, claim.bytes)
        if claim.length > 0 { try files.extend(name, to: claim.length) }
        let options = claim.options.map { names.contains($0) || $0 == "in.jsonl" ? files.file($0) : $0 }
        let outcome = try Self.run(
            ["build", "--index", files.file("index"), "--memory", "16MiB"] + options, name: "granary")
        #expect(outcome.code == 65, "\(outcome)")
        #expect(outcome.errors.contains(name) && outcome.errors.contains(claim.says), "\(outcome.errors)")
        #expect(!files.exists("index"))
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
            // Most sectors have nothing but zeros: they are no damage, and not counted.
            let sectors = (0..<(bytes.count + 511) / 512).filter {
                Damage.zeroed($0).apply(to: bytes, other: []) != nil
            }
            for number in stride(from: 0, to: sectors.count, by: Effort.isLong ? 1 : 5) {
                let sector = sectors[number]
                let damaged = try #require(Damage.zeroed(sector).apply(to: bytes, other: []))
                try write(name, damaged)
                let outcome = try Self.run(["verify", "--index", path, "--full"], name: "granary")
                #expect(outcome.code == 1, "sector \(sector) of \(name): \(outcome)")
                #expect(outcome.errors.contains(name), "\(outcome.errors)")
            }
            try write(name, bytes)
        }
    }
}
