import Foundation
import TestSupport
import Testing

/// The order of a commit (DESIGN, section 6) as the kernel sees it.
@Suite struct SystemCallTests {
    /// Not everybody has it, and some containers let nobody trace.
    private static let canTrace =
        (try? Executable.run(["-o", "/dev/null", "/bin/true"], name: "strace").code) == 0

    /// A call of the trace that has to do with the index, or with standard output.
    private struct Call {
        var name: String
        /// The file in the index directory; empty for the directory itself.
        var file: String
        /// The new name of a rename.
        var target = ""

        func isSync(_ suffix: String) -> Bool { name == "fsync" && file.hasSuffix(suffix) }
    }

    @Test(
        "A commit makes files durable, then their names, then the manifest, and only then says so",
        .enabled(if: canTrace, "strace is missing or may not trace"))
    func order() throws {
        let files = try Workspace()
        let (index, trace) = (files.file("index"), files.file("trace"))
        let seeded = ["--index", index, "--seed", "4"]
        let first = try Executable.run(["work", "--seconds", "1"] + seeded, name: "granary-stress")
        try #require(first.code == 0, "\(first)")
        let traced = try Executable.run(
            [
                "-f", "-y", "-o", trace, "-e",
                "trace=openat,write,pwrite64,fsync,fdatasync,rename,renameat2,unlink,unlinkat",
                Executable.path("granary-stress"), "commit-once",
            ] + seeded, name: "strace")
        try #require(traced.code == 0, "\(traced)")
        try check(Self.calls(try files.read("trace"), index))
    }

    private func check(_ calls: [Call]) throws {
        func position(_ word: String) throws -> Int {
            try #require(calls.firstIndex { $0.name == "write" && $0.file.hasPrefix(word) })
        }
        let started = try position("started")
        let acknowledged = try position("acknowledged")
        let commit = Array(calls[started..<acknowledged])
        let rename = try #require(commit.firstIndex { $0.name.hasPrefix("rename") })
        #expect(commit.count { $0.name.hasPrefix("rename") } == 1)
        #expect(commit[rename].target.hasPrefix("MANIFEST-") && commit[rename].name == "renameat2")
        let manifest = commit[rename].file
        #expect(manifest.hasSuffix(".tmp"))
        let directorySyncs = commit.indices.filter { commit[$0].name == "fsync" && commit[$0].file.isEmpty }
        // Once for the names of the data files, once for that of the manifest.
        #expect(directorySyncs.count == 2 && directorySyncs[0] < rename && rename < directorySyncs[1])
        let manifestSync = try #require(commit.firstIndex { $0.isSync(manifest) })
        #expect(directorySyncs[0] < manifestSync && manifestSync < rename)
        let data = Set(commit.filter { $0.name == "create" }.map(\.file)).subtracting([manifest])
        #expect(["blocks", "summary", "dead"].allSatisfy { kind in data.contains { $0.hasSuffix(kind) } })
        for file in data.union([manifest]) {
            let syncs = commit.indices.filter { commit[$0].isSync(file) }
            let lastWrite = try #require(commit.lastIndex { $0.name == "pwrite64" && $0.file == file })
            #expect(syncs.count == 1 && lastWrite < syncs[0], "\(file)")
            if file != manifest { #expect(syncs[0] < directorySyncs[0], "\(file)") }
        }
        // Nothing goes before the new generation is durable.
        let unlinks = calls.indices.filter { $0 > started && calls[$0].name.hasPrefix("unlink") }
        #expect(unlinks.contains { calls[$0].file.hasPrefix("MANIFEST-") })
        #expect(unlinks.allSatisfy { $0 > started + directorySyncs[1] })
    }

    /// The calls of a trace that succeeded, in order.
    private static func calls(_ trace: String, _ index: String) -> [Call] {
        trace.split(separator: "\n").compactMap { line in
            // 123 fsync(6</tmp/index/a.blocks>) = 0
            guard let open = line.firstIndex(of: "("), !line.contains(" = -1 "),
                let name = line[..<open].split(separator: " ").last.map(String.init)
            else {
                return nil
            }
            let arguments = String(line[open...].dropFirst())
            if name == "write" {
                guard arguments.hasPrefix("1<"), let text = arguments.range(of: ", \"") else { return nil }
                return Call(name: name, file: String(arguments[text.upperBound...]))
            }
            let paths = Self.paths(arguments, index)
            guard let path = paths.first else { return nil }
            if name == "openat" {
                return arguments.contains("O_EXCL") ? Call(name: "create", file: path) : nil
            }
            return Call(name: name, file: path, target: paths.count > 1 ? paths[1] : "")
        }
    }

    /// The names of files of the index that stand in the arguments; empty for its directory.
    private static func paths(_ arguments: String, _ index: String) -> [String] {
        // Temporary directories have a longer name where they are links.
        let folder = URL(fileURLWithPath: index).deletingLastPathComponent().lastPathComponent + "/index"
        return arguments.components(separatedBy: folder).dropFirst().compactMap { rest in
            let end = rest.firstIndex { $0 == ">" || $0 == "\"" } ?? rest.endIndex
            let name = rest[..<end]
            return name.isEmpty ? "" : name.hasPrefix("/") ? String(name.dropFirst()) : nil
        }
    }
}
