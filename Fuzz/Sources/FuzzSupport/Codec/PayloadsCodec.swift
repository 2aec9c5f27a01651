#if DEBUG || FUZZING
    @testable import Granary
    import GranaryStorage

    /// Payloads: blocks, their directory, and places in them.
    ///
    /// Input: u8 compression | u8 codec of the section | u8 documents | u8 blocks | positions, twelve bytes
    /// each | directory, sixteen bytes each | blocks.
    enum PayloadsCodec {
        static func run(_ input: inout Input) throws -> Bool {
            let compression = PayloadCompression.allCases[input.below(PayloadCompression.allCases.count)]
            let codec = UInt16(input.byte())
            let parts = input.sections(units: [12, 16])
            let documents = parts[0].count / 12
            // Room for megabytes is what the engine gives; the same code as room for less.
            for entry in stride(from: 0, to: parts[1].count, by: 16) {
                let raw = Repair.number(parts[1], entry + 12, 4)
                if (CompressionCodec.most + 1...Compression.largestBlock).contains(raw) { return false }
            }
            let file = SectionsFile([
                (.payloadPositions, 0, parts[0]), (.payloadDirectory, 0, parts[1]),
                (.payloadBlocks, codec, parts[2]),
            ])
            guard
                let reader = try allowing({
                    try PayloadReader(file.container, documents: documents, compression: compression)
                }), let reader
            else { return false }
            var cursor = PayloadCursor(reader)
            var isSound = documents > 0
            for ordinal in 0..<UInt32(min(16, documents)) {
                let one = try allowing { try reader.payload(ordinal) }
                let other = try allowing { try cursor.payload(ordinal) }
                try Finding.unless(one == other, "a payload is another when blocks are read in order")
                if one == nil { isSound = false }
            }
            return isSound
        }
    }

    /// Blocks of the compression libraries: what unpacks is the same after packing, and has the length asked
    /// for.
    ///
    /// Input: u8 method (bit 7: pack again) | u16 length before compression, of which 65,535 stands for one
    /// above the limit | bytes.
    enum CompressionCodec {
        /// The longest block here, in bytes.
        static let most = 1 << 16

        static func run(_ input: inout Input) throws -> Bool {
            let shape = input.byte()
            let method = PayloadCompression.allCases[Int(shape & 127) % PayloadCompression.allCases.count]
            let length = Int(input.number(UInt16.self))
            let count = length == 65_535 ? Compression.largestBlock + 1 : length
            let bytes = SectionBytes(input.rest(), slack: 0)
            let unpacked = try allowing {
                try Compression.decompress(bytes.bytes, method, count: count, path: "input")
            }
            guard let unpacked else { return false }
            try Finding.unless(unpacked.count == count, "a block unpacks to another length")
            guard shape & 128 != 0 else { return true }
            let packed = SectionBytes(try Compression.compress(unpacked, method), slack: 0)
            try Finding.unless(
                try Compression.decompress(packed.bytes, method, count: count, path: "again") == unpacked,
                "a block changes when it is packed and unpacked")
            return true
        }
    }
#endif
