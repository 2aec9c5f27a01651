import CommandSupport
import Foundation
import Granary
import Testing

/// The small parts of the command line.
@Suite struct SupportTests {
    @Test(
        "Sizes are read in powers of 1024",
        arguments: [
            ("0", 0), ("17", 17), ("1k", 1024), ("2K", 2048), ("3KiB", 3072), ("4kb", 4096),
            ("512MiB", 512 << 20),
            ("2G", 2 << 30), ("1GB", 1 << 30), ("1gib", 1 << 30), ("1T", 1 << 40), ("5B", 5),
        ])
    func readsSizes(text: String, bytes: Int) { #expect(ByteSize(argument: text)?.bytes == bytes) }

    @Test(
        "What is no size is refused",
        arguments: [
            "", "G", "1.5G", "-1", "1 G", "1X", "1GGiB", "1ib", "9999999999999G", "99999999999999999999",
            "١G",
        ])
    func refusesSizes(_ text: String) { #expect(ByteSize(argument: text) == nil) }

    @Test("Sizes are shown in their largest unit")
    func showsSizes() {
        for text in ["1GiB", "512MiB", "3KiB", "1025", "0"] {
            #expect(ByteSize(argument: text)?.description == text)
        }
    }

    static let codes: [(GranaryError, Int32)] = [
        (GranaryError(.malformedInput, "", path: "in", line: 1), 65),
        (GranaryError(.invalidWeight, "", path: "in", line: 1), 65),
        (GranaryError(.duplicateComponent, "", line: 1), 65),
        (GranaryError(.tooLarge, "", path: "in", line: 1), 65),
        (GranaryError(.truncated, "", path: "in"), 65), (GranaryError(.truncated, "", path: "index/file"), 1),
        (GranaryError(.wrongFile, "", path: "in"), 65), (GranaryError(.wrongFile, "", path: "index/file"), 1),
        (GranaryError(.invalidArgument, ""), 64), (GranaryError(.invalidArgument, "", line: 4), 65),
        (GranaryError(.notFound, "", path: "in"), 1), (GranaryError(.diskFull, ""), 1),
        (GranaryError(.cancelled, ""), 1), (GranaryError(.corrupt, "", path: "index/file"), 1),
        (GranaryError(.alreadyExists, "", path: "index"), 1), (GranaryError(.locked, ""), 1),
    ]

    @Test("Exit codes tell bad input, bad usage and failure apart", arguments: codes)
    func mapsCodes(error: GranaryError, code: Int32) {
        #expect(Failure.exitCode(error, inputs: ["in"]) == code, "\(error)")
    }

    @Test("The progress line has phase, share, rate and remaining time")
    func showsProgress() {
        let half = ProgressBar.line(
            .init(phase: .clustering, done: 50_000, total: 100_000), fraction: nil, elapsed: 10)
        #expect(half.hasPrefix("clustering"))
        #expect(half.contains("[############............]"))
        #expect(half.contains(" 50%"))
        #expect(half.contains("50000 of 100000 postings"))
        #expect(half.contains("5.0k/s"))
        #expect(half.contains("0:10 left"))
        let read = ProgressBar.line(.init(phase: .reading, done: 10), fraction: 0.001, elapsed: 10)
        #expect(read.contains("2:46:30 left"))
        #expect(read.contains("10 documents"))
        let unknown = ProgressBar.line(.init(phase: .reading, done: 10), fraction: nil, elapsed: 10)
        #expect(!unknown.contains("left"))
        #expect(!unknown.contains("%"))
        let over = ProgressBar.line(.init(phase: .verifying, done: 30, total: 10), fraction: nil, elapsed: 1)
        #expect(over.contains("100%"))
    }

    @Test(
        "A snippet is the text of a payload in one line",
        arguments: [
            (#"{"n": 1, "title": "T", "text": "a\n  b"}"#, "a b"), (#"{"title": "T"}"#, "T"),
            (#"{"n": 1}"#, #"{"n": 1}"#), (#""plain  text""#, "plain text"), ("not JSON", "not JSON"),
            ("0123456789012345678901234567890", "0123456789012345678…"), ("", nil), (#"{"text": " "}"#, nil),
        ])
    func showsSnippets(payload: String, text: String?) {
        #expect(Snippet.text(Array(payload.utf8), length: 20) == text)
    }

    @Test("Formats are told by their names")
    func tellsFormats() {
        #expect(InputFormat(path: "a/b.JSONL") == .jsonl)
        #expect(InputFormat(path: "b.ndjson") == .jsonl)
        #expect(InputFormat(path: "a.csr") == .csr)
        #expect(InputFormat(path: "a.txt") == nil)
        #expect(InputFormat(path: "jsonl") == nil)
    }

    @Test("An output file is there whole or not at all, and replaces an older one")
    func writesWhole() throws {
        let files = try Workspace()
        let path = try files.write("out", "old")
        do {
            let output = try OutputFile(path)
            try output.write(String(repeating: "new", count: 100_000))
        }
        #expect(try files.read("out") == "old")
        #expect(try files.names() == ["out"])
        let output = try OutputFile(path)
        try output.write("new")
        try output.finish()
        #expect(try files.read("out") == "new")
        #expect(try files.names() == ["out"])
        #expect(
            granaryError { () throws(GranaryError) in _ = try OutputFile(files.file("no/out")) }?.code == .io)
    }

    @Test("A device is written to and not replaced, a directory is refused at once")
    func writesToDevices() throws {
        let files = try Workspace()
        let link = files.file("device")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "/dev/zero")
        let output = try OutputFile(link)
        try output.write("new")
        try output.finish()
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "/dev/zero")
        #expect(try files.names() == ["device"])
        #expect(granaryError { () throws(GranaryError) in _ = try OutputFile(files.path) }?.code == .io)
    }

    @Test("Several files are one collection: rows go on counting, ids are taken in order")
    func joinsFiles() throws {
        let files = try Workspace()
        let lines = try files.write("a.jsonl", "{\"vector\":{\"3\":1}}\n{\"id\":\"x\",\"vector\":{}}\n")
        let matrix = try files.write("b.csr", Matrix(columns: 2, [[(1, 1)], []]).bytes)
        func ids(_ names: String?, of paths: [String]) throws -> [DocumentKey] {
            let source = try DocumentSource(paths, ids: names)
            var ids: [DocumentKey] = []
            while let document = try source.next() { ids.append(document.id) }
            #expect(source.fraction == 1)
            return ids
        }
        #expect(try ids(nil, of: [lines, matrix]) == [0, "x", 2, 3])
        #expect(try ids(nil, of: [matrix, lines, lines]) == [0, 1, 2, "x", 4, "x"])
        #expect(
            try ids(try files.write("ids", "p\nq\nr\ns\n"), of: [lines, matrix]) == ["p", "q", "r", "s"])
        for (text, line) in [("p\nq\nr\n", UInt64(4)), ("p\nq\nr\ns\nt\n", 5), ("p\n\nr\ns\n", 2)] {
            let source = try DocumentSource([lines, matrix], ids: try files.write("ids", text))
            let error = granaryError { () throws(GranaryError) in while try source.next() != nil {} }
            #expect(error?.code == .malformedInput)
            #expect(error?.line == line, "\(text)")
        }
    }
}
