import GranaryStorage

/// A segment of a manifest with its own files, for tests that put segments together and take them apart.
struct ManifestPart: Equatable {
    /// `.blocks` and `.summary`.
    var files: [FileRecord]
    var deadFile: FileRecord?
    /// All but the places of files.
    var record: SegmentRecord

    /// The files of the part.
    var allFiles: [FileRecord] { files + [deadFile].compactMap { $0 } }
}

extension Manifest {
    /// The segments with their files. New ones get a number.
    var parts: [ManifestPart] {
        get {
            segments.map { record in
                ManifestPart(
                    files: record.files.map { files[Int($0)] },
                    deadFile: record.deadFile.map { files[Int($0)] },
                    record: record)
            }
        }
        set {
            (files, segments) = ([], [])
            for part in newValue {
                var record = part.record
                if record.ordinal == .max {
                    record.ordinal = nextSegmentOrdinal
                    nextSegmentOrdinal += 1
                }
                let first = UInt32(files.count)
                files += part.allFiles
                record.files = part.files.indices.map { first + UInt32($0) }
                record.deadFile = part.deadFile.map { _ in first + UInt32(part.files.count) }
                segments.append(record)
                nextSequence = max(nextSequence, record.lastSequence + 1)
            }
        }
    }

    /// A new segment behind all others.
    func newPart(_ files: [FileRecord], documents: UInt32 = 10) -> ManifestPart {
        ManifestPart(
            files: files, deadFile: nil,
            record: SegmentRecord(
                files: [], deadFile: nil, documents: documents, dead: 0, firstSequence: nextSequence,
                lastSequence: nextSequence + UInt64(documents) - 1, ordinal: .max))
    }
}
