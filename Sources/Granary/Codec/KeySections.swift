import GranaryStorage

/// The sections that hold the documents' keys: their bytes by ordinal, and a table sorted by hash that finds
/// the ordinal of a key.
enum KeySections {
    /// Writes the keys numbered `order` as those of the ordinals 0, 1, ….
    static func write(
        keys: [UInt8], starts: [UInt32], order: [UInt32], to file: ContainerWriter
    ) throws(GranaryError) {
        var keyStarts: [UInt32] = [0]
        var hashes: [(hash: UInt64, ordinal: UInt32)] = []
        hashes.reserveCapacity(order.count)
        keyStarts.reserveCapacity(order.count + 1)
        try file.beginSection(.keys)
        for (ordinal, key) in order.enumerated() {
            let bytes = Array(keys[Int(starts[Int(key)])..<Int(starts[Int(key) + 1])])
            try file.append(bytes)
            keyStarts.append(keyStarts[ordinal] + UInt32(bytes.count))
            hashes.append((KeyHash(bytes).stored, UInt32(ordinal)))
        }
        try file.endSection(elements: UInt64(order.count))
        try file.write(.keyStarts, keyStarts)
        hashes.sort { ($0.hash, $0.ordinal) < ($1.hash, $1.ordinal) }
        try file.beginSection(.keyHashes)
        try file.appendArray(hashes.map(\.hash))
        try file.endSection(elements: UInt64(hashes.count))
        try file.write(.keyOrdinals, hashes.map(\.ordinal))
    }
}

/// The keys of a segment, mapped. A class: each hit of a search looks its key up, and copies of sections
/// would cost more than that.
final class KeyTable: Sendable {
    let keys: Section
    let starts: Section
    let hashes: Section
    let ordinals: Section

    init(_ file: Container, documents: Int) throws(GranaryError) {
        keys = try file.section(.keys)
        starts = try file.section(.keyStarts, words: documents + 1)
        ordinals = try file.section(.keyOrdinals, words: documents)
        hashes = try file.section(.keyHashes)
        guard hashes.count == 8 * documents else {
            throw GranaryError(
                .corrupt, "expected \(8 * documents) bytes, found \(hashes.count)", path: file.path,
                section: SectionID.keyHashes.name)
        }
    }

    /// The stored bytes of a key; nil when the table is damaged.
    func bytes(of ordinal: UInt32) -> [UInt8]? {
        let starts = Kernels.words(starts.bytes)
        guard Int(ordinal) + 1 < starts.count else { return nil }
        let (from, to) = (Int(starts[Int(ordinal)]), Int(starts[Int(ordinal) + 1]))
        guard from < to, to <= keys.count, to - from <= 256 else { return nil }
        let span = keys.bytes
        return (from..<to).compactMap { span.byte(at: $0) }
    }

    /// The key of a document; nil when the table is damaged.
    func key(of ordinal: UInt32) -> DocumentKey? {
        let starts = Kernels.words(starts.bytes)
        guard Int(ordinal) + 1 < starts.count else { return nil }
        let (from, to) = (Int(starts[Int(ordinal)]), Int(starts[Int(ordinal) + 1]))
        guard from < to, to <= keys.count else { return nil }
        return DocumentKey(encoded: keys.bytes.extracting(from..<to))
    }

    /// The first place of the table of hashes that does not have what a writer puts there: each ordinal once,
    /// at the hash of its key, in ascending order. Complexity: O(n), however many keys are equal.
    func firstFault() -> Int? {
        let hashes = Kernels.longs(hashes.bytes)
        let ordinals = Kernels.words(self.ordinals.bytes)
        for position in ordinals.indices {
            guard let key = bytes(of: ordinals[position]), KeyHash(key).stored == hashes[position],
                position == 0
                    || (hashes[position - 1], ordinals[position - 1]) < (hashes[position], ordinals[position])
            else { return position }
        }
        return nil
    }

    /// The ordinals of the documents with a key (at most one is live). Complexity: O(log n).
    func ordinals(of key: [UInt8], hash: KeyHash) -> [UInt32] {
        let hashes = Kernels.longs(hashes.bytes)
        let ordinals = Kernels.words(self.ordinals.bytes)
        var (low, high) = (0, hashes.count)
        while low < high {
            let middle = (low + high) / 2
            if hashes[middle] < hash.stored { low = middle + 1 } else { high = middle }
        }
        var found: [UInt32] = []
        while low < hashes.count, low < ordinals.count, hashes[low] == hash.stored {
            if bytes(of: ordinals[low]) == key { found.append(ordinals[low]) }
            low += 1
        }
        return found
    }
}

extension Container {
    /// A section of exactly `words` 32-bit words.
    ///
    /// - Throws: `corrupt` for another length.
    func section(_ id: SectionID, words: Int) throws(GranaryError) -> Section {
        let section = try section(id)
        guard section.count == 4 * words else {
            throw GranaryError(
                .corrupt, "expected \(4 * words) bytes, found \(section.count)", path: path, section: id.name)
        }
        return section
    }
}
