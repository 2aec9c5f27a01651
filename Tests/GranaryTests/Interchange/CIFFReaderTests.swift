import GranaryStorage
import TestSupport
import Testing

@testable import Granary

/// The reading of CIFF files: what comes of right ones, and that wrong ones are named.
@Suite struct CIFFReaderTests {
    private static let sample = CIFFBytes(
        [("a", [(0, 3), (2, 5)]), ("b", [(0, 1)]), ("c", [(1, 200), (2, 7)])], ids: ["x", "y", "z"])

    private func documents(
        _ bytes: [UInt8], _ options: CIFFReader.Options = CIFFReader.Options()
    ) throws(GranaryError) -> [Document] {
        let reader = try CIFFReader(
            "in/a.ciff", options: options, fileSystem: try TestFileSystem(files: ["a.ciff": bytes], in: "in"))
        var documents: [Document] = []
        while let document = try reader.next() { documents.append(document) }
        return documents
    }

    private func failure(
        _ bytes: [UInt8], _ options: CIFFReader.Options = CIFFReader.Options()
    ) -> GranaryError? {
        do throws(GranaryError) {
            _ = try documents(bytes, options)
            return nil
        } catch { return error }
    }

    @Test("Posting lists become documents, in the order of their numbers")
    func transposes() throws {
        let found = try documents(Self.sample.bytes)
        #expect(found.map(\.id) == ["x", "y", "z"])
        #expect(found.map(\.sparse.weightOfToken) == [["a": 3, "b": 1], ["c": 200], ["a": 5, "c": 7]])
        #expect(found.allSatisfy { $0.payload == nil && $0.dense == nil })
    }

    @Test("Fields may be absent, unknown and in any order; documents may be empty and have gaps")
    func readsFreely() throws {
        var file = CIFFBytes([("é", [(0, 2), (9, 4)]), ("", [(9, 1)])], ids: ["x", "y", "z"])
        file.header = file.header.reversed() + [(7, .double(0x4000_0000_0000_0000)), (99 >> 3, .number(5))]
        file.lists[0] =
            file.lists[0].filter { $0.number == 4 } + [
                (2, .number(2)), (1, .bytes(Array("é".utf8))), (3, .number(77)), (15, .bytes([1, 2, 3])),
            ]
        file.records[1][0].value = .number(4)
        file.records[2] = file.records[2].reversed() + [(3, .number(12)), (14, .number(1))]
        file.records[2][1].value = .number(9)
        let found = try documents(file.bytes)
        #expect(found.map(\.id) == ["x", "y", "z"])
        #expect(found.map(\.sparse.weightOfToken) == [["é": 2], [:], ["é": 4, "": 1]])
    }

    @Test("Lists without postings count, and stand for no term")
    func emptyLists() throws {
        let file = CIFFBytes(
            [("", []), ("a", [(0, 3)]), ("b", []), ("b", []), ("c", [(1, 7)]), ("", [])], ids: ["x", "y"])
        #expect(try documents(file.bytes).map(\.sparse.weightOfToken) == [["a": 3], ["c": 7]])
        let decimal = CIFFReader.Options(hasDecimalTokens: true)
        let bad = CIFFBytes([("1", [(0, 3)]), ("b", [])], ids: ["x"])
        #expect(failure(bad.bytes, decimal)?.code == .malformedInput)
    }

    @Test("The first error is thrown by every further call")
    func staysFailed() throws {
        let file = CIFFBytes([("a", [(0, 3), (1, 4)]), ("a", [(0, 1)])], ids: ["x", "y"])
        let reader = try CIFFReader(
            "in/a.ciff", fileSystem: try TestFileSystem(files: ["a.ciff": file.bytes], in: "in"))
        for _ in 0..<3 { #expect(errorCode { _ = try reader.next() } == .duplicateComponent) }
    }

    @Test("A file may have nothing in it")
    func readsNothing() throws {
        #expect(try documents(CIFFBytes([], ids: []).bytes).isEmpty)
        #expect(try documents(CIFFBytes([], ids: ["x"]).bytes).map(\.sparse.count) == [0])
    }

    @Test("Impacts are divided by the scale that is asked for, or that our exports state, or by 1")
    func scales() throws {
        func weight(_ description: String, _ scale: Double? = nil) throws -> Float? {
            let file = CIFFBytes([("a", [(0, 50)])], ids: ["x"], description: description)
            let options = CIFFReader.Options(scale: try scale.map { try ImpactScale(factor: $0) })
            return try documents(file.bytes, options).first?.sparse.weightOfToken["a"]
        }
        #expect(try weight("Lucene") == 50)
        #expect(try weight("Granary: weight = tf / 40.0") == 1.25)
        #expect(try weight("a Granary: weight = tf / 40.0") == 50)
        #expect(try weight("Granary: weight = tf / 40.0", 100) == 0.5)
        for text in ["", "0", "-1", "nan", "inf", "40 or so"] {
            let file = CIFFBytes([], ids: [], description: "Granary: weight = tf / " + text)
            #expect(failure(file.bytes)?.code == .malformedInput, "\(text)")
            #expect(failure(file.bytes, .init(scale: .identity)) == nil, "\(text)")
        }
    }

    @Test("Terms are components where that is asked for")
    func decimalTokens() throws {
        let file = CIFFBytes([("10", [(0, 1)]), ("9", [(0, 2)])], ids: ["x"])
        let options = CIFFReader.Options(hasDecimalTokens: true)
        #expect(try documents(file.bytes, options).first?.sparse.weightOfComponent == [9: 2, 10: 1])
        let failure = failure(Self.sample.bytes, options)
        #expect(failure?.code == .malformedInput)
        #expect(failure?.message.contains("\"a\"") == true)
    }

    @Test("A term with two lists is settled as asked, and named with the document where it is not")
    func duplicates() throws {
        let file = CIFFBytes([("a", [(1, 2)]), ("a", [(1, 3)])], ids: ["x", "y"])
        let failure = failure(file.bytes)
        #expect(failure?.code == .duplicateComponent)
        #expect(failure?.line == 2)
        #expect(try documents(file.bytes, .init(duplicates: .sum)).last?.sparse.weightOfToken == ["a": 5])
        let heavy = CIFFBytes([("a", [(0, 70_000)])], ids: ["x"])
        #expect(self.failure(heavy.bytes)?.code == .invalidWeight)
        #expect(self.failure(heavy.bytes)?.line == 1)
    }

    /// A file with one thing wrong.
    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var code: GranaryError.Code = .malformedInput
        var spoil: @Sendable (inout CIFFBytes) -> Void
    }

    static let faults: [Fault] = [
        Fault(testDescription: "version", code: .unsupportedVersion) { $0.header[0].value = .number(2) },
        Fault(testDescription: "no version", code: .unsupportedVersion) { $0.header.remove(at: 0) },
        Fault(testDescription: "negative lists") { $0.header[1].value = .number(.max) },
        Fault(testDescription: "lists without room") { $0.header[1].value = .number(1 << 30) },
        Fault(testDescription: "documents without room") { $0.header[2].value = .number(1 << 30) },
        Fault(testDescription: "documents over 32 bits") { $0.header[2].value = .number(1 << 33) },
        Fault(testDescription: "fewer lists") { $0.header[1].value = .number(2) },
        Fault(testDescription: "more lists") { $0.header[1].value = .number(4) },
        Fault(testDescription: "fewer documents") { $0.header[2].value = .number(2) },
        Fault(testDescription: "more documents", code: .truncated) { $0.header[2].value = .number(4) },
        Fault(testDescription: "document frequency") { $0.lists[0][1].value = .number(3) },
        Fault(testDescription: "no document frequency") { $0.lists[0].remove(at: 1) },
        Fault(testDescription: "a document twice") { $0.lists[0][3].value = .bytes(CIFFBytes.posting(0, 1)) },
        Fault(testDescription: "descending documents") {
            $0.lists[0][3].value = .bytes(CIFFBytes.posting(-1, 1))
        },
        Fault(testDescription: "negative document") {
            $0.lists[0][2].value = .bytes(CIFFBytes.posting(-1, 1))
        },
        Fault(testDescription: "documents over 31 bits") {
            $0.lists[2][3].value = .bytes(CIFFBytes.posting(Int(Int32.max), 1))
        },
        Fault(testDescription: "negative impact") { $0.lists[0][2].value = .bytes(CIFFBytes.posting(0, -1)) },
        Fault(testDescription: "posting of no record") {
            $0.lists[0][3].value = .bytes(CIFFBytes.posting(3, 1))
        },
        Fault(testDescription: "posting before a record") { $0.records[0][0].value = .number(1) },
        Fault(testDescription: "record twice") { $0.records[1][0].value = .number(0) },
        Fault(testDescription: "descending records") { $0.records.swapAt(1, 2) },
        Fault(testDescription: "negative record") { $0.records[2][0].value = .number(.max) },
        Fault(testDescription: "no id") { $0.records[1].remove(at: 1) },
        Fault(testDescription: "long id", code: .tooLarge) {
            $0.records[1][1].value = .bytes([UInt8](repeating: 65, count: 256))
        },
        Fault(testDescription: "long term", code: .tooLarge) {
            $0.lists[1][0].value = .bytes([UInt8](repeating: 65, count: 32_767))
        },
        Fault(testDescription: "id that is no text") { $0.records[1][1].value = .bytes([0xFF]) },
        Fault(testDescription: "term that is a number") { $0.lists[1][0].value = .number(1) },
        Fault(testDescription: "posting that is a number") { $0.lists[1][2].value = .number(1) },
    ]

    @Test("What is wrong is an error of its kind, with the file", arguments: faults)
    func refuses(_ fault: Fault) {
        var file = Self.sample
        fault.spoil(&file)
        let failure = failure(file.bytes)
        #expect(failure?.code == fault.code, "\(String(describing: failure))")
        #expect(failure?.path == "in/a.ciff")
    }

    @Test("Records that repeat or descend are refused without any posting", arguments: [UInt64(0), 1])
    func refusesUnorderedRecords(_ number: UInt64) {
        var file = CIFFBytes([], ids: ["x", "y"])
        file.records[0][0].value = .number(1)
        file.records[1][0].value = .number(number)
        #expect(failure(file.bytes)?.code == .malformedInput)
    }

    @Test("Every beginning of a file is refused, and so is a byte too much")
    func refusesBeginnings() {
        let bytes = Self.sample.bytes
        for length in bytes.indices {
            let code = failure(Array(bytes.prefix(length)))?.code
            #expect(code == .truncated || code == .malformedInput, "\(length) bytes")
        }
        #expect(failure(bytes + [0])?.code == .malformedInput)
    }

    @Test("A file with any one byte changed is read or refused")
    func survivesEveryByte() {
        let bytes = Self.sample.bytes
        var refused = 0
        for position in bytes.indices {
            for change in [UInt8(1), 0x80, 0xFF, 0x08] {
                var changed = bytes
                changed[position] ^= change
                if let failure = failure(changed) {
                    refused += 1
                    #expect(failure.path == "in/a.ciff", "byte \(position): \(failure)")
                }
            }
        }
        #expect(refused > bytes.count)
    }

    @Test("A cancelled transposition stops, and one under way says how far it is")
    func cancels() throws {
        let lists = (0..<300).map { ("t\($0)", [($0 % 3, 1)]) }
        let bytes = CIFFBytes(lists, ids: ["x", "y", "z"]).bytes
        let reader = try CIFFReader(
            "in/a.ciff", fileSystem: try TestFileSystem(files: ["a.ciff": bytes], in: "in"))
        let cancellation = Cancellation()
        var seen: [UInt64] = []
        reader.cancellation = cancellation
        reader.progress = { progress in
            seen.append(progress.done)
            #expect(progress.total == UInt64(bytes.count))
            if seen.count == 3 { cancellation.cancel() }
        }
        #expect(errorCode { _ = try reader.next() } == .cancelled)
        #expect(seen.count == 3)
        #expect(seen == seen.sorted())
    }
}
