@testable import Granary

/// A CIFF file made field by field, right or wrong, and taken apart again: independent of the engine's own.
struct CIFFBytes {
    typealias Field = (number: UInt8, value: Value)

    enum Value: Equatable {
        case number(UInt64)
        case bytes([UInt8])
        case double(UInt64)
    }

    var header: [Field]
    var lists: [[Field]]
    var records: [[Field]]

    /// A right one.
    ///
    /// - Parameters:
    ///   - lists: terms with their documents and impacts.
    ///   - ids: of the documents 0, 1, ….
    init(_ lists: [(String, [(Int, Int)])], ids: [String], description: String = "a test") {
        header = [
            (1, .number(1)), (2, .number(UInt64(lists.count))), (3, .number(UInt64(ids.count))),
            (8, .bytes(Array(description.utf8))),
        ]
        self.lists = lists.map { term, postings in Self.list(term, postings) }
        records = ids.enumerated().map { [(1, .number(UInt64($0))), (2, .bytes(Array($1.utf8)))] }
    }

    static func list(_ term: String, _ postings: [(Int, Int)]) -> [Field] {
        var fields: [Field] = [(1, .bytes(Array(term.utf8))), (2, .number(UInt64(postings.count)))]
        var last = 0
        for (document, impact) in postings {
            fields.append((4, .bytes(posting(document - last, impact))))
            last = document
        }
        return fields
    }

    /// A posting, with the fields that proto3 leaves out left out.
    static func posting(_ gap: Int, _ impact: Int) -> [UInt8] {
        let fields: [Field] = [
            (1, .number(UInt64(bitPattern: Int64(gap)))), (2, .number(UInt64(bitPattern: Int64(impact)))),
        ]
        return message(fields.filter { $0.value != .number(0) })
    }

    var bytes: [UInt8] {
        ([header] + lists + records).flatMap { fields in
            let message = Self.message(fields)
            return Self.varint(UInt64(message.count)) + message
        }
    }

    static func varint(_ value: UInt64) -> [UInt8] {
        value < 128 ? [UInt8(value)] : [UInt8(value & 127) | 128] + varint(value >> 7)
    }

    static func message(_ fields: [Field]) -> [UInt8] {
        fields.flatMap { field -> [UInt8] in
            switch field.value {
            case .number(let number): [field.number << 3] + varint(number)
            case .bytes(let bytes): [field.number << 3 | 2] + varint(UInt64(bytes.count)) + bytes
            case .double(let bits):
                [field.number << 3 | 1] + (0..<8).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
            }
        }
    }

    /// The fields of all messages of a file, one after the other.
    static func messages(_ bytes: [UInt8]) -> [[Field]] {
        var rest = bytes[...]
        var messages: [[Field]] = []
        while !rest.isEmpty {
            let length = Int(takeVarint(&rest))
            messages.append(fields(Array(rest.prefix(length))))
            rest = rest.dropFirst(length)
        }
        return messages
    }

    static func fields(_ bytes: [UInt8]) -> [Field] {
        var rest = bytes[...]
        var fields: [Field] = []
        while let tag = rest.popFirst() {
            switch tag & 7 {
            case 0: fields.append((tag >> 3, .number(takeVarint(&rest))))
            case 1:
                fields.append(
                    (tag >> 3, .double(rest.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) })))
                rest = rest.dropFirst(8)
            default:
                let length = Int(takeVarint(&rest))
                fields.append((tag >> 3, .bytes(Array(rest.prefix(length)))))
                rest = rest.dropFirst(length)
            }
        }
        return fields
    }

    private static func takeVarint(_ rest: inout ArraySlice<UInt8>) -> UInt64 {
        var (value, shift): (UInt64, UInt64) = (0, 0)
        while let byte = rest.popFirst() {
            value |= UInt64(byte & 127) << shift
            if byte < 128 { break }
            shift += 7
        }
        return value
    }
}

extension [CIFFBytes.Field] {
    /// The number of a field; 0 where it is absent.
    func number(_ field: UInt8) -> UInt64 {
        guard case .number(let number)? = first(where: { $0.number == field })?.value else { return 0 }
        return number
    }

    /// The text of a field; empty where it is absent.
    func text(_ field: UInt8) -> String {
        guard case .bytes(let bytes)? = first(where: { $0.number == field })?.value else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }
}
