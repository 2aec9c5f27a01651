import CommandSupport
import Granary
import Testing

/// Documents that get their dense vectors from a file or from their lines.
@Suite struct DenseSourceTests {
    private static let lines = """
        {"id":"a","vector":{"x":1},"text":"A"}
        {"id":"b","vector":{"x":2},"dense":[9,9]}
        {"id":"c","vector":{}}

        """

    private func vectors(_ files: Workspace, _ rows: [[Float]]) throws -> VectorFile {
        var bytes = Matrix.little(UInt32(rows.count)) + Matrix.little(UInt32(rows.first?.count ?? 0))
        bytes += rows.flatMap { $0.flatMap { Matrix.little($0.bitPattern) } }
        return try VectorFile.open(try files.write("in.fbin", bytes))
    }

    private func documents(_ source: DocumentSource) throws -> [Document] {
        var documents: [Document] = []
        while let document = try source.next() { documents.append(document) }
        return documents
    }

    @Test("A file of dense vectors stands in the place of those in the lines")
    func takesVectors() throws {
        let files = try Workspace()
        let lines = try files.write("in.jsonl", Self.lines)
        let ids = try files.write("ids", "p\nq\nr\n")
        let rows: [[Float]] = [[1, 2], [3, 4], [5, 6]]
        let source = try DocumentSource([lines], ids: ids, vectors: try vectors(files, rows))
        #expect(try source.findDimensions() == 2)
        let documents = try documents(source)
        #expect(documents.map(\.dense) == rows)
        #expect(documents.map(\.id) == ["p", "q", "r"])
        #expect(documents[0].payload == Array(#"{"text":"A"}"#.utf8))
    }

    @Test("Without one the vectors of the lines count, unless they are passed over")
    func takesLines() throws {
        let files = try Workspace()
        let lines = try files.write("in.jsonl", Self.lines)
        #expect(try documents(DocumentSource([lines])).map(\.dense) == [nil, [9, 9], nil])
        let ignoring = try DocumentSource([lines], ignoresDense: true)
        #expect(try ignoring.findDimensions() == nil)
        #expect(try documents(ignoring).map(\.dense) == [nil, nil, nil])
    }

    @Test("Looking for dimensions loses neither documents nor their places")
    func looksAhead() throws {
        let files = try Workspace()
        let lines = try files.write("in.jsonl", Self.lines)
        let source = try DocumentSource([lines, lines])
        #expect(try source.findDimensions() == 2)
        #expect(try source.findDimensions() == 2)
        for (id, line) in [("a", UInt64(1)), ("b", 2), ("c", 3), ("a", 1), ("b", 2), ("c", 3)] {
            #expect(try source.next()?.id == .string(id))
            #expect(source.place.line == line)
        }
        #expect(try source.next() == nil)
    }

    @Test("Looking ahead ends after a thousand documents or much text")
    func boundsLookingAhead() throws {
        let files = try Workspace()
        let plain = "{\"vector\":{}}\n"
        let last = "{\"vector\":{},\"dense\":[1]}\n"
        for (count, dimensions) in [(1023, Int?(1)), (1024, nil)] {
            let text = String(repeating: plain, count: count) + last
            let source = try DocumentSource([try files.write("in.jsonl", text)])
            #expect(try source.findDimensions() == dimensions)
            #expect(try documents(source).last?.dense == [1])
            #expect(source.rowCount == UInt64(count + 1))
        }
        let long = "{\"vector\":{},\"text\":\"\(String(repeating: "t", count: 8 << 20))\"}\n"
        let source = try DocumentSource([
            try files.write("in.jsonl", String(repeating: long, count: 9) + last)
        ])
        #expect(try source.findDimensions() == nil)
        #expect(source.rowCount == 8)
        #expect(try documents(source).count == 10)
    }

    @Test("Fewer or more vectors than rows are an error that says both")
    func countsVectors() throws {
        let files = try Workspace()
        let lines = try files.write("in.jsonl", Self.lines)
        let few = try DocumentSource([lines], vectors: try vectors(files, [[1], [2]]))
        let missing = granaryError { () throws(GranaryError) in while try few.next() != nil {} }
        #expect(missing?.code == .malformedInput)
        #expect(
            missing?.message.contains("found 2 for 3 rows or more") == true, "\(String(describing: missing))")
        #expect(missing?.path == few.vectors?.path)
        let many = try DocumentSource([lines], vectors: try vectors(files, [[1], [2], [3], [4]]))
        let left = granaryError { () throws(GranaryError) in while try many.next() != nil {} }
        #expect(left?.code == .malformedInput)
        #expect(left?.message.contains("expected 3 dense vectors, one for each row, found 4") == true)
        #expect(left?.path == many.vectors?.path)
    }
}
