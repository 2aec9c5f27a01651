import Foundation
import TestSupport
import Testing

/// Promise 4 on the real system.
@Suite("Eight processes that read while one writes") struct ReaderProcessTests {
    private static let seconds = Effort.isLong ? 600 : 15

    @Test("see whole generations only, never an older one after a newer, and are never hindered")
    func read() throws {
        let files = try Workspace()
        let index = files.file("index")
        let first = try Executable.run(
            ["work", "--index", index, "--seed", "9", "--seconds", "0.5"], name: "granary-stress")
        try #require(first.code == 0, "\(first)")
        let writing = try Executable.start(
            ["work", "--index", index, "--seed", "9", "--habits", "1", "--seconds", "\(Self.seconds + 2)"],
            name: "granary-stress")
        let reading = try (0..<8).map { number in
            try Executable.start(
                ["read", "--index", index, "--seed", "9", "--habits", "\(number)", "--seconds"]
                    + ["\(Self.seconds)"], name: "granary-stress")
        }
        var generations = 0
        for running in reading {
            let outcome = running.wait()
            #expect(outcome.code == 0, "\(outcome)")
            let numbers = outcome.output.split(separator: " ").compactMap { Int($0) }
            generations += numbers.last ?? 0
        }
        let writer = writing.wait()
        #expect(writer.code == 0, "\(writer.errors)")
        // How many there are depends on the machine; a long run is there to see many.
        #expect(writer.lines.count { $0.hasPrefix("acknowledged") } > (Effort.isLong ? Self.seconds : 0))
        #expect(generations >= (Effort.isLong ? 4 * Self.seconds : 8))
    }

    @Test("A second process that wants to write is refused, and told who has the index")
    func secondWriter() throws {
        let files = try Workspace()
        let index = files.file("index")
        let writing = try Executable.start(
            ["work", "--index", index, "--seed", "9", "--seconds", "30"], name: "granary-stress")
        while writing.process.isRunning, try !writing.files.read("output").contains("acknowledged") {
            usleep(2000)
        }
        let second = try Executable.run(
            ["work", "--index", index, "--seed", "9", "--seconds", "1"], name: "granary-stress")
        #expect(second.code == 1)
        #expect(second.errors.contains("process \(writing.process.processIdentifier)"), "\(second.errors)")
        kill(writing.process.processIdentifier, SIGKILL)
        _ = writing.wait()
        // The lock goes with its process.
        let third = try Executable.run(
            ["work", "--index", index, "--seed", "9", "--seconds", "0.2"], name: "granary-stress")
        #expect(third.code == 0, "\(third.errors)")
    }
}
