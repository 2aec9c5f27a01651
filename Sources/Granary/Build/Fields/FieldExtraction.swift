import GranaryStorage

/// Finds the values of declared fields in payloads, in one pass over each.
struct FieldExtraction: Sendable {
    /// What a member of an object means.
    private struct Node: Sendable {
        /// The fields whose values are here.
        var fields: [Int] = []
        var members: [(name: String, node: Node)] = []
        /// The fields here and below, a bit each.
        var reach: UInt64 = 0
    }

    private let fields: [Field]
    private let root: Node

    init(_ fields: [Field]) {
        var root = Node()
        for (number, field) in fields.enumerated() { Self.insert(number, field.members[...], into: &root) }
        self.fields = fields
        self.root = root
    }

    private static func insert(_ field: Int, _ path: ArraySlice<String>, into node: inout Node) {
        node.reach |= 1 << UInt64(field)
        guard let name = path.first else { return node.fields.append(field) }
        let known = node.members.firstIndex { $0.name.utf8.elementsEqual(name.utf8) }
        if known == nil { node.members.append((name, Node())) }
        insert(field, path.dropFirst(), into: &node.members[known ?? node.members.count - 1].node)
    }

    /// The values of a payload, field by field; none when it is not JSON. Of members with one name the last
    /// counts.
    ///
    /// - Throws: `tooLarge` for a string over 1024 bytes, which no filter could find. Complexity: O(bytes of
    ///   the payload), however often a member stands in it.
    func values(of payload: [UInt8]?) throws(GranaryError) -> [FieldEntry] {
        guard !fields.isEmpty, let payload else { return [] }
        var found = Found(repeating: [], count: fields.count)
        do throws(GranaryError) {
            var scanner = JSONScanner(payload, 0..<payload.count)
            try read(&scanner, root, &found)
            try scanner.expectEnd()
        } catch { return [] }
        var entries: [FieldEntry] = []
        for (field, keys) in found.enumerated() {
            for key in keys {
                if case .text(let text) = key, text.count > Field.largestString {
                    throw GranaryError(
                        .tooLarge,
                        "expected up to \(Field.largestString) bytes of field \"\(fields[field].name)\", "
                            + "found \(text.count)")
                }
                entries.append(FieldEntry(field: field, key: key))
            }
        }
        return entries
    }

    /// By field: the values found so far. A member that stands again takes back those of its own fields and
    /// looks at no others, of which there may be millions.
    private typealias Found = [[FieldKey]]

    private func takeBack(_ reach: UInt64, _ found: inout Found) {
        var left = reach
        while left != 0 {
            found[left.trailingZeroBitCount].removeAll(keepingCapacity: true)
            left &= left - 1
        }
    }

    /// The values of a payload that a file has.
    ///
    /// - Throws: `corrupt` for a string that is too large for a field: no writer takes it.
    func values(of payload: [UInt8]?, in file: Container) throws(GranaryError) -> [FieldEntry] {
        do throws(GranaryError) {
            return try values(of: payload)
        } catch {
            throw GranaryError(
                .corrupt, error.message, path: file.path, section: SectionID.payloadBlocks.name)
        }
    }

    private func read(
        _ scanner: inout JSONScanner, _ node: Node, _ found: inout Found
    ) throws(GranaryError) {
        switch scanner.peek() {
        case UInt8(ascii: "{") where !node.members.isEmpty:
            var seen: UInt64 = 0
            try scanner.members("an object") { (scanner, name) throws(GranaryError) in
                let member = node.members.first { $0.name.utf8.elementsEqual(name.utf8) }
                guard let next = member?.node else {
                    _ = try scanner.skipValue()
                    return
                }
                if seen & next.reach != 0 { takeBack(next.reach, &found) }
                seen |= next.reach
                try read(&scanner, next, &found)
            }
        case UInt8(ascii: "[") where !node.fields.isEmpty:
            try scanner.elements("an array") { (scanner) throws(GranaryError) in
                try readOne(&scanner, node, &found)
            }
        default: try readOne(&scanner, node, &found)
        }
    }

    /// Takes one value, and keeps it for the fields of its type.
    private func readOne(
        _ scanner: inout JSONScanner, _ node: Node, _ found: inout Found
    ) throws(GranaryError) {
        func keep(_ kind: Field.Kind, _ key: FieldKey) {
            for field in node.fields where fields[field].kind == kind {
                found[field].append(key)
            }
        }
        guard !node.fields.isEmpty, let first = scanner.peek() else {
            _ = try scanner.skipValue()
            return
        }
        switch first {
        case UInt8(ascii: "\""): keep(.string, FieldKey(try scanner.string("a string")))
        case UInt8(ascii: "t"), UInt8(ascii: "f"):
            _ = try scanner.skipValue()
            keep(.boolean, FieldKey(first == UInt8(ascii: "t")))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let number = try scanner.number("a value")
            if let integer = number.integer(in: scanner.bytes) { keep(.integer, FieldKey(integer)) }
            let value = number.double(in: scanner.bytes)
            if value.isFinite { keep(.number, FieldKey(value)) }
        default: _ = try scanner.skipValue()
        }
    }
}
