import Foundation
import Testing

/// `granary repair`: says what it would drop, and drops it only when told to.
@Suite struct RepairCommandTests {
    /// An index of three segments of four documents.
    private func build() throws -> CommandIndex {
        try CommandIndex.build(
            Workspace(), (0..<12).map { CommandIndex.line("d\($0)", ["x": Double($0 + 1)]) },
            "--segment-documents", "4")
    }

    @Test("A sound index stays as it is, told to repair or not")
    func sound() throws {
        let index = try build()
        let before = try index.bytes()
        for options in [[], ["--apply"]] {
            let outcome = try index.run("repair", options)
            #expect(outcome.output == "generation 2 is sound: 12 documents\n")
        }
        let said = try index.json("repair", ["--apply", "--ids", index.files.file("lost")])
        #expect(said["sound"] as? Bool == true)
        #expect(said["repaired"] as? Bool == false)
        #expect(said["documents"] as? Int == 12)
        #expect(try index.files.read("lost").isEmpty)
        #expect(try index.bytes() == before)
    }

    @Test("What is damaged is named and kept until --apply; then the rest is a sound index")
    func dropsWhenTold() throws {
        let index = try build()
        let whole = try index.documents()
        // A bit of the rows: ids can still be read.
        let file = try index.damage(".blocks", section: 1)
        let segment = try #require(try index.segments().first { file.hasPrefix($0) })
        let before = try index.bytes()
        let asked = try index.attempt("repair", ["--ids", index.files.file("lost")])
        #expect(asked.code == 1, "\(asked)")
        #expect(asked.output.contains(segment) && asked.output.contains(file), "\(asked.output)")
        #expect(try index.bytes() == before)
        let lost = Set(try index.files.read("lost").split(separator: "\n").map(String.init))
        #expect(lost.count == 4 && lost.isSubset(of: whole.keys), "\(lost)")

        let json = try index.attempt("repair", ["--json"])
        #expect(json.code == 1)
        let plan = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        #expect(plan?["sound"] as? Bool == false)
        #expect(plan?["repaired"] as? Bool == false)
        #expect(plan?["documents"] as? Int == 8)
        let named = try #require((plan?["lost"] as? [[String: Any]])?.first)
        #expect(named["id"] as? String == segment)
        #expect(named["documents"] as? Int == 4)
        #expect((named["reason"] as? String)?.contains(file) == true, "\(named)")
        #expect(try index.bytes() == before)

        let applied = try index.run("repair", ["--apply"])
        #expect(applied.output.contains("\nrepaired: generation "), "\(applied)")
        #expect(try index.documents() == whole.filter { !lost.contains($0.key) })
        try index.verify()
        #expect(try index.run("repair").output.contains("is sound: 8 documents"))
        // And it takes documents again.
        try index.add(lost.sorted().map { CommandIndex.line($0, whole[$0] ?? [:]) })
        #expect(try index.documents() == whole)
    }

    @Test("An id of two lines is no two ids in the list of what is dropped")
    func idsOfOneLine() throws {
        let index = try CommandIndex.build(
            Workspace(), [#"a\nb"#, "c"].map { CommandIndex.line($0, ["x": 1]) })
        _ = try index.damage(".blocks", section: 1)
        let asked = try index.attempt("repair", ["--ids", index.files.file("lost")])
        #expect(asked.code == 1, "\(asked)")
        #expect(try index.files.read("lost") == "c\n")
        #expect(asked.errors.contains(#""a\u{a}b""#), "\(asked.errors)")
    }

    @Test("A damaged list of deletes brings the deleted back, and says so first")
    func revives() throws {
        let index = try build()
        try index.delete(["d5", "d6"])
        let file = try index.damage(".dead")
        let before = try index.bytes()
        let asked = try index.attempt("repair")
        #expect(asked.code == 1, "\(asked)")
        #expect(asked.output.contains(file), "\(asked)")
        #expect(try index.bytes() == before)
        let applied = try index.json("repair", ["--apply"])
        #expect((applied["revived"] as? [Any])?.count == 1)
        #expect(applied["repaired"] as? Bool == true)
        #expect(try index.documents().count == 12)
        try index.verify()
    }

    @Test("A damaged manifest is replaced by the one before it")
    func fallsBack() throws {
        let index = try build()
        try index.add([CommandIndex.line("late", ["x": 1])], "--no-merge")
        let name = try #require(
            try index.files.names(index.name).last { $0.hasPrefix("MANIFEST-") })
        let url = URL(fileURLWithPath: "\(index.path)/\(name)")
        try Data(try Data(contentsOf: url).dropLast(3)).write(to: url)
        let read = try index.attempt("stats")
        #expect(read.code == 1)
        #expect(read.errors.contains(name), "\(read)")
        let asked = try index.attempt("repair")
        #expect(asked.code == 1)
        #expect(asked.output.contains(name), "\(asked)")
        let applied = try index.json("repair", ["--apply"])
        #expect(applied["base"] as? Int == 2)
        #expect(applied["documents"] as? Int == 12)
        try index.verify()
        #expect(try index.documents().count == 12)
    }

    @Test("What is no index is refused and not made one")
    func refusesForeign() throws {
        let files = try Workspace()
        for options in [[], ["--apply"]] {
            let outcome = try CommandIndex(files: files, name: "absent").attempt("repair", options)
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains(files.file("absent")), "\(outcome)")
        }
        #expect(try files.names().isEmpty)
    }
}
