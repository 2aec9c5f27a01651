import TestSupport
import Testing

@testable import Granary

/// CIFF files at the limits of what is read.
@Suite struct CIFFLimitTests {
    private func reader(_ bytes: [UInt8], _ options: CIFFReader.Options = .init()) throws -> CIFFReader {
        try CIFFReader(
            "in/a.ciff", options: options, fileSystem: try TestFileSystem(files: ["a.ciff": bytes], in: "in"))
    }

    /// A file in which the second of three documents has an entry in each of 2^20 lists and some more, all
    /// of one term.
    private static func broad(more: Int) -> [UInt8] {
        var file = CIFFBytes([], ids: ["first", "broad", "last"])
        file.header[1].value = .number(UInt64(1 << 20 + more))
        let list = CIFFBytes.message(CIFFBytes.list("7", [(1, 1)]))
        let (bytes, counted) = (file.bytes, CIFFBytes.varint(UInt64(list.count)) + list)
        var lists = counted
        // By whole arrays: an element at a time takes seconds where nothing is optimised.
        for _ in 0..<20 { lists += lists }
        for _ in 0..<more { lists += counted }
        let header = 1 + Int(bytes[0])
        return bytes[..<header] + lists + bytes[header...]
    }

    @Test("A document has up to 2^20 entries; one with more is named")
    func entriesOfADocument() throws {
        let options = CIFFReader.Options(
            scale: try ImpactScale(factor: 1_048_576), duplicates: .sum, hasDecimalTokens: true)
        let taken = try reader(Self.broad(more: 0), options)
        #expect(try taken.next()?.id == "first")
        let broad = try taken.next()
        #expect(broad?.id == "broad")
        #expect(broad?.sparse.weightOfComponent == [7: 1])
        #expect(try taken.next()?.id == "last")
        #expect(try taken.next() == nil)
        let refused = try reader(Self.broad(more: 1), options)
        #expect(try refused.next()?.id == "first")
        let error = #expect(throws: GranaryError.self) { _ = try refused.next() }
        #expect(error?.code == .tooLarge)
        #expect(error?.path == "in/a.ciff")
        #expect(error?.line == 2)
        #expect(error?.message.contains("\"broad\"") == true)
    }

    @Test("A list of any length says how far it is, and stops when that is asked for")
    func progressInsideAList() throws {
        let postings = (0..<200_000).map { ($0, 1) }
        let file = CIFFBytes([("a", postings)], ids: ["x"]).bytes
        for most in [Int.max, 3] {
            let reader = try reader(file)
            let cancellation = Cancellation()
            reader.cancellation = cancellation
            var seen: [UInt64] = []
            reader.progress = { [weak reader] progress in
                seen.append(progress.done)
                #expect(progress.done == reader?.bytesRead)
                if seen.count == most { cancellation.cancel() }
            }
            // There is a record of the first document alone.
            let code = errorCode { while try reader.next() != nil {} }
            #expect(code == (most == 3 ? .cancelled : .malformedInput))
            #expect(seen.count == min(most, 4))
            #expect(zip(seen, seen.dropFirst()).allSatisfy { $0 < $1 })
        }
    }

    /// Lengths of which the file has nothing, beyond 31 bits, 32, 63 and 64.
    static let lengths: [UInt64] = [1 << 31 - 1, 1 << 31, 1 << 32, 1 << 63 - 1, 1 << 63, .max]

    @Test("What is said to be longer than the file is truncated, whatever it is", arguments: lengths)
    func missingBytes(_ length: UInt64) throws {
        let sample = CIFFBytes([("a", [(0, 3)])], ids: ["x"])
        let counted = CIFFBytes.varint(length)
        let header = 1 + Int(sample.bytes[0])
        let list = CIFFBytes.message(sample.lists[0])
        let records = header + 1 + list.count
        // A term, and a posting, is in a list whose own length is right.
        let inside = [1, 4].map { [UInt8($0 << 3 | 2)] + counted }
        let files = [
            counted, Array(sample.bytes[..<header]) + counted, Array(sample.bytes[..<records]) + counted,
        ]
        for bytes in files + inside.map({ sample.bytes[..<header] + [UInt8($0.count)] + $0 }) {
            // So that the counts of the header have room.
            for bytes in [bytes, bytes + [0, 0]] {
                let error = #expect(throws: GranaryError.self, "\(bytes)") {
                    let reader = try reader(bytes)
                    while try reader.next() != nil {}
                }
                #expect(error?.code == .truncated, "\(bytes): \(String(describing: error))")
                #expect(error?.path == "in/a.ciff")
            }
        }
    }
}
