public import Granary

/// Documents with facts in their payloads, and random filters that can be decided from the facts alone.
public struct FactDocuments: Sendable {
    /// What a payload says.
    public struct Facts: Sendable {
        var language: String?
        var year: Int64?
        var price: Double?
        var isDraft: Bool?
        var tags: [String] = []
    }

    /// The fields, some of them members of members.
    public static let fields = [
        Field("language", .string, path: "meta.language"), Field("year", .integer),
        Field("price", .number, path: "meta.price"), Field("draft", .boolean), Field("tags", .string),
    ]
    private static let languages = ["de", "en", "fr", "é", "e\u{301}", "", "zh \"quoted\" \\"]
    private static let tags = ["red", "green", "blue", "x"]

    /// In order of insertion.
    public let documents: [Document]
    /// By id's description; ids are distinct by it.
    public let facts: [String: Facts]

    /// Gives each document a payload with random facts.
    public init(_ documents: [Document], seed: UInt64) {
        var random = TestRandom(seed: seed)
        var (made, facts): ([Document], [String: Facts]) = ([], [:])
        for document in documents {
            let own = Self.randomFacts(&random)
            facts[document.id.description] = own
            var document = document
            document.payload = Self.payload(own, &random)
            made.append(document)
        }
        self.documents = made
        self.facts = facts
    }

    private static func randomFacts(_ random: inout TestRandom) -> Facts {
        var facts = Facts()
        // One in six lacks each fact.
        if random.int(0...5) > 0 { facts.language = languages.randomElement(using: &random) }
        if random.int(0...5) > 0 { facts.year = Int64(random.int(-3...30)) }
        if random.int(0...5) > 0 { facts.price = Double(random.int(-8...8)) / 4 }
        if random.int(0...5) > 0 { facts.isDraft = random.int(0...3) == 0 }
        for _ in 0..<random.int(0...3) { facts.tags.append(tags[random.int(0...tags.count - 1)]) }
        return facts
    }

    private static func payload(_ facts: Facts, _ random: inout TestRandom) -> [UInt8]? {
        func quoted(_ text: String) -> String {
            "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        }
        var meta: [String] = []
        var members = ["\"text\": {\"year\": 7, \"language\": \"none\"}"]
        if let language = facts.language { meta.append("\"language\": \(quoted(language))") }
        if let price = facts.price { meta.append("\"price\": \(price)") }
        if let year = facts.year { members.append("\"year\": \(year)") }
        if let isDraft = facts.isDraft { members.append("\"draft\": \(isDraft)") }
        if facts.year == nil { members.append("\"year\": \"\(random.int(0...9))\"") }
        if facts.isDraft == nil { members.append("\"draft\": null") }
        if facts.tags.count == 1 {
            members.append("\"tags\": \(quoted(facts.tags[0]))")
        } else {
            members.append("\"tags\": [\((facts.tags.map(quoted) + ["5"]).joined(separator: ", "))]")
        }
        members.append("\"meta\": {\(meta.joined(separator: ","))}")
        members.shuffle(using: &random)
        return Array("{\(members.joined(separator: ", "))}".utf8)
    }

    // MARK: Filters

    /// A filter of random shape.
    public func filter(_ random: inout TestRandom, depth: Int = 3) -> Filter {
        func parts() -> [Filter] {
            (0..<random.int(0...3)).map { _ in filter(&random, depth: depth - 1) }
        }
        switch random.int(0...(depth > 0 ? 11 : 7)) {
        case 0: return .allow(ids(&random))
        case 1: return .deny(ids(&random))
        case 2: return .equals("language", .string(Self.languages[random.int(0...6)]))
        case 3: return .oneOf("tags", Self.tags.filter { _ in random.int(0...2) == 0 }.map { .string($0) })
        case 4: return .equals("draft", .boolean(random.int(0...1) == 0))
        case 5:
            return .oneOf("year", (0..<random.int(0...5)).map { _ in .integer(Int64(random.int(-5...40))) })
        case 6:
            let low = random.int(-5...20)
            return .range(
                "year", range(.integer(Int64(low)), .integer(Int64(low + random.int(1...20))), &random))
        case 7:
            let low = Double(random.int(-9...7)) / 4
            return .range("price", range(.number(low), .integer(Int64(low) + 2), &random))
        case 8, 9: return .and(parts())
        case 10: return .or(parts())
        default: return .not(filter(&random, depth: depth - 1))
        }
    }

    private func ids(_ random: inout TestRandom) -> [DocumentKey] {
        let share = random.int(1...20)
        return documents.map(\.id).filter { _ in random.int(0...20) < share } + ["unknown", 123_456_789]
    }

    private func range(
        _ lower: FieldValue, _ upper: FieldValue, _ random: inout TestRandom
    ) -> FieldRange {
        func end(_ value: FieldValue) -> FieldBound {
            [.unbounded, .including(value), .excluding(value)][random.int(0...2)]
        }
        return FieldRange(lower: end(lower), upper: end(upper))
    }

    // MARK: Deciding

    /// Whether a document matches, by its facts.
    public func matches(_ id: DocumentKey, _ filter: Filter) -> Bool {
        switch filter {
        case .allow(let ids): ids.contains { Self.areSame($0, id) }
        case .deny(let ids): !ids.contains { Self.areSame($0, id) }
        case .equals(let field, let value):
            values(id, field).contains { Self.compare($0, value) == 0 }
        case .oneOf(let field, let some):
            values(id, field).contains { own in some.contains { Self.compare(own, $0) == 0 } }
        case .range(let field, let range):
            values(id, field).contains { Self.lies($0, in: range) }
        case .and(let parts): parts.allSatisfy { matches(id, $0) }
        case .or(let parts): parts.contains { matches(id, $0) }
        case .not(let part): !matches(id, part)
        }
    }

    private func values(_ id: DocumentKey, _ field: String) -> [FieldValue] {
        guard let facts = facts[id.description] else { return [] }
        return switch field {
        case "language": [facts.language].compactMap { $0.map { .string($0) } }
        case "year": [facts.year].compactMap { $0.map { .integer($0) } }
        case "price": [facts.price].compactMap { $0.map { .number($0) } }
        case "draft": [facts.isDraft].compactMap { $0.map { .boolean($0) } }
        default: facts.tags.map { .string($0) }
        }
    }

    private static func areSame(_ a: DocumentKey, _ b: DocumentKey) -> Bool {
        switch (a, b) {
        case (.number(let a), .number(let b)): a == b
        case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
        default: false
        }
    }

    private static func lies(_ value: FieldValue, in range: FieldRange) -> Bool {
        let isAbove: Bool =
            switch range.lower {
            case .unbounded: true
            case .including(let end): compare(value, end) >= 0
            case .excluding(let end): compare(value, end) > 0
            }
        let isBelow: Bool =
            switch range.upper {
            case .unbounded: true
            case .including(let end): compare(value, end) <= 0
            case .excluding(let end): compare(value, end) < 0
            }
        return isAbove && isBelow
    }

    private static func compare(_ a: FieldValue, _ b: FieldValue) -> Int {
        switch (a, b) {
        case (.string(let a), .string(let b)):
            a.utf8.elementsEqual(b.utf8) ? 0 : a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1
        case (.boolean(let a), .boolean(let b)): (a ? 1 : 0) - (b ? 1 : 0)
        case (.integer(let a), .integer(let b)): a < b ? -1 : a > b ? 1 : 0
        case (.number(let a), .number(let b)): a < b ? -1 : a > b ? 1 : 0
        case (.number(let a), .integer(let b)): compare(.number(a), .number(Double(b)))
        default: -2
        }
    }
}
