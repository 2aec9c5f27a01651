import GranaryStorage
import TestSupport
import Testing

@testable import Granary

/// The reading and writing of Protocol Buffers.
@Suite struct ProtobufTests {
    private func reader(_ bytes: [UInt8]) throws(GranaryError) -> ProtobufReader {
        try ProtobufReader(
            "in/file", fileSystem: try TestFileSystem(files: ["file": bytes], in: "in"))
    }

    @Test("Numbers come back, and have the width that was foretold")
    func numbers() throws {
        let numbers: [UInt64] = [0, 1, 127, 128, 300, 16383, 16384, 1 << 32, 1 << 63, .max]
        for number in numbers {
            var writer = ProtobufWriter()
            writer.append(varint: number)
            #expect(UInt64(writer.bytes.count) == ProtobufWriter.width(number))
            var reader = try reader(writer.bytes)
            let found = try reader.varint(before: reader.length)
            #expect(found == number)
            var field = ProtobufWriter()
            field.append(5, number)
            #expect(UInt64(field.bytes.count) == ProtobufWriter.fieldWidth(number))
        }
    }

    @Test(
        "A number of more than 64 bits is refused, and so is one without an end",
        arguments: [
            ([UInt8](repeating: 0x80, count: 10) + [1], GranaryError.Code.malformedInput),
            ([UInt8](repeating: 0xFF, count: 9) + [2], .malformedInput),
            ([UInt8](repeating: 0xFF, count: 9), .truncated), ([0x80], .truncated), ([], .truncated),
        ])
    func refusesNumbers(_ bytes: [UInt8], _ code: GranaryError.Code) throws {
        var reader = try reader(bytes)
        do throws(GranaryError) {
            let number = try reader.varint(before: reader.length)
            Issue.record("found \(number)")
        } catch {
            #expect(error.code == code)
            #expect(error.path == "in/file")
            #expect(error.byteOffset != nil)
        }
    }

    @Test("A negative number of 32 bits has ten bytes; one that needs more bits is refused")
    func narrowNumbers() throws {
        for (value, isFine) in [(Int64(-1), true), (-(1 << 31), true), (1 << 31 - 1, true), (1 << 31, false)]
        {
            var writer = ProtobufWriter()
            writer.append(1, UInt64(bitPattern: value))
            if value < 0 { #expect(writer.bytes.count == 11) }
            var reader = try reader(writer.bytes)
            let end = reader.length
            guard let field = try reader.field(before: end) else {
                Issue.record("no field")
                continue
            }
            var found: Int32?
            var code: GranaryError.Code?
            do throws(GranaryError) { found = try reader.int32(field, before: end) } catch {
                code = error.code
            }
            #expect(found.map(Int64.init) == (isFine ? value : nil))
            #expect(code == (isFine ? nil : .malformedInput))
        }
    }

    @Test("Fields of every kind are passed over; groups and the field 0 are refused")
    func skips() throws {
        let fields: [UInt8] =
            [0x78, 0x80, 0x01] + [0x79, 1, 2, 3, 4, 5, 6, 7, 8] + [0x7A, 2, 9, 9] + [0x7D, 1, 2, 3, 4]
        var reader = try reader(fields + [0x08, 7])
        let end = reader.length
        var found: [UInt64] = []
        while let field = try reader.field(before: end) {
            if field.number == 1 {
                found.append(UInt64(try reader.int64(field, before: end)))
            } else {
                try reader.skip(field, before: end)
            }
        }
        #expect(found == [7])
        for tag in [UInt8(0x7B), 0x7C, 0x7E, 0x7F, 0x00, 0x02] {
            var reader = try self.reader([tag, 0, 0])
            var code: GranaryError.Code?
            do throws(GranaryError) { _ = try reader.field(before: 3) } catch { code = error.code }
            #expect(code == .malformedInput, "tag \(tag)")
        }
    }

    @Test("Nothing in a message passes its end, however much the file has behind it")
    func keepsToTheMessage() throws {
        // A message of three bytes, and a field in it that says it has more.
        for inner: [UInt8] in [[0x0A, 5, 1], [0x09, 1, 2], [0x0D, 1, 2], [0x08, 0x80, 0x80]] {
            var reader = try reader([3] + inner + [UInt8](repeating: 1, count: 20))
            let end = try reader.message(before: reader.length)
            guard let field = try reader.field(before: end) else {
                Issue.record("no field")
                continue
            }
            var code: GranaryError.Code?
            do throws(GranaryError) { try reader.skip(field, before: end) } catch { code = error.code }
            #expect(code == .truncated, "\(inner)")
        }
        var reader = try reader([0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 1])
        var code: GranaryError.Code?
        do throws(GranaryError) { _ = try reader.message(before: reader.length) } catch { code = error.code }
        #expect(code == .truncated)
    }

    @Test("A string has a limit, and is UTF-8")
    func strings() throws {
        for (bytes, limit, expected) in [
            ([UInt8(0x0A), 2, 0xC3, 0xA9], 2, nil), ([0x0A, 2, 0xC3, 0xA9], 1, GranaryError.Code.tooLarge),
            ([0x0A, 1, 0xC3], 9, .malformedInput), ([0x08, 1], 9, .malformedInput),
        ] as [([UInt8], Int, GranaryError.Code?)] {
            var reader = try reader(bytes)
            let end = reader.length
            guard let field = try reader.field(before: end) else {
                Issue.record("no field")
                continue
            }
            var code: GranaryError.Code?
            do throws(GranaryError) {
                let text = try reader.string(field, limit: limit, before: end)
                #expect(text == "é")
            } catch { code = error.code }
            #expect(code == expected, "\(bytes)")
        }
    }
}
