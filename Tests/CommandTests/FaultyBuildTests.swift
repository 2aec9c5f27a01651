import CommandSupport
import Foundation
import Granary
import GranaryStorage
import Testing

@testable import GranaryCommand

/// Builds on a file system that fails: a build is there whole or not at all.
@Suite struct FaultyBuildTests {
    private func build(_ files: Workspace, _ fileSystem: any FileSystem) -> GranaryError? {
        granaryError { () throws(GranaryError) in
            let build = IndexBuild(
                path: "index", schema: Schema(), options: WriterOptions(threads: 1, segmentDocuments: 4),
                fileSystem: fileSystem)
            _ = try build.run(
                DocumentIntake(
                    source: try DocumentSource([files.file("in.jsonl")]), cancellation: Cancellation(),
                    bar: ProgressBar(isEnabled: false)))
        }
    }

    private func input() throws -> Workspace {
        let files = try Workspace()
        let lines = (0..<10).map { "{\"vector\":{\"a\($0 % 3)\":1,\"b\":\($0 + 1)},\"text\":\"\($0)\"}\n" }
        _ = try files.write("in.jsonl", lines.joined())
        return files
    }

    /// Builds with a fault at each call in turn, until a build meets none.
    private func atEveryCall(
        _ files: Workspace, _ rule: (Int) -> FaultyFileSystem.Rule,
        _ check: (GranaryError?, MemoryFileSystem, Int) throws -> Void
    ) throws -> Int {
        for number in 1... {
            let memory = MemoryFileSystem()
            let faulty = FaultyFileSystem(memory, rule: rule(number))
            let error = build(files, faulty)
            try check(error, memory, number)
            if faulty.callCount < number { return number }
        }
        return 0
    }

    @Test("A disk that fills up at any call leaves no index")
    func fullDisk() throws {
        let room: Set<FaultyFileSystem.Kind> = [.create, .createDirectory, .write, .sync, .link, .rename]
        let calls = try atEveryCall(
            try input(),
            { number in { $0.number >= number && room.contains($0.kind) ? .fail(ENOSPC) : nil } },
            { (error, memory, number) throws in
                guard let error else { return }
                #expect(error.code == .diskFull, "call \(number): \(error)")
                #expect(try memory.status("index") == nil, "call \(number)")
            })
        #expect(calls > 50)
    }

    @Test("A failure at any one call leaves a whole index, or a place for one")
    func oneFailure() throws {
        let files = try input()
        var whole = 0
        let calls = try atEveryCall(
            files, { FaultyFileSystem.at($0, .fail(EIO)) },
            { (error, memory, number) throws in
                if error == nil {
                    let snapshot = try Index.open(at: "index", fileSystem: memory).snapshot()
                    #expect(snapshot.documentCount == 10, "call \(number)")
                    whole += 1
                } else {
                    // At most the lock's file, where a directory could not be listed to see whose it is.
                    let names = try memory.status("index") == nil ? [] : memory.list("index")
                    #expect(names.isEmpty || names == ["LOCK"], "call \(number): \(names)")
                    #expect(build(files, memory) == nil, "call \(number)")
                }
            })
        #expect(whole > 0)
        #expect(calls > 50)
    }
}
