/// The bytes of a manifest (`Formats/manifest.md`), little-endian.
extension Manifest {
    private static let magic: [UInt8] = [0x89, 0x47, 0x52, 0x4d, 0x0d, 0x0a, 0x1a, 0x0a]
    private static let endMagic: [UInt8] = [0x0a, 0x1a, 0x0a, 0x0d, 0x4d, 0x52, 0x47, 0x89]
    private static let major: UInt16 = 1
    private static let trailerBytes = 32
    private static let largestSchema = 1 << 16
    /// Room for millions of files; a reader allocates no more than this, whatever lies in the place of a
    /// manifest.
    static let largestBytes = 1 << 28
    private static let none = UInt32.max

    /// The bytes.
    ///
    /// - Throws: `tooLarge` for user data over 1 MiB, a schema over 64 KiB or a manifest over 256 MiB,
    ///   `invalidArgument` where the parts do not agree: what cannot be read back is not written.
    public func encoded() throws(GranaryError) -> [UInt8] {
        for (part, count, limit) in [
            ("user data", userData.count, Manifest.largestUserData),
            ("schema", schema.count, Manifest.largestSchema),
            ("version", engineVersion.utf8.count, 255), ("files", files.count, Int(Int32.max)),
            ("segments", segments.count, Int(Int32.max)),
        ] where count > limit {
            throw GranaryError(.tooLarge, "expected \(part) of up to \(limit), found \(count)")
        }
        try check { GranaryError($0 == .corrupt ? .invalidArgument : $0, $1) }
        var writer = ByteWriter()
        writer.bytes += Manifest.magic
        writer.append(Manifest.major)
        writer.append(UInt16(0))
        writer.append(UInt32(0))
        for flags in [incompatibleFlags, readOnlyCompatibleFlags, compatibleFlags, 0] { writer.append(flags) }
        writer.append(index)
        writer.append(generation)
        writer.append(previousHash)
        writer.append(nextSequence)
        writer.append(nextSegmentOrdinal)
        writer.append(counted: Array(engineVersion.utf8))
        writer.append(counted: schema)
        writer.append(UInt32(files.count))
        for file in files {
            writer.append(file.id)
            writer.append(UInt64(file.kind.rawValue))
            writer.append(file.length)
            writer.append(file.rootHash)
        }
        writer.append(UInt32(segments.count))
        for segment in segments {
            writer.append(segment.ordinal)
            writer.append(segment.firstSequence)
            writer.append(segment.lastSequence)
            writer.append(segment.documents)
            writer.append(segment.dead)
            writer.append(segment.deadFile ?? Manifest.none)
            writer.append(UInt32(segment.files.count))
            for file in segment.files { writer.append(file) }
        }
        writer.append(counted: userData)
        writer.append(UInt64(writer.bytes.count + Manifest.trailerBytes))
        writer.append(Checksum.blake2s128(writer.bytes))
        writer.bytes += Manifest.endMagic
        guard writer.bytes.count <= Manifest.largestBytes else {
            throw GranaryError(.tooLarge, "expected a manifest of up to \(Manifest.largestBytes) bytes")
        }
        return writer.bytes
    }

    /// The hash in the trailer of an encoded manifest.
    static func hash(of encoded: [UInt8]) -> Identifier128 {
        Identifier128(bytes: Array(encoded.dropLast(endMagic.count).suffix(16)))
    }

    /// Reads a manifest that may say anything.
    ///
    /// - Throws: `truncated`, `wrongFile`, `unsupportedVersion`, `checksumMismatch`, `corrupt`.
    public static func decode(_ bytes: [UInt8], path: String) throws(GranaryError) -> Manifest {
        func fail(_ code: GranaryError.Code, _ message: String) -> GranaryError {
            GranaryError(code, message, path: path)
        }
        guard bytes.count >= trailerBytes + 16 else {
            throw fail(.truncated, "expected a manifest, found \(bytes.count) bytes")
        }
        var reader = ByteReader(bytes.rawBytes, path: path)
        guard try reader.nextBytes(8) == magic else {
            throw fail(.wrongFile, "expected a manifest, found another kind of file")
        }
        let version = try reader.next(UInt16.self)
        guard version == major else {
            throw fail(.unsupportedVersion, "expected manifest version \(major), found \(version)")
        }
        guard Array(bytes.suffix(8)) == endMagic else {
            throw fail(.truncated, "expected the end of a manifest, found other bytes")
        }
        guard Checksum.blake2s128(Array(bytes.dropLast(24))) == hash(of: bytes) else {
            throw fail(.checksumMismatch, "the manifest has not its hash")
        }
        try reader.skip(6)
        let flags = [
            try reader.next(UInt32.self), try reader.next(UInt32.self), try reader.next(UInt32.self),
        ]
        try reader.skip(4)
        guard flags[0] == 0 else {
            throw fail(
                .unsupportedVersion, "the index uses features that this version does not know (\(flags[0]))")
        }
        var manifest = Manifest(index: try reader.nextIdentifier(), schema: [])
        (manifest.incompatibleFlags, manifest.readOnlyCompatibleFlags, manifest.compatibleFlags) = (
            flags[0], flags[1], flags[2]
        )
        manifest.generation = try reader.next(UInt64.self)
        manifest.previousHash = try reader.nextIdentifier()
        manifest.nextSequence = try reader.next(UInt64.self)
        manifest.nextSegmentOrdinal = try reader.next(UInt64.self)
        manifest.engineVersion = String(decoding: try reader.nextCounted(limit: 255), as: UTF8.self)
        manifest.schema = try reader.nextCounted(limit: largestSchema)
        for _ in 0..<(try reader.next(UInt32.self)) { manifest.files.append(try file(&reader, fail)) }
        for _ in 0..<(try reader.next(UInt32.self)) { manifest.segments.append(try segment(&reader)) }
        manifest.userData = try reader.nextCounted(limit: largestUserData)
        guard try reader.next(UInt64.self) == UInt64(bytes.count), reader.remaining == trailerBytes - 8 else {
            throw fail(.corrupt, "expected the trailer after the user data")
        }
        try manifest.check(fail)
        return manifest
    }

    private static func file(
        _ reader: inout ByteReader, _ fail: (GranaryError.Code, String) -> GranaryError
    ) throws(GranaryError) -> FileRecord {
        let id = try reader.nextIdentifier()
        let number = try reader.next(UInt64.self)
        guard let kind = UInt8(exactly: number).flatMap(FileKind.init) else {
            throw fail(.corrupt, "expected a kind of file, found \(number)")
        }
        return FileRecord(
            id: id, kind: kind, length: try reader.next(UInt64.self), rootHash: try reader.nextIdentifier())
    }

    private static func segment(_ reader: inout ByteReader) throws(GranaryError) -> SegmentRecord {
        var segment = SegmentRecord(
            files: [], deadFile: nil, documents: 0, dead: 0, firstSequence: 0, lastSequence: 0,
            ordinal: try reader.next(UInt64.self))
        segment.firstSequence = try reader.next(UInt64.self)
        segment.lastSequence = try reader.next(UInt64.self)
        segment.documents = try reader.next(UInt32.self)
        segment.dead = try reader.next(UInt32.self)
        let dead = try reader.next(UInt32.self)
        segment.deadFile = dead == none ? nil : dead
        for _ in 0..<(try reader.next(UInt32.self)) { segment.files.append(try reader.next(UInt32.self)) }
        return segment
    }

    /// What the hash cannot say: that the parts agree with each other.
    private func check(_ fail: (GranaryError.Code, String) -> GranaryError) throws(GranaryError) {
        // Neither the generation before nor the one after may overflow.
        guard generation > 0, generation < .max else {
            throw fail(.corrupt, "expected a generation, found \(generation)")
        }
        guard Set(files.map(\.id)).count == files.count else {
            throw fail(.corrupt, "expected each file once")
        }
        var ordinals = Set<UInt64>()
        for segment in segments {
            let places = segment.files + [segment.deadFile].compactMap { $0 }
            let (end, overflow) = segment.firstSequence.addingReportingOverflow(UInt64(segment.documents))
            guard places.allSatisfy({ $0 < files.count }), segment.dead <= segment.documents,
                (segment.dead == 0) == (segment.deadFile == nil),
                segment.firstSequence <= segment.lastSequence,
                // A document's number is told by its distance from the first, in 32 bits.
                segment.lastSequence - segment.firstSequence <= UInt64(UInt32.max),
                segment.lastSequence < nextSequence, !overflow, end <= nextSequence,
                segment.ordinal < nextSegmentOrdinal, ordinals.insert(segment.ordinal).inserted
            else {
                throw fail(
                    .corrupt, "expected segment \(segment.ordinal) to agree with the rest of the manifest")
            }
        }
    }
}
