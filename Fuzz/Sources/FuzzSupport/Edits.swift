/// Changes of a data file at places of its section table, 9 bytes each: u8 section (255: anywhere in the
/// file) | u24 offset | u8 size | u32 value, of which 1, 2 or 4 bytes are written, as the size says.
enum Edits {
    /// Makes changes that an input says, until it ends or `limit` of them are made.
    ///
    /// - Parameter isChosen: which sections, by number, a change may be in; nil for all and what is between.
    static func apply(
        _ input: inout Input, to original: [UInt8], limit: Int = .max,
        sections isChosen: ((Int) -> Bool)? = nil
    ) -> [UInt8] {
        var (bytes, left) = (original, limit)
        let ranges = sections(original, isChosen ?? { _ in true })
        while !input.isEmpty, left > 0 {
            left -= 1
            let (section, shape) = (Int(input.byte()), input.number(UInt32.self))
            let value = input.number(UInt32.self)
            var place = Int(shape & 0xffffff) % original.count
            if !ranges.isEmpty, section != 255 || isChosen != nil {
                let range = ranges[section % ranges.count]
                if !range.isEmpty { place = range.lowerBound + Int(shape & 0xffffff) % range.count }
            }
            for byte in 0..<[1, 2, 4, 4][Int(shape >> 24) % 4] where place + byte < bytes.count {
                bytes[place + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte))
            }
        }
        return bytes
    }

    /// Where the sections of a sound file lie.
    static func sections(_ file: [UInt8], _ isChosen: (Int) -> Bool) -> [Range<Int>] {
        let footer = file.count - 64
        guard footer >= 64 else { return [] }
        let (table, count) = (Repair.number(file, footer, 7), Repair.number(file, footer + 8, 4))
        return (0..<count).compactMap { place in
            let entry = table + 64 * place
            let start = Repair.number(file, entry + 8, 7)
            return isChosen(Repair.number(file, entry, 4))
                ? start..<start + Repair.number(file, entry + 16, 7) : nil
        }
    }
}
