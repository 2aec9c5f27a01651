import GranaryStorage

/// The values of a segment under construction, in memory.
struct FieldBuffer: Sendable {
    private struct Column: Sendable {
        var kind: Field.Kind
        /// Rows that have a value, each with every one of its values.
        var rows: [UInt32] = []
        /// Position by position: the bits of the value, or the number of its string.
        var values: [UInt64] = []
        /// By string: its number.
        var numbers: [[UInt8]: UInt32] = [:]
        /// By number: the string.
        var texts: [[UInt8]] = []
    }

    private var columns: [Column]
    /// Values in all columns.
    private var count = 0
    /// Values of the column that has most.
    private var most = 0
    private var textCount = 0
    private var textBytes = 0

    init(_ fields: [Field]) { columns = fields.map { Column(kind: $0.kind) } }

    /// Bytes that this takes until it is written, roughly: 12 a value, and 16 more while a column is sorted;
    /// a string stands here once, with its place in a dictionary.
    var memoryBytes: Int { count * 12 + most * 16 + textBytes + textCount * 120 }

    /// Whether the format's 32-bit offsets leave no room for much more.
    var isFull: Bool { most >= 1 << 31 || textBytes >= 1 << 31 }

    /// Adds the values of a row.
    mutating func add(_ entries: [FieldEntry], row: UInt32) {
        for entry in entries { add(entry.key, field: entry.field, row: row) }
    }

    private mutating func add(_ key: FieldKey, field: Int, row: UInt32) {
        let value: UInt64
        switch key {
        case .bits(let bits): value = bits
        case .text(let text):
            if let number = columns[field].numbers[text] {
                value = UInt64(number)
            } else {
                let number = UInt32(columns[field].texts.count)
                columns[field].numbers[text] = number
                columns[field].texts.append(text)
                textBytes += text.count
                textCount += 1
                value = UInt64(number)
            }
        }
        columns[field].rows.append(row)
        columns[field].values.append(value)
        count += 1
        most = max(most, columns[field].rows.count)
    }

    /// Writes the columns' sections.
    ///
    /// - Parameter ordinalOf: by row, its ordinal; `UInt32.max` for one that is left out.
    func write(ordinalOf: [UInt32], to file: ContainerWriter) throws(GranaryError) {
        for (number, column) in columns.enumerated() {
            try Self.write(column, number, ordinalOf: ordinalOf, to: file)
        }
    }

    private static func write(
        _ column: Column, _ field: Int, ordinalOf: [UInt32], to file: ContainerWriter
    ) throws(GranaryError) {
        let order = column.texts.indices.sorted {
            column.texts[$0].lexicographicallyPrecedes(column.texts[$1])
        }
        var rank = [UInt64](repeating: 0, count: order.count)
        for (place, number) in order.enumerated() { rank[number] = UInt64(place) }
        var entries: [(value: UInt64, ordinal: UInt32)] = []
        entries.reserveCapacity(column.rows.count)
        for (row, value) in zip(column.rows, column.values) where ordinalOf[Int(row)] != .max {
            entries.append((order.isEmpty ? value : rank[Int(value)], ordinalOf[Int(row)]))
        }
        // A merge may take in more than what fills a buffer.
        guard UInt32(exactly: entries.count) != nil else {
            throw GranaryError(.tooLarge, "expected a segment of less than 2^32 values of one field")
        }
        entries.sort { ($0.value, $0.ordinal) < ($1.value, $1.ordinal) }

        var (values, runs, ordinals): ([UInt64], [UInt32], [UInt32]) = ([], [], [])
        ordinals.reserveCapacity(entries.count)
        for entry in entries {
            if values.last != entry.value {
                values.append(entry.value)
                runs.append(UInt32(ordinals.count))
            } else if ordinals.last == entry.ordinal {
                // A document has each of its values once.
                continue
            }
            ordinals.append(entry.ordinal)
        }
        runs.append(UInt32(ordinals.count))

        let codec = UInt16(column.kind.rawValue)
        try file.beginSection(.fieldValues(field), codec: codec)
        if column.kind == .string {
            var (starts, bytes): ([UInt32], Int) = ([0], 0)
            for value in values {
                let text = column.texts[order[Int(value)]]
                try file.append(text)
                bytes += text.count
                guard let start = UInt32(exactly: bytes) else {
                    throw GranaryError(
                        .tooLarge, "expected a segment of less than 4 GiB of strings of one field")
                }
                starts.append(start)
            }
            try file.endSection(elements: UInt64(values.count))
            try file.write(.fieldTextStarts(field), starts)
        } else {
            try file.appendArray(values)
            try file.endSection(elements: UInt64(values.count))
        }
        try file.write(.fieldRuns(field), runs)
        try file.write(.fieldOrdinals(field), ordinals)
    }
}
