import GranaryStorage

extension SegmentReader {
    /// Opens a segment of a manifest.
    static func open(
        _ record: SegmentRecord, of manifest: Manifest, path: String, fileSystem: any FileSystem,
        reading: Reading = Reading()
    ) throws(GranaryError) -> SegmentReader {
        func file(_ position: UInt32, _ kind: FileKind) throws(GranaryError) -> FileRecord {
            guard Int(position) < manifest.files.count, manifest.files[Int(position)].kind == kind else {
                throw GranaryError(
                    .corrupt, "expected a \(kind) file at place \(position) of the manifest", path: path)
            }
            return manifest.files[Int(position)]
        }
        guard record.files.count >= 2 else {
            throw GranaryError(
                .corrupt, "expected two files of a segment, found \(record.files.count)", path: path)
        }
        var files = [try file(record.files[0], .blocks), try file(record.files[1], .summary)]
        for position in record.files[2...] { files.append(try file(position, .dense)) }
        var dead: Tombstones?
        if let position = record.deadFile {
            let container = try Container.open(
                fileSystem: fileSystem, directory: path, record: try file(position, .dead))
            if reading.verification == .firstTouch { try container.verify() }
            dead = try Tombstones(
                container, documents: Int(record.documents), expected: Int(record.dead))
        }
        let reader = try open(
            files, dead: dead, firstSequence: record.firstSequence,
            schema: try SchemaCodec.decode(manifest.schema, path: path), path: path, fileSystem: fileSystem,
            reading: reading)
        guard reader.facts.documents == record.documents else {
            throw GranaryError(
                .corrupt, "expected \(record.documents) documents, found \(reader.facts.documents)",
                path: reader.blocks.path, section: SectionID.segment.name)
        }
        return reader
    }

    /// Opens the files of a segment.
    ///
    /// - Parameters:
    ///   - files: `.blocks`, `.summary`, then any `.dense`, in the order of the manifest.
    ///   - shared: `.dense` files that are open already.
    static func open(
        _ files: [FileRecord], dead: Tombstones?, firstSequence: UInt64, schema: Schema, path: String,
        fileSystem: any FileSystem, shared: [DenseFile] = [], reading: Reading = Reading()
    ) throws(GranaryError) -> SegmentReader {
        func open(_ record: FileRecord) throws(GranaryError) -> Container {
            try Container.open(fileSystem: fileSystem, directory: path, record: record)
        }
        var reader = try SegmentReader(
            blocks: try open(files[0]), summary: try open(files[1]), dead: dead, firstSequence: firstSequence,
            verification: reading.verification)
        guard reader.facts.weights == schema.weights else {
            throw GranaryError(
                .corrupt,
                "expected the weights of the schema, \(schema.weights), found \(reader.facts.weights)",
                path: reader.blocks.path, section: SectionID.segment.name)
        }
        guard reader.fields.columns.map(\.kind) == schema.fields.map(\.kind) else {
            throw GranaryError(
                .corrupt,
                "expected the fields of the schema, \(schema.fields.map(\.kind)), found "
                    + "\(reader.fields.columns.map(\.kind))",
                path: reader.blocks.path, section: SectionID.fieldValues(0).name)
        }
        guard files.count > 2 else { return reader }
        guard let dense = schema.dense else {
            throw GranaryError(
                .corrupt, "expected no dense vectors in an index without them, found \(files[2].name)",
                path: path)
        }
        var vectors: [DenseFile] = []
        for record in files[2...] {
            if let known = shared.first(where: { $0.container.record == record }) {
                vectors.append(known)
            } else {
                vectors.append(
                    try DenseFile(
                        record, directory: path, fileSystem: fileSystem, schema: dense, reading: reading))
            }
        }
        reader.dense = try DenseVectors(vectors, documents: reader.documentCount)
        return reader
    }
}
