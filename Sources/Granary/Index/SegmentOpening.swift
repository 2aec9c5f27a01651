import GranaryStorage

extension SegmentReader {
    /// Opens a segment of a manifest.
    static func open(
        _ record: SegmentRecord, of manifest: Manifest, path: String, fileSystem: any FileSystem
    ) throws(GranaryError) -> SegmentReader {
        func open(_ position: UInt32, _ kind: FileKind) throws(GranaryError) -> Container {
            guard Int(position) < manifest.files.count, manifest.files[Int(position)].kind == kind else {
                throw GranaryError(
                    .corrupt, "expected a \(kind) file at place \(position) of the manifest", path: path)
            }
            return try Container.open(
                fileSystem: fileSystem, directory: path, record: manifest.files[Int(position)])
        }
        guard record.files.count >= 2 else {
            throw GranaryError(
                .corrupt, "expected two files of a segment, found \(record.files.count)", path: path)
        }
        var dead: Tombstones?
        if let file = record.deadFile {
            dead = try Tombstones(
                try open(file, .dead), documents: Int(record.documents), expected: Int(record.dead))
        }
        let reader = try SegmentReader(
            blocks: try open(record.files[0], .blocks), summary: try open(record.files[1], .summary),
            dead: dead,
            firstSequence: record.firstSequence)
        let schema = try SchemaCodec.decode(manifest.schema, path: path)
        let weights = schema.weights
        guard reader.facts.weights == weights else {
            throw GranaryError(
                .corrupt, "expected the weights of the schema, \(weights), found \(reader.facts.weights)",
                path: reader.blocks.path, section: SectionID.segment.name)
        }
        guard reader.fields.columns.map(\.kind) == schema.fields.map(\.kind) else {
            throw GranaryError(
                .corrupt,
                "expected the fields of the schema, \(schema.fields.map(\.kind)), found "
                    + "\(reader.fields.columns.map(\.kind))",
                path: reader.blocks.path, section: SectionID.fieldValues(0).name)
        }
        guard reader.facts.documents == record.documents else {
            throw GranaryError(
                .corrupt, "expected \(record.documents) documents, found \(reader.facts.documents)",
                path: reader.blocks.path, section: SectionID.segment.name)
        }
        return reader
    }
}
