import GranaryStorage
import Synchronization

/// An index: one directory of immutable files and a manifest.
///
/// One writer at a time, in any process; any number of readers, which take no lock and need no write
/// permission.
public final class Index: Sendable {
    /// The directory.
    public let path: String
    /// What is fixed for the life of the index.
    public let schema: Schema
    let fileSystem: any FileSystem
    let reading: Reading
    private let newest = Mutex(Newest())

    /// The last snapshot while somebody has it: to keep it here would keep its files on disk after they are
    /// dropped.
    private struct Newest {
        weak var snapshot: Snapshot?
    }

    private init(path: String, schema: Schema, fileSystem: any FileSystem, reading: Reading) {
        self.path = path
        self.schema = schema
        self.fileSystem = fileSystem
        self.reading = reading
    }

    /// Makes an empty index.
    ///
    /// - Parameters:
    ///   - path: a directory that is absent (its parent exists) or empty.
    ///   - reading: how dense vectors are read.
    ///   - verification: what is compared with its checksums before an answer comes of it.
    /// - Throws: `alreadyExists` for a directory with anything in it, `invalidArgument` for a schema that
    ///   cannot be, and errors of the file system; nothing is left.
    public static func create(
        at path: String, schema: Schema = Schema(), fileSystem: any FileSystem = PosixFileSystem(),
        reading: DenseReading = DenseReading(), verification: ReadVerification = .structure
    ) throws(GranaryError) -> Index {
        try reading.validate()
        try schema.dense?.validate()
        let directory = try DirectoryWriter.create(
            fileSystem: fileSystem, path: path, schema: try SchemaCodec.encode(schema))
        directory.close()
        return Index(
            path: path, schema: schema, fileSystem: fileSystem,
            reading: Reading(dense: reading, verification: verification))
    }

    /// Opens an index.
    ///
    /// - Parameters:
    ///   - reading: how dense vectors are read.
    ///   - verification: what is compared with its checksums before an answer comes of it.
    /// - Throws: `notFound`, `notAnIndex`, `unsupportedVersion`, and what is wrong with the newest manifest;
    ///   `invalidArgument`.
    public static func open(
        at path: String, fileSystem: any FileSystem = PosixFileSystem(),
        reading: DenseReading = DenseReading(), verification: ReadVerification = .structure
    ) throws(GranaryError) -> Index {
        try reading.validate()
        let manifest = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: path)
        return Index(
            path: path, schema: try SchemaCodec.decode(manifest.schema, path: path), fileSystem: fileSystem,
            reading: Reading(dense: reading, verification: verification))
    }

    /// The newest committed generation. Segments that an earlier snapshot of this `Index` has open are
    /// shared.
    ///
    /// - Throws: `corrupt`, `truncated`, `wrongFile`, … for a damaged, missing or foreign file: structure,
    ///   lengths and root hashes are checked, checksums of data as the index was opened
    ///   (`ReadVerification`; see `Snapshot.verify` for all at once).
    public func snapshot() throws(GranaryError) -> Snapshot {
        let known = newest.withLock { $0.snapshot }
        var generation: UInt64 = 0
        while true {
            let manifest = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: path)
            // Not the generation alone: the directory may hold another index by now.
            if let known, known.manifest == manifest { return known }
            do throws(GranaryError) {
                let snapshot = try Snapshot(
                    manifest: manifest, schema: try SchemaCodec.decode(manifest.schema, path: path),
                    path: path, fileSystem: fileSystem, reading: reading, known: known)
                newest.withLock { $0.snapshot = snapshot }
                return snapshot
            } catch {
                // A commit may have dropped a file between reading the manifest and opening it: then there is
                // a newer one.
                guard error.code == .notFound, manifest.generation > generation else { throw error }
                generation = manifest.generation
            }
        }
    }

    /// The number of the newest generation, by the names in the directory.
    func newestGeneration() throws(GranaryError) -> UInt64 {
        try IndexDirectory.newestGeneration(fileSystem: fileSystem, path: path)
    }
}
