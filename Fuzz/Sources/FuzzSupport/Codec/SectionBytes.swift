#if DEBUG || FUZZING
    import Granary
    @testable import GranaryStorage

    /// Bytes on the heap with what may be read behind them and not a byte more, so that the address sanitizer
    /// sees the first read beyond.
    struct SectionBytes {
        private let storage: [UInt8]
        /// Without what is behind them.
        let count: Int

        /// What a container promises behind each section (`Formats/container.md`).
        static let slack = Int(ContainerFormat.slack)

        /// - Parameter slack: bytes that may be read behind them; what they are must not matter.
        init(_ bytes: [UInt8], slack: Int = Self.slack) {
            count = bytes.count
            storage =
                slack == 0
                ? bytes
                : unsafe [UInt8](unsafeUninitializedCapacity: bytes.count + slack) { buffer, filled in
                    _ = unsafe buffer.extracting(..<bytes.count).initialize(fromContentsOf: bytes)
                    unsafe buffer.extracting(bytes.count...).initialize(repeating: 0xa5)
                    filled = bytes.count + slack
                }
        }

        /// The bytes.
        var bytes: RawSpan {
            @_lifetime(borrow self) get { storage.rawBytes.extracting(0..<count) }
        }
    }

    /// A file of some sections whose structure is sound: what stands between a decoder and its bytes.
    struct SectionsFile {
        let container: Container

        /// - Parameter parts: in order; each begins at a multiple of eight bytes.
        init(_ parts: [(id: SectionID, codec: UInt16, bytes: [UInt8])]) {
            var all: [UInt8] = []
            var entries: [SectionEntry] = []
            for part in parts {
                while all.count % 8 != 0 { all.append(0) }
                entries.append(
                    SectionEntry(
                        id: part.id, codec: part.codec, checksumShift: 16, offset: UInt64(all.count),
                        count: UInt64(part.bytes.count), elements: 0, checksums: 0))
                all += part.bytes
            }
            let zero = Identifier128(high: 0, low: 0)
            container = Container(
                record: FileRecord(id: zero, kind: .blocks, length: UInt64(all.count), rootHash: zero),
                path: "input", mapping: MappedBytes(copying: all), entries: entries)
        }
    }

    extension Input {
        /// Offsets as starts sections have them: a byte each, or four.
        mutating func offsets(_ count: Int, isWide: Bool) -> [UInt32] {
            (0..<count).map { _ in isWide ? number(UInt32.self) : UInt32(byte()) }
        }

        /// Sections: for each but the last a length in units of `unit` bytes (u8), then their bytes; the last
        /// has what is left.
        mutating func sections(units: [Int]) -> [[UInt8]] {
            let lengths = units.map { $0 * Int(byte()) }
            return lengths.map { next($0) } + [rest()]
        }
    }

    extension [Float] {
        /// Whether all values have the same bits, or are no numbers on both sides.
        func isSame(as other: [Float]) -> Bool {
            count == other.count
                && zip(self, other).allSatisfy {
                    $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN
                }
        }
    }
#endif
