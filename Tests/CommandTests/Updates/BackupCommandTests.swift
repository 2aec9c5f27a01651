import Foundation
import Testing

/// `granary backup`.
@Suite struct BackupCommandTests {
    private func build(_ files: Workspace) throws -> CommandIndex {
        let index = try CommandIndex.build(files, (0..<20).map { CommandIndex.line("d\($0)", ["x": 1]) })
        try index.delete(["d3"])
        return index
    }

    @Test("A backup has what the index has, and keeps it when the index goes on", arguments: [false, true])
    func backsUp(isVerified: Bool) throws {
        let files = try Workspace()
        let index = try build(files)
        let backup = CommandIndex(files: files, name: "backup")
        let said = try index.json("backup", ["--to", backup.path] + (isVerified ? ["--verified"] : []))
        #expect(said["generation"] as? Int == 3)
        #expect(said["documents"] as? Int == 19)
        #expect(said["verified"] as? Bool == isVerified)
        #expect(said["bytes"] as? Int == (try index.json("stats")["bytesOnDisk"] as? Int))
        let documents = try index.documents()
        try index.add([CommandIndex.line("new", ["y": 1])])
        try index.json("merge")
        #expect(try backup.documents() == documents)
        // And the reverse: it is an index of its own.
        try backup.delete(["d4"])
        #expect(try index.documents().count == 20)
        try backup.verify()
        try index.verify()
    }

    @Test("A directory with something in it is refused and left as it was; an empty one is taken")
    func refusesUsedDirectory() throws {
        let files = try Workspace()
        let index = try build(files)
        try FileManager.default.createDirectory(atPath: files.file("used"), withIntermediateDirectories: true)
        _ = try files.write("used/mine", "mine")
        for target in [files.file("used"), index.path] {
            let outcome = try index.attempt("backup", ["--to", target])
            #expect(outcome.code == 1, "\(outcome)")
            #expect(outcome.errors.hasPrefix("granary: already exists: "), "\(outcome)")
            #expect(outcome.errors.contains(target), "\(outcome)")
            #expect(outcome.output.isEmpty)
        }
        #expect(try files.names("used") == ["mine"])
        try index.verify()
        try FileManager.default.removeItem(atPath: files.file("used/mine"))
        try index.run("backup", ["--to", files.file("used")])
        #expect(try CommandIndex(files: files, name: "used").documents() == index.documents())
    }

    @Test("A verified backup of a damaged index fails, names the file, and leaves nothing")
    func refusesDamage() throws {
        let files = try Workspace()
        let index = try build(files)
        // Of the rows, which nothing reads but a comparison of all bytes.
        let file = try index.damage(".blocks", section: 1)
        let outcome = try index.attempt("backup", ["--to", files.file("backup"), "--verified"])
        #expect(outcome.code == 1, "\(outcome)")
        #expect(outcome.errors.contains(file), "\(outcome.errors)")
        #expect(!files.exists("backup"))
    }

    @Test("A place that cannot be is named")
    func namesPlace() throws {
        let files = try Workspace()
        let index = try build(files)
        let outcome = try index.attempt("backup", ["--to", files.file("absent/backup")])
        #expect(outcome.code == 1)
        #expect(outcome.errors.contains(files.file("absent")), "\(outcome)")
        let absent = try CommandIndex(files: files, name: "absent").attempt("backup", ["--to", "x"])
        #expect(absent.code == 1)
        #expect(absent.errors.contains(files.file("absent")), "\(absent)")
    }
}
