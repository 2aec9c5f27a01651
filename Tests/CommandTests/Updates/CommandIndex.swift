import Foundation
import Testing

/// An index in a workspace, on which the executable works.
struct CommandIndex {
    let files: Workspace
    /// The name of its directory.
    let name: String

    /// What is known of documents: id as JSON has it, weights of tokens.
    typealias Documents = [String: [String: Double]]

    var path: String { files.file(name) }

    /// Builds one of lines of JSON.
    static func build(
        _ files: Workspace, _ lines: [String], name: String = "index", _ options: String...
    ) throws -> CommandIndex {
        let index = CommandIndex(files: files, name: name)
        let input = try files.write("\(name).jsonl", lines.joined(separator: "\n") + "\n")
        try index.run("build", ["--input", input] + options)
        return index
    }

    /// A line of JSON with one document.
    static func line(_ id: String, _ vector: [String: Double]) -> String {
        let terms = vector.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }
        return "{\"id\": \"\(id)\", \"vector\": {\(terms.joined(separator: ", "))}}"
    }

    /// Runs a command on it, whatever comes of it.
    func attempt(_ command: String, _ arguments: [String] = []) throws -> Executable.Outcome {
        try Executable.run([command, "--index", path] + arguments)
    }

    /// Runs a command on it that is to succeed.
    @discardableResult func run(
        _ command: String, _ arguments: [String] = [], _ place: SourceLocation = #_sourceLocation
    ) throws -> Executable.Outcome {
        let outcome = try attempt(command, arguments)
        try #require(outcome.code == 0, "\(command) \(arguments): \(outcome)", sourceLocation: place)
        return outcome
    }

    /// What a command that is to succeed says with `--json`.
    func json(
        _ command: String, _ arguments: [String] = [], _ place: SourceLocation = #_sourceLocation
    ) throws -> NSDictionary {
        let outcome = try run(command, arguments + ["--json"], place)
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        return try #require(object as? NSDictionary, "\(outcome)", sourceLocation: place)
    }

    /// Adds lines of JSON.
    @discardableResult func add(_ lines: [String], _ options: String...) throws -> NSDictionary {
        let input = try files.write("added.jsonl", lines.joined(separator: "\n") + "\n")
        return try json("add", ["--input", input] + options)
    }

    /// Deletes by ids that are strings.
    @discardableResult func delete(_ ids: [String], _ options: String...) throws -> NSDictionary {
        let list = try files.write("deleted.txt", ids.map { $0 + "\n" }.joined())
        return try json("delete", ["--ids", list] + options)
    }

    /// All documents, as an export has them.
    func documents() throws -> Documents {
        let exported = try run("export")
        var documents = Documents()
        for line in exported.lines {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            let id = try #require(object?["id"], "\(line)")
            let vector = try #require(object?["vector"] as? [String: Double], "\(line)")
            #expect(documents.updateValue(vector, forKey: "\(id)") == nil, "\(id) stands twice")
        }
        return documents
    }

    /// Names of its segments, in the order of `stats`.
    func segments() throws -> [String] {
        let segments = try #require(try json("stats")["segments"] as? [[String: Any]])
        return segments.compactMap { $0["id"] as? String }
    }

    /// Every byte of its files, by name; not that of the lock, which says who had it last.
    func bytes() throws -> [String: Data] {
        var bytes: [String: Data] = [:]
        for file in try files.names(name) where file != "LOCK" {
            bytes[file] = try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(file)"))
        }
        return bytes
    }

    /// Inverts a bit of the first file with an ending, and gives its name.
    ///
    /// - Parameter section: which of its sections has it, from 0; each small one has 4096 bytes to itself.
    func damage(_ ending: String, section: Int = 0) throws -> String {
        let file = try #require(try files.names(name).first { $0.hasSuffix(ending) })
        let url = URL(fileURLWithPath: "\(path)/\(file)")
        var bytes = try Data(contentsOf: url)
        bytes[4096 * (section + 1)] ^= 1
        // Another file, as the bytes of this one may belong to a backup too.
        try FileManager.default.removeItem(at: url)
        try bytes.write(to: url)
        return file
    }

    /// That every byte is sound.
    func verify(_ place: SourceLocation = #_sourceLocation) throws {
        try run("verify", ["--full"], place)
    }
}
