import Foundation
import Testing

/// `granary attach` and `granary detach`.
@Suite struct AttachCommandTests {
    private typealias Line = CommandIndex

    /// Indexes of one vocabulary, of which the second and third have documents in common.
    private func build(_ files: Workspace) throws -> (whole: CommandIndex, parts: [CommandIndex]) {
        let names = try files.write("vocabulary.txt", "x\ny\nz\n")
        let lines = [
            [Line.line("a", ["x": 1]), Line.line("b", ["x": 1])],
            [Line.line("b", ["y": 2]), Line.line("c", ["y": 2])],
            [Line.line("c", ["z": 3]), Line.line("d", ["z": 3])],
        ]
        let indexes = try lines.enumerated().map { number, lines in
            try CommandIndex.build(files, lines, name: "part\(number)", "--vocabulary", names)
        }
        return (indexes[0], [indexes[1], indexes[2]])
    }

    @Test("Segments of others come in: theirs replace the documents here, and the later index wins")
    func attaches() throws {
        let (index, parts) = try build(Workspace())
        let before = try parts.map { try $0.bytes() }
        let said = try index.json("attach", ["--from"] + parts.map(\.path))
        #expect(said["attached"] as? Int == 4)
        #expect(said["indexes"] as? Int == 2)
        #expect(said["documents"] as? Int == 4)
        #expect(said["segments"] as? Int == 3)
        #expect(try index.documents() == ["a": ["x": 1], "b": ["y": 2], "c": ["z": 3], "d": ["z": 3]])
        #expect(try parts.map { try $0.bytes() } == before, "the others stay as they are")
        try index.verify()
        try index.json("merge")
        #expect(try index.documents().count == 4)
    }

    @Test(
        "All come in or none, and what does not fit is named", arguments: ["weights", "vocabulary", "absent"])
    func allOrNone(fault: String) throws {
        let files = try Workspace()
        let (index, parts) = try build(files)
        let odd = CommandIndex(files: files, name: "odd")
        var expected = odd.path
        switch fault {
        case "weights":
            let names = files.file("vocabulary.txt")
            _ = try CommandIndex.build(
                files, [Line.line("o", ["x": 1])], name: "odd", "--vocabulary", names, "--weights", "float32")
            expected = "expected weights of float16, found float32 (\(odd.path))"
        case "vocabulary":
            _ = try CommandIndex.build(files, [Line.line("o", ["other": 1])], name: "odd")
            expected = "found \"other\" for component 0"
        default: break
        }
        let before = try index.documents()
        let outcome = try index.attempt("attach", ["--from", parts[0].path, odd.path])
        #expect(outcome.code == (fault == "absent" ? 1 : 64), "\(outcome)")
        #expect(outcome.errors.contains(expected) && outcome.errors.contains(odd.path), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
        #expect(try index.documents() == before)
        #expect(try index.segments().count == 1)
        try index.verify()
    }

    @Test("An index is attached once, and not to itself")
    func refusesDoubles() throws {
        let (index, parts) = try build(Workspace())
        for sources in [[parts[0].path, parts[0].path], [index.path]] {
            let outcome = try index.attempt("attach", ["--from"] + sources)
            #expect(outcome.code != 0, "\(outcome)")
            #expect(outcome.errors.contains(sources[0]), "\(outcome.errors)")
        }
        #expect(try index.documents().count == 2)
    }

    @Test("A detached segment is an index of its own, and comes back by attach")
    func detaches() throws {
        let files = try Workspace()
        let (index, parts) = try build(files)
        try index.run("attach", ["--from"] + parts.map(\.path))
        let whole = try index.documents()
        let segment = try #require(try index.segments().last)
        let old = CommandIndex(files: files, name: "old")
        let said = try index.json("detach", ["--segments", segment, segment, "--to", old.path])
        #expect(said["segments"] as? Int == 1)
        let (left, moved) = (try index.documents(), try old.documents())
        #expect(said["detached"] as? Int == moved.count)
        #expect(said["documents"] as? Int == left.count)
        #expect(!moved.isEmpty && !left.isEmpty)
        #expect(left.merging(moved) { _, second in second } == whole)
        #expect(Set(left.keys).isDisjoint(with: moved.keys))
        try index.verify()
        try old.verify()
        try index.run("attach", ["--from", old.path])
        #expect(try index.documents() == whole)
        try index.verify()
    }

    @Test("A segment that is not there, or a place that is taken, changes nothing")
    func refusesDetach() throws {
        let files = try Workspace()
        let (index, parts) = try build(files)
        let before = try index.bytes()
        let segment = try #require(try index.segments().first)
        let unknown = String(repeating: "0", count: 32)
        for (segments, target, expected) in [
            ([segment, unknown], files.file("old"), unknown), (["nonsense"], files.file("old"), "nonsense"),
            ([segment], parts[0].path, parts[0].path),
            ([segment], files.file("absent/old"), files.file("absent")),
        ] {
            let outcome = try index.attempt("detach", ["--segments"] + segments + ["--to", target])
            #expect(outcome.code == 1, "\(outcome)")
            #expect(outcome.errors.contains(expected), "\(outcome.errors)")
            #expect(outcome.output.isEmpty)
            #expect(!files.exists("old") && !files.exists("absent"))
        }
        #expect(try index.bytes() == before)
        #expect(try parts[0].documents().count == 2)
    }
}
