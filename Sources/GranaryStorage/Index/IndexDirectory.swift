/// An index directory as a reader sees it: no lock, no write.
public enum IndexDirectory {
    /// The newest generation. A damaged newest manifest is an error, never a reason to take an older one.
    ///
    /// - Throws: `notFound` (no directory), `notAnIndex` (no manifest), and what is wrong with the manifest.
    public static func latestManifest(
        fileSystem: any FileSystem, path: String
    ) throws(GranaryError) -> Manifest {
        try latest(fileSystem: fileSystem, path: path).manifest
    }

    /// The number of the newest generation, by names alone: for whoever only wants to know whether there is a
    /// newer one.
    ///
    /// - Throws: `notFound` (no directory), `notAnIndex` (no manifest).
    public static func newestGeneration(
        fileSystem: any FileSystem, path: String
    ) throws(GranaryError) -> UInt64 {
        // Listing is no single step: two commits meanwhile may hide the old names and the new ones.
        for _ in 0..<3 {
            let generations = try fileSystem.list(path).compactMap(Manifest.generation(ofFileName:))
            if let newest = generations.max() { return newest }
        }
        throw GranaryError(.notAnIndex, "expected an index, found no manifest", path: path)
    }

    /// A generation that is still there.
    package static func manifest(
        _ generation: UInt64, fileSystem: any FileSystem, path: String
    ) throws(GranaryError) -> Manifest {
        try read(generation, fileSystem: fileSystem, path: path).manifest
    }

    /// The newest generation and the hash in its trailer.
    static func latest(
        fileSystem: any FileSystem, path: String
    ) throws(GranaryError) -> (manifest: Manifest, hash: Identifier128) {
        var seen: UInt64 = 0
        while true {
            let newest = try newestGeneration(fileSystem: fileSystem, path: path)
            do throws(GranaryError) {
                return try read(newest, fileSystem: fileSystem, path: path)
            } catch {
                // Two commits between listing and reading drop a manifest: then the newest is newer.
                guard error.code == .notFound, newest > seen else { throw error }
                seen = newest
            }
        }
    }

    /// The manifest of a generation and the hash in its trailer.
    static func read(
        _ generation: UInt64, fileSystem: any FileSystem, path: String
    ) throws(GranaryError) -> (manifest: Manifest, hash: Identifier128) {
        let file = try fileSystem.openForReading("\(path)/\(Manifest.fileName(generation))")
        defer { file.close() }
        let length = try file.length()
        guard length <= UInt64(Manifest.largestBytes) else {
            throw GranaryError(.corrupt, "expected a manifest, found \(length) bytes", path: file.path)
        }
        let bytes = try file.read(at: 0, count: Int(length))
        let manifest = try Manifest.decode(bytes, path: file.path)
        guard manifest.generation == generation else {
            throw GranaryError(
                .wrongFile, "expected generation \(generation), found \(manifest.generation)", path: file.path
            )
        }
        return (manifest, Manifest.hash(of: bytes))
    }
}
