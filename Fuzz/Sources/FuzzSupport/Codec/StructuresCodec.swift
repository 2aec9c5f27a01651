#if DEBUG || FUZZING
    @testable import Granary
    @testable import GranaryStorage

    /// What a segment has measured: the same after encoding, and settings for every recall.
    ///
    /// Input: u8 flags (bit 0: of impact-ordered lists; bit 1: no section) | rows.
    enum CalibrationCodec {
        static func run(_ input: inout Input) throws -> Bool {
            let flags = input.byte()
            let bytes = input.rest()
            let file = SectionsFile([(.calibration, 0, bytes)])
            let section = flags & 2 == 0 ? file.container.sections[0] : nil
            let calibration = try allowing {
                try Calibration(section, hasImpacts: flags & 1 == 1, path: "input")
            }
            guard let calibration else { return false }
            if section != nil {
                let whole = bytes.count / 16 * 16
                try Finding.unless(
                    calibration.encoded == Array(bytes.prefix(whole)),
                    "a calibration changes when it is read and written")
            }
            for recall in [0, 0.5, 0.9, 0.95, 0.998, 1] {
                let settings = calibration.settings(forRecall: recall)
                let among = calibration.settings(forRecall: recall, amongShare: 0.01)
                try Finding.unless(
                    (settings == nil) == (among == nil), "a filter changes what only an exact search reaches")
                try Finding.unless(recall < 1 || settings == nil, "a recall of 1 without an exact search")
            }
            return true
        }
    }

    /// The facts of a segment.
    enum FactsCodec {
        static func run(_ input: inout Input) throws -> Bool {
            let bytes = SectionBytes(input.rest(), slack: 0)
            guard let facts = try allowing({ try SegmentFacts(bytes.bytes, path: "input") }) else {
                return false
            }
            let again = SectionBytes(facts.encoded, slack: 0)
            try Finding.unless(
                try SegmentFacts(again.bytes, path: "again") == facts, "facts change when they are encoded")
            try Finding.unless(facts.isWide == (facts.components > 65_536), "facts that do not go together")
            return true
        }
    }

    /// The facts of a file of dense vectors.
    enum DenseFactsCodec {
        static func run(_ input: inout Input) throws -> Bool {
            let file = SectionsFile([(.dense, 0, input.rest())])
            let facts = try allowing { try DenseFacts(file.container.sections[0], path: "input") }
            guard let facts else { return false }
            let again = SectionsFile([(.dense, 0, facts.encoded)])
            try Finding.unless(
                try DenseFacts(again.container.sections[0], path: "again") == facts,
                "facts of vectors change when they are encoded")
            let layout = DenseLayout(facts.schema)
            for row in [0, 1, layout.rowsPerPage, Int(facts.rows)] where layout.rowsPerPage > 0 {
                let pages = layout.pages(row)
                try Finding.unless(pages.count == 1, "a row lies on two pages")
            }
            return true
        }
    }

    /// The schema of an index.
    enum SchemaBytesCodec {
        static func run(_ input: inout Input) throws -> Bool {
            let bytes = input.rest()
            guard let schema = try allowing({ try SchemaCodec.decode(bytes, path: "input") }) else {
                return false
            }
            try Finding.unless(
                try SchemaCodec.encode(schema) == bytes, "a schema changes when it is read and written")
            return true
        }
    }

    /// A document's key.
    enum DocumentKeyBytesCodec {
        static func run(_ input: inout Input) throws -> Bool {
            let bytes = input.rest()
            let section = SectionBytes(bytes, slack: 0)
            guard let key = DocumentKey(encoded: section.bytes) else { return false }
            try Finding.unless(try key.encoded() == bytes, "a key changes when it is read and written")
            return true
        }
    }

    /// The reader of small structures, against the same steps on an array.
    ///
    /// Input: u8 steps | a byte for each (bits 0 to 2: what; bits 3 to 7: how much) | what is read.
    enum ReaderCodec {
        static func run(_ input: inout Input) throws -> Bool {
            let steps = input.next(input.below(32))
            let bytes = input.rest()
            let section = SectionBytes(bytes, slack: 0)
            var reader = ByteReader(section.bytes, path: "input")
            var position = 0
            for step in steps {
                let size = [1, 2, 4, 8, 16, Int(step >> 3), Int(step >> 3), 4][Int(step & 7)]
                var found: [UInt8]?
                var length = size
                do throws(GranaryError) {
                    found = try read(&reader, step)
                    if step & 7 == 7 { length = 4 + (found?.count ?? 0) }
                } catch {
                    try Finding.unless(
                        step & 7 == 7 || position + size > bytes.count, "bytes that are there are not read")
                    return false
                }
                let expected = Array(bytes.dropFirst(position).prefix(length))
                try Finding.unless(
                    expected.count == length
                        && (found == nil || found == expected.suffix(found?.count ?? 0)),
                    "other bytes are read than are there")
                position += length
                try Finding.unless(
                    reader.position == position && reader.remaining == bytes.count - position,
                    "a reader stands at another place")
            }
            return true
        }

        /// One step; the bytes that it read, nil where it passed over them.
        private static func read(_ reader: inout ByteReader, _ step: UInt8) throws(GranaryError) -> [UInt8]? {
            var writer = ByteWriter()
            switch step & 7 {
            case 0: writer.append(try reader.next(UInt8.self))
            case 1: writer.append(try reader.next(UInt16.self))
            case 2: writer.append(try reader.next(Int32.self))
            case 3: writer.append(try reader.next(UInt64.self))
            case 4: writer.append(try reader.nextIdentifier())
            case 5: return try reader.nextBytes(Int(step >> 3))
            case 6:
                try reader.skip(Int(step >> 3))
                return nil
            default: return try reader.nextCounted(limit: Int(step >> 3))
            }
            return writer.bytes
        }
    }

    /// The checksums: the same at every level, in one piece and in two.
    ///
    /// Input: u8 where the second piece begins | bytes.
    enum ChecksumsCodec {
        static func run(_ input: inout Input) throws -> Bool {
            let border = Int(input.byte())
            let bytes = input.rest()
            let whole = SectionBytes(bytes, slack: 0)
            let first = SectionBytes(Array(bytes.prefix(border)), slack: 0)
            let second = SectionBytes(Array(bytes.dropFirst(border)), slack: 0)
            let expected = Checksum.crc32c(whole.bytes, level: 0)
            for level in 0...Checksum.bestLevel {
                let begun = Checksum.crc32c(first.bytes, level: level)
                let ended = Checksum.crc32c(second.bytes, continuing: begun, level: level)
                try Finding.unless(
                    ended == expected && Checksum.crc32c(whole.bytes, level: level) == expected,
                    "a checksum is another at level \(level)")
            }
            let hash = Checksum.blake2s128(Array(bytes.prefix(border)), Array(bytes.dropFirst(border)))
            try Finding.unless(hash == Checksum.blake2s128(bytes), "a hash of two pieces is another")
            try Finding.unless(
                Checksum.leadingZeros(whole.bytes) == bytes.prefix { $0 == 0 }.count,
                "another number of zeros at the beginning")
            return true
        }
    }
#endif
