#if DEBUG || FUZZING
    @testable import Granary
    import GranaryStorage

    /// The columns of one field: what passes the check is found by value and by range.
    ///
    /// Input: u8 codec of the values | u8 documents | u8 values plus one | u8 ordinals | u8 text starts |
    /// runs, ordinals and text starts, four bytes each | values.
    enum FieldsCodec {
        static func run(_ input: inout Input) throws -> Bool {
            let (codec, documents) = (UInt16(input.byte()), Int(input.byte()))
            let parts = input.sections(units: [4, 4, 4])
            let file = SectionsFile([
                (.fieldRuns(0), 0, parts[0]), (.fieldOrdinals(0), 0, parts[1]),
                (.fieldTextStarts(0), 0, parts[2]), (.fieldValues(0), codec, parts[3]),
                (SectionID(rawValue: 9999, name: "of a newer version"), 7, []),
            ])
            // A kind of values that only a newer version has is refused, a section that only it has is not.
            let isKnown = try allowing { try file.container.checkCodecs() } != nil
            try Finding.unless(
                isKnown == (UInt8(exactly: codec).flatMap(Field.Kind.init) != nil), "another codec is known")
            guard
                let column = try allowing({
                    try FieldColumn(file.container, field: 0, documents: documents)
                })
            else { return false }
            let isSound = try allowing { try column.verify() } != nil
            var keys: [FieldKey] = []
            for value in 0..<column.valueCount {
                guard let key = try allowing({ try column.key(value) }) else { continue }
                keys.append(key)
                for isIncluding in [false, true] {
                    let before = try allowing {
                        try column.count(before: key, isIncluding: isIncluding)
                    }
                    try Finding.unless(
                        !isSound || before == (isIncluding ? value + 1 : value),
                        "value \(value) of a sound column has \(String(describing: before)) before it")
                }
            }
            for key in [FieldKey("m"), FieldKey(Int64(-1)), FieldKey(0.5), FieldKey(true)] {
                _ = try allowing { try column.count(before: key, isIncluding: true) }
            }
            var ordinals: [UInt32] = []
            let isRead: Void? = try allowing {
                try column.forEachOrdinal(of: 0..<column.valueCount) { ordinals.append($0) }
            }
            guard isSound else { return false }
            try Finding.unless(
                keys.count == column.valueCount
                    && zip(keys, keys.dropFirst()).allSatisfy { $0.precedes($1) },
                "the values of a sound column do not ascend")
            try Finding.unless(
                isRead != nil && ordinals.count == parts[1].count / 4
                    && ordinals.allSatisfy { Int($0) < documents },
                "the documents of a sound column cannot be read")
            return true
        }
    }

    /// The keys of documents: those of a sound table are found.
    ///
    /// Input: u8 flags (bit 0: the table of hashes is made of the keys) | u8 documents | starts and ordinals,
    /// four bytes each | hashes, eight bytes each | keys. Where the table is made, an input has neither
    /// ordinals nor hashes.
    enum KeysCodec {
        static func run(_ input: inout Input) throws -> Bool {
            let (isMade, documents) = (input.byte() & 1 == 1, input.below(40))
            let starts = input.next(4 * documents + 4)
            var (ordinals, hashes): ([UInt8], [UInt8]) = ([], [])
            if !isMade { (ordinals, hashes) = (input.next(4 * documents), input.next(8 * documents)) }
            let keys = input.rest()
            if isMade { (ordinals, hashes) = table(starts, keys, documents) }
            let file = SectionsFile([
                (.keyStarts, 0, starts), (.keyOrdinals, 0, ordinals), (.keyHashes, 0, hashes),
                (.keys, 0, keys),
            ])
            guard let table = try allowing({ try KeyTable(file.container, documents: documents) }) else {
                return false
            }
            let isSound = table.firstFault() == nil
            for ordinal in 0..<UInt32(documents + 1) {
                let bytes = table.bytes(of: ordinal)
                let key = table.key(of: ordinal)
                if let key, bytes != nil {
                    try Finding.unless(
                        try key.encoded() == bytes, "the bytes of a key are not those of its table")
                }
                let found = table.ordinals(of: bytes ?? [], hash: KeyHash(bytes ?? []))
                try Finding.unless(
                    !isSound || bytes == nil || found.contains(ordinal) || !has(ordinals, ordinal),
                    "a key of a sound table is not found")
            }
            return isSound && documents > 0
        }

        private static func has(_ ordinals: [UInt8], _ ordinal: UInt32) -> Bool {
            stride(from: 0, to: ordinals.count, by: 4).contains {
                Repair.number(ordinals, $0, 4) == Int(ordinal)
            }
        }

        /// The table that a writer makes of keys.
        private static func table(
            _ starts: [UInt8], _ keys: [UInt8], _ documents: Int
        ) -> (ordinals: [UInt8], hashes: [UInt8]) {
            var pairs: [(hash: UInt64, ordinal: UInt32)] = []
            for ordinal in 0..<documents {
                let from = Repair.number(starts, 4 * ordinal, 4)
                let to = Repair.number(starts, 4 * ordinal + 4, 4)
                let key = from <= to && to <= keys.count ? Array(keys[from..<to]) : []
                pairs.append((KeyHash(key).stored, UInt32(ordinal)))
            }
            pairs.sort { ($0.hash, $0.ordinal) < ($1.hash, $1.ordinal) }
            var (ordinals, hashes) = (ByteWriter(), ByteWriter())
            for pair in pairs {
                ordinals.append(pair.ordinal)
                hashes.append(pair.hash)
            }
            return (ordinals.bytes, hashes.bytes)
        }
    }

    /// The components of a segment and their tokens: one way of looking a component up agrees with the other.
    ///
    /// Input: u8 flags (bits 0 and 1: codec of the lookup; bit 2: tokens) | u8 components | u8 words of the
    /// lookup | u8 token starts | u8 token order | these, four bytes each | tokens.
    enum ComponentsCodec {
        static func run(_ input: inout Input) throws -> Bool {
            let flags = input.byte()
            let parts = input.sections(units: [4, 4, 4, 4])
            let count = parts[0].count / 4
            var sections: [(SectionID, UInt16, [UInt8])] = [
                (.components, 0, parts[0]), (.componentLookup, UInt16(flags & 3), parts[1]),
            ]
            if flags & 4 != 0 {
                sections += [
                    (.tokenStarts, 0, parts[2]), (.tokenOrder, 0, parts[3]), (.tokens, 0, parts[4]),
                ]
            }
            let file = SectionsFile(sections)
            guard let names = try allowing({ try ComponentNames(file.container, count: count) }) else {
                return false
            }
            try Finding.unless(names.component(UInt32(count)) == nil, "a component beyond the last")
            var isSound = count > 0
            let asked = (0..<UInt32(count)).compactMap { names.component($0) } + [0, 17, .max]
            for (local, component) in asked.prefix(count).enumerated() {
                if names.local(of: component) != UInt32(local) { isSound = false }
            }
            let pairs = asked.enumerated().compactMap { position, component in
                names.local(of: component).map { UInt64($0) << 32 | UInt64(position) }
            }
            try Finding.unless(
                names.locals(of: asked) == pairs.sorted(),
                "components are found together otherwise than one by one")
            try Finding.unless(
                names.token(UInt32(count)) == nil && (names.hasTokens || names.local(ofToken: "m") == nil),
                "a token of no component")
            guard names.hasTokens else { return isSound }
            for local in 0..<UInt32(count) {
                guard let token = names.token(local), names.local(ofToken: token) == local else {
                    isSound = false
                    continue
                }
            }
            for token in ["", "m", "zz", "\u{10ffff}"] {
                if let local = names.local(ofToken: token) {
                    try Finding.unless(
                        Array((names.token(local) ?? "?").utf8) == Array(token.utf8),
                        "a token is found that is another")
                }
            }
            return isSound
        }
    }

    /// The deletes of a segment.
    ///
    /// Input: u16 documents | u16 dead | bits.
    enum TombstonesCodec {
        static func run(_ input: inout Input) throws -> Bool {
            let documents = Int(input.number(UInt16.self))
            let expected = Int(input.number(UInt16.self))
            let bytes = input.rest()
            let file = SectionsFile([(.dead, 0, bytes)])
            guard
                var dead = try allowing({
                    try Tombstones(file.container, documents: documents, expected: expected)
                })
            else { return false }
            let ordinals = (0..<UInt32(documents)).filter { dead.contains($0) }
            try Finding.unless(
                ordinals.count == expected && dead.count == expected
                    && ordinals.allSatisfy { bytes[Int($0) / 8] >> UInt8($0 % 8) & 1 == 1 },
                "another number of dead documents than the bits say")
            for ordinal in 0..<UInt32(min(3, documents)) {
                let wasLive = !dead.contains(ordinal)
                try Finding.unless(
                    dead.insert(ordinal) == wasLive && dead.contains(ordinal)
                        && !dead.insert(UInt32(documents)), "a document cannot be marked dead")
            }
            return true
        }
    }
#endif
