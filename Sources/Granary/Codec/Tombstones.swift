import GranaryStorage

/// The dead documents of one segment at one generation, whole: a bit for each ordinal (`Formats/dead.md`).
struct Tombstones: Sendable {
    private(set) var words: [UInt64]
    /// Dead documents.
    private(set) var count: Int
    private let documents: Int
    /// The file that they were read from, if any.
    private(set) var file: Container?

    /// No dead documents among `documents`.
    init(documents: Int) {
        words = [UInt64](repeating: 0, count: (documents + 63) / 64)
        count = 0
        self.documents = documents
    }

    /// Loads and checks the tombstones of a `.dead` file.
    ///
    /// - Throws: `corrupt` for a bit beyond the documents or another count than the manifest's,
    ///   `unsupportedVersion`.
    init(_ file: Container, documents: Int, expected: Int) throws(GranaryError) {
        try file.checkCodecs()
        let section = try file.section(.dead)
        let bits = Kernels.longs(section.bytes)
        guard section.count == (documents + 63) / 64 * 8, bits.count * 8 == section.count else {
            throw GranaryError(
                .corrupt, "expected bits for \(documents) documents, found \(section.count) bytes",
                path: file.path,
                section: SectionID.dead.name)
        }
        self.init(documents: documents)
        self.file = file
        for position in bits.indices { words[position] = bits[position] }
        count = words.reduce(0) { $0 + $1.nonzeroBitCount }
        let beyond = documents % 64 == 0 ? 0 : (words.last ?? 0) >> UInt64(documents % 64)
        guard beyond == 0, count == expected else {
            throw GranaryError(
                .corrupt, "expected \(expected) dead documents among \(documents), found \(count)",
                path: file.path,
                section: SectionID.dead.name)
        }
    }

    /// Whether a document is dead.
    @inline(__always)
    func contains(_ ordinal: UInt32) -> Bool {
        words[Int(ordinal >> 6)] &>> UInt64(ordinal & 63) & 1 == 1
    }

    /// Marks a document dead; returns whether it was live.
    mutating func insert(_ ordinal: UInt32) -> Bool {
        guard Int(ordinal) < documents, !contains(ordinal) else { return false }
        words[Int(ordinal >> 6)] |= 1 << UInt64(ordinal & 63)
        count += 1
        return true
    }

    /// Writes a `.dead` file.
    func write(to directory: DirectoryWriter) throws(GranaryError) -> FileRecord {
        let file = try ContainerWriter(
            fileSystem: directory.fileSystem, directory: directory.path, kind: .dead, index: directory.index,
            id: directory.fileSystem.randomIdentifier())
        try file.beginSection(.dead)
        try file.appendArray(words)
        try file.endSection(elements: UInt64(documents))
        return try file.finish()
    }
}
