import GranaryStorage

extension SectionID {
    /// Distinct values of a field (`Formats/fields.md`).
    static func fieldValues(_ field: Int) -> SectionID { fieldSection(field, 0, "field values") }
    /// Where each string of a field begins.
    static func fieldTextStarts(_ field: Int) -> SectionID { fieldSection(field, 1, "field text starts") }
    /// Where the documents of each value begin.
    static func fieldRuns(_ field: Int) -> SectionID { fieldSection(field, 2, "field runs") }
    /// Documents by value.
    static func fieldOrdinals(_ field: Int) -> SectionID { fieldSection(field, 3, "field ordinals") }

    private static func fieldSection(_ field: Int, _ part: Int, _ name: String) -> SectionID {
        SectionID(rawValue: UInt32(256 + 4 * field + part), name: name)
    }

    /// Whether this is a section of a field.
    var isOfField: Bool { (256..<256 + 4 * UInt32(Field.largestCount)).contains(rawValue) }

    /// Whether this is the section of a field's values, whose codec is their kind.
    var isFieldValues: Bool { rawValue % 4 == 0 && isOfField }
}

/// One field of a segment, mapped: its distinct values in ascending order, and for each the documents that
/// have it. A range of values is one run of documents.
struct FieldColumn: Sendable {
    let kind: Field.Kind
    /// Distinct values.
    let valueCount: Int
    private let field: Int
    private let documents: Int
    private let path: String
    private let values: Section
    /// Of strings only.
    private let textStarts: Section?
    private let runs: Section
    private let ordinals: Section

    /// - Throws: `corrupt` when a section is missing or its length does not go with the others'.
    init(_ file: Container, field: Int, documents: Int) throws(GranaryError) {
        self.field = field
        self.documents = documents
        path = file.path
        values = try file.section(.fieldValues(field))
        runs = try file.section(.fieldRuns(field))
        ordinals = try file.section(.fieldOrdinals(field))
        valueCount = runs.count / 4 - 1
        guard let kind = Field.Kind(rawValue: UInt8(clamping: values.codec)), runs.count % 4 == 0,
            valueCount >= 0, ordinals.count % 4 == 0
        else {
            throw GranaryError(
                .corrupt, "expected words, one more than values, found \(runs.count) bytes", path: path,
                section: SectionID.fieldRuns(field).name)
        }
        self.kind = kind
        textStarts =
            kind == .string ? try file.section(.fieldTextStarts(field), words: valueCount + 1) : nil
        guard kind == .string || values.count == 8 * valueCount else {
            throw GranaryError(
                .corrupt, "expected \(8 * valueCount) bytes, found \(values.count)", path: path,
                section: SectionID.fieldValues(field).name)
        }
    }

    // MARK: Values

    /// The bytes of a string; nil when the column is damaged.
    private func textRange(_ value: Int) -> Range<Int>? {
        guard let textStarts else { return nil }
        let starts = Kernels.words(textStarts.bytes)
        guard value >= 0, value + 1 < starts.count else { return nil }
        let (from, to) = (Int(starts[value]), Int(starts[value + 1]))
        return from <= to && to <= values.count && to - from <= Field.largestString ? from..<to : nil
    }

    /// A value.
    ///
    /// - Throws: `corrupt`.
    func key(_ value: Int) throws(GranaryError) -> FieldKey {
        guard kind == .string else { return .bits(Kernels.longs(values.bytes)[value]) }
        guard let range = textRange(value) else { throw malformed(.fieldTextStarts(field), at: value) }
        var copy = ByteWriter()
        copy.append(values.bytes.extracting(range))
        return .text(copy.bytes)
    }

    /// A value, which is one of its kind.
    ///
    /// - Throws: `corrupt`, also for a number that is none and for bytes that are no text.
    private func soundKey(_ value: Int) throws(GranaryError) -> FieldKey {
        let key = try key(value)
        let isSound =
            switch key {
            case .bits(let bits): FieldKey.isSound(bits, kind)
            case .text(let text): String(validating: text, as: UTF8.self) != nil
            }
        guard isSound else { throw malformed(.fieldValues(field), at: value) }
        return key
    }

    /// How many values stand before a key, and, if `isIncluding`, the key itself. Complexity: O(log n).
    ///
    /// - Throws: `corrupt`.
    func count(before key: FieldKey, isIncluding: Bool) throws(GranaryError) -> Int {
        var (low, high) = (0, valueCount)
        switch key {
        case .bits(let bits):
            guard kind != .string else { return 0 }
            let keys = Kernels.longs(values.bytes)
            while low < high {
                let middle = (low + high) / 2
                let isBefore = isIncluding ? keys[middle] <= bits : keys[middle] < bits
                if isBefore { low = middle + 1 } else { high = middle }
            }
        case .text(let text):
            let bytes = values.bytes
            while low < high {
                let middle = (low + high) / 2
                guard let range = textRange(middle) else {
                    throw malformed(.fieldTextStarts(field), at: middle)
                }
                let order = Self.compare(bytes.extracting(range), text)
                if order < 0 || isIncluding && order == 0 { low = middle + 1 } else { high = middle }
            }
        }
        return low
    }

    /// Below 0 when some bytes stand before others, 0 when they are equal.
    private static func compare(_ bytes: RawSpan, _ other: [UInt8]) -> Int {
        for position in 0..<min(bytes.byteCount, other.count) {
            guard let byte = bytes.byte(at: position) else { break }
            if byte != other[position] { return Int(byte) - Int(other[position]) }
        }
        return bytes.byteCount - other.count
    }

    // MARK: Documents

    /// Calls `body` with the document of each entry of some values, value by value, ascending in each.
    ///
    /// - Throws: `corrupt`, and what `body` throws.
    func forEachOrdinal(
        of values: Range<Int>, _ body: (UInt32) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        let starts = Kernels.words(runs.bytes)
        let all = Kernels.words(ordinals.bytes)
        guard values.upperBound < starts.count else {
            throw malformed(.fieldRuns(field), at: values.upperBound)
        }
        let (from, to) = (Int(starts[values.lowerBound]), Int(starts[values.upperBound]))
        guard from <= to, to <= all.count else { throw malformed(.fieldRuns(field), at: values.lowerBound) }
        for position in from..<to {
            let ordinal = all[position]
            guard Int(ordinal) < documents else { throw malformed(.fieldOrdinals(field), at: position) }
            try body(ordinal)
        }
    }

    /// Values of documents, all of them together.
    var entryCount: Int { ordinals.count / 4 }

    /// Whether a document has a value. Complexity: O(log n).
    ///
    /// - Throws: `corrupt`.
    func has(_ key: FieldKey, _ ordinal: UInt32) throws(GranaryError) -> Bool {
        let value = try count(before: key, isIncluding: false)
        guard try count(before: key, isIncluding: true) == value + 1 else { return false }
        let (starts, all) = (Kernels.words(runs.bytes), Kernels.words(ordinals.bytes))
        var (low, high) = (Int(starts[value]), Int(starts[value + 1]))
        guard low <= high, high <= all.count else { throw malformed(.fieldRuns(field), at: value) }
        let end = high
        while low < high {
            let middle = (low + high) / 2
            if all[middle] < ordinal { low = middle + 1 } else { high = middle }
        }
        return low < end && all[low] == ordinal
    }

    /// Checks that the column says what a writer makes.
    ///
    /// - Throws: `corrupt`. Complexity: O(n).
    func verify() throws(GranaryError) {
        let starts = Kernels.words(runs.bytes)
        guard starts[0] == 0, Int(starts[valueCount]) == ordinals.count / 4 else {
            throw malformed(.fieldRuns(field), at: valueCount)
        }
        if let textStarts {
            let starts = Kernels.words(textStarts.bytes)
            guard starts[0] == 0, Int(starts[valueCount]) == values.count else {
                throw malformed(.fieldTextStarts(field), at: valueCount)
            }
        }
        for value in 0..<valueCount {
            let key = try soundKey(value)
            // Each value stands after those before it, and has a document.
            guard try count(before: key, isIncluding: false) == value,
                try count(before: key, isIncluding: true) == value + 1
            else { throw malformed(.fieldValues(field), at: value) }
            guard starts[value] < starts[value + 1] else { throw malformed(.fieldRuns(field), at: value) }
            var least: UInt32 = 0
            try forEachOrdinal(of: value..<value + 1) { (ordinal) throws(GranaryError) in
                guard ordinal >= least else { throw malformed(.fieldOrdinals(field), at: value) }
                least = ordinal + 1
            }
        }
    }

    private func malformed(_ section: SectionID, at position: Int) -> GranaryError {
        GranaryError(
            .corrupt, "expected what a writer makes, found malformed bytes at element \(position)",
            path: path, section: section.name)
    }
}

/// The fields of a segment in the order of the schema.
struct FieldColumns: Sendable {
    let columns: [FieldColumn]
    /// Whether the index has no fields.
    var isEmpty: Bool { columns.isEmpty }

    /// - Throws: as `FieldColumn`.
    init(_ file: Container, documents: Int) throws(GranaryError) {
        var columns: [FieldColumn] = []
        while columns.count < Field.largestCount, file.sectionIfPresent(.fieldValues(columns.count)) != nil {
            columns.append(try FieldColumn(file, field: columns.count, documents: documents))
        }
        self.columns = columns
    }
}
