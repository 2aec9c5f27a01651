import Foundation
import Granary
import GranaryStorage
import TestSupport
import Testing

/// Promises 1 and 2 on the real system: a process that is killed loses nothing that it has acknowledged.
@Suite("A process that is killed") struct KillTests {
    /// Directories of different file systems: where nothing waits for a disk, more happens before the end.
    private static let places = ["/dev/shm", NSTemporaryDirectory()]

    private static let lives = Effort.isLong ? 5000 : 150

    @Test("leaves an index at one batch, whole, and the next process goes on", arguments: [0, 1])
    func kill(_ place: Int) throws {
        let place = FileManager.default.isWritableFile(atPath: Self.places[place]) ? Self.places[place] : nil
        let home = try place.map { try Workspace(in: $0) } ?? Workspace()
        var killed = KilledIndex(path: home.file("index"), seed: 77)
        var random = TestRandom(seed: 5)
        for life in 0..<Self.lives {
            let running = try Executable.start(
                ["work", "--index", killed.path, "--seed", "\(killed.model.seed)", "--habits", "\(life)"],
                name: "granary-stress")
            usleep(UInt32(random.int(0...200_000)))
            Foundation.kill(running.process.processIdentifier, SIGKILL)
            let outcome = running.wait()
            #expect(outcome.code == -SIGKILL, "life \(life): \(outcome)")
            try killed.check(outcome.lines, life: life)
            if life % 10 == 9 { try killed.checkLeftovers() }
            if outcome.code != -SIGKILL { break }
        }
        #expect(killed.model.batch > Self.lives / 4, "too little happened for the kills to tell anything")
        #expect(killed.interrupted > Self.lives / 10)
    }
}

/// An index whose writers get killed, and what is known of it.
struct KilledIndex {
    let path: String
    /// What was there after the last kill.
    private(set) var model: StressModel
    /// How many kills came between the beginning and the end of a commit.
    private(set) var interrupted = 0
    private var generation: UInt64 = 0

    init(path: String, seed: UInt64) {
        self.path = path
        model = StressModel(seed: seed)
    }

    /// Checks what a killed process left.
    ///
    /// - Parameter lines: what it had printed.
    mutating func check(_ lines: [String], life: Int) throws {
        var (started, acknowledged) = (model.batch, model.batch)
        for line in lines {
            let words = line.split(separator: " ")
            let numbers = words.dropFirst().compactMap { UInt64($0) }
            switch (words.first, numbers.count) {
            case ("started", 1): started = numbers[0]
            case ("acknowledged", 2): (acknowledged, generation) = (numbers[0], numbers[1])
            // The last line may be cut.
            default: #expect(line == lines.last, "life \(life): \(line)")
            }
        }
        if started > acknowledged { interrupted += 1 }
        let snapshot: Snapshot
        do throws(GranaryError) {
            snapshot = try Index.open(at: path).snapshot()
        } catch {
            // It may have been killed while it made the index.
            #expect(
                generation == 0 && [.notFound, .notAnIndex].contains(error.code), "life \(life): \(error)")
            return
        }
        try snapshot.verify(.full)
        #expect(snapshot.generation >= generation, "life \(life)")
        generation = snapshot.generation
        let found = try StressModel(seed: model.seed, snapshot)
        #expect(
            (acknowledged...max(acknowledged, started)).contains(found.batch),
            "life \(life): batch \(found.batch), acknowledged \(acknowledged), started \(started)")
        model.advance(to: found.batch)
        #expect(found == model, "life \(life): batch \(found.batch) is not what was committed")
        try checkBackups()
    }

    /// Copies that were under way are whole, or no indexes.
    private func checkBackups() throws {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        for name in try FileManager.default.contentsOfDirectory(atPath: folder)
        where name.contains(".backup-") {
            let copy = "\(folder)/\(name)"
            do throws(GranaryError) {
                let snapshot = try Index.open(at: copy).snapshot()
                try snapshot.verify(.full)
                _ = try StressModel(seed: model.seed, snapshot)
            } catch {
                // One that was being removed has lost files, and perhaps not yet its manifest.
                #expect([.notFound, .notAnIndex].contains(error.code), "\(name): \(error)")
            }
            try FileManager.default.removeItem(atPath: copy)
        }
    }

    /// Opening for writing leaves nothing but what two generations have.
    func checkLeftovers() throws {
        guard generation > 0 else { return }
        var options = WriterOptions.small()
        options.reserveBytes = 0
        try Index.open(at: path).writer(options).close()
        let names = try Set(FileManager.default.contentsOfDirectory(atPath: path))
        let fileSystem = PosixFileSystem()
        let newest = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: path)
        var expected: Set<String> = ["LOCK"]
        for number in max(1, newest.generation - 1)...newest.generation {
            let manifest = try IndexDirectory.manifest(number, fileSystem: fileSystem, path: path)
            expected.formUnion(manifest.files.map(\.name) + [Manifest.fileName(number)])
        }
        #expect(names.subtracting(["RESERVE"]) == expected)
    }
}
