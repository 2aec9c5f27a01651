import GranaryStorage

/// A filter in terms of a schema, checked: fields by position, values as columns order them.
indirect enum BoundFilter: Sendable {
    /// Values of a field between two ends.
    struct Interval: Sendable {
        /// nil for no end.
        var lower: (key: FieldKey, isIncluded: Bool)?
        var upper: (key: FieldKey, isIncluded: Bool)?
    }

    case keys([(key: [UInt8], hash: KeyHash)])
    case values(field: Int, [Interval])
    case all([BoundFilter])
    case any([BoundFilter])
    case not(BoundFilter)

    /// - Throws: `invalidArgument` for an unknown field, a value of another type, a range without values, an
    ///   id that cannot be one, and too deep a filter.
    init(_ filter: Filter, _ schema: Schema, depth: Int = 1) throws(GranaryError) {
        guard depth <= Filter.largestDepth else {
            throw GranaryError(
                .invalidArgument, "expected a filter nested at most \(Filter.largestDepth) deep")
        }
        func bound(_ parts: [Filter]) throws(GranaryError) -> [BoundFilter] {
            var bound: [BoundFilter] = []
            for part in parts { bound.append(try BoundFilter(part, schema, depth: depth + 1)) }
            return bound
        }
        switch filter {
        case .allow(let ids): self = .keys(try Self.keys(ids))
        case .deny(let ids): self = .not(.keys(try Self.keys(ids)))
        case .equals(let name, let value): self = try Self.values(name, [value], schema)
        case .oneOf(let name, let values): self = try Self.values(name, values, schema)
        case .range(let name, let range):
            let field = try Self.position(name, schema)
            self = .values(field: field, [try Self.interval(range, schema.fields[field])])
        case .and(let parts): self = .all(try bound(parts))
        case .or(let parts): self = .any(try bound(parts))
        case .not(let part): self = .not(try BoundFilter(part, schema, depth: depth + 1))
        }
    }

    private static func keys(
        _ ids: [DocumentKey]
    ) throws(GranaryError) -> [(key: [UInt8], hash: KeyHash)] {
        var keys: [(key: [UInt8], hash: KeyHash)] = []
        keys.reserveCapacity(ids.count)
        for id in ids {
            let key = try id.encoded()
            keys.append((key, KeyHash(key)))
        }
        return keys
    }

    private static func position(_ name: String, _ schema: Schema) throws(GranaryError) -> Int {
        if let position = schema.field(named: name) { return position }
        let names = schema.fields.map { "\"\($0.name)\"" }.joined(separator: ", ")
        throw GranaryError(
            .invalidArgument,
            "expected a field of the schema (\(names.isEmpty ? "it has none" : names)), found \"\(name)\"")
    }

    private static func values(
        _ name: String, _ values: [FieldValue], _ schema: Schema
    ) throws(GranaryError) -> BoundFilter {
        let field = try position(name, schema)
        var intervals: [Interval] = []
        for value in values {
            let key = try key(value, schema.fields[field])
            intervals.append(Interval(lower: (key, true), upper: (key, true)))
        }
        return .values(field: field, intervals)
    }

    private static func interval(_ range: FieldRange, _ field: Field) throws(GranaryError) -> Interval {
        func end(_ bound: FieldBound) throws(GranaryError) -> (key: FieldKey, isIncluded: Bool)? {
            switch bound {
            case .unbounded: nil
            case .including(let value): (try key(value, field), true)
            case .excluding(let value): (try key(value, field), false)
            }
        }
        let interval = Interval(lower: try end(range.lower), upper: try end(range.upper))
        if let lower = interval.lower, let upper = interval.upper {
            let isSound = lower.isIncluded && upper.isIncluded && lower.key == upper.key
            guard isSound || lower.key.precedes(upper.key) else {
                throw GranaryError(
                    .invalidArgument,
                    "expected a range of field \"\(field.name)\" with values in it, found \(range.lower) "
                        + "to \(range.upper)")
            }
        }
        return interval
    }

    private static func key(_ value: FieldValue, _ field: Field) throws(GranaryError) -> FieldKey {
        switch (field.kind, value) {
        case (.string, .string(let string)): return FieldKey(string)
        case (.integer, .integer(let integer)): return FieldKey(integer)
        case (.number, .integer(let integer)): return FieldKey(Double(integer))
        case (.number, .number(let number)) where !number.isNaN: return FieldKey(number)
        case (.boolean, .boolean(let boolean)): return FieldKey(boolean)
        default:
            throw GranaryError(
                .invalidArgument,
                "expected a value of kind \(field.kind) for field \"\(field.name)\", found \(value)")
        }
    }
}
