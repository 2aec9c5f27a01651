public import GranaryStorage

/// Small data files and small indexes of them.
public enum SampleIndex {
    /// The first section of a sample file.
    public static let letters = SectionID(rawValue: 1, name: "letters")
    /// The second section of a sample file.
    public static let numbers = SectionID(rawValue: 2, name: "numbers")

    /// Writes a data file with two small sections.
    public static func file(
        _ fileSystem: any FileSystem, _ directory: String, index: Identifier128, kind: FileKind = .blocks,
        salt: UInt8 = 0
    ) throws(GranaryError) -> FileRecord {
        let writer = try ContainerWriter(
            fileSystem: fileSystem, directory: directory, kind: kind, index: index,
            id: fileSystem.randomIdentifier())
        do throws(GranaryError) {
            try writer.beginSection(letters)
            try writer.append((0..<100).map { UInt8(97 + $0 % 26) ^ salt })
            try writer.endSection(elements: 100)
            try writer.beginSection(numbers, codec: 3)
            try writer.appendArray((0..<10).map { UInt32($0) })
            try writer.endSection(elements: 10)
            return try writer.finish()
        } catch {
            writer.abandon()
            throw error
        }
    }

    /// Writes a data file with one tiny section, for tests that write very many.
    public static func tinyFile(
        _ fileSystem: any FileSystem, _ directory: String, index: Identifier128, kind: FileKind = .blocks,
        salt: UInt8 = 0
    ) throws(GranaryError) -> FileRecord {
        let writer = try ContainerWriter(
            fileSystem: fileSystem, directory: directory, kind: kind, index: index,
            id: fileSystem.randomIdentifier())
        do throws(GranaryError) {
            try writer.beginSection(letters)
            try writer.append((0..<20).map { 97 + $0 ^ salt })
            try writer.endSection(elements: 20)
            return try writer.finish()
        } catch {
            writer.abandon()
            throw error
        }
    }

    /// Commits a generation with two new files; without segments, those of older generations but
    /// the newest go.
    @discardableResult
    public static func commit(_ writer: DirectoryWriter) throws(GranaryError) -> Manifest {
        let salt = UInt8(truncatingIfNeeded: writer.manifest.generation + 1)
        var files: [FileRecord] = []
        do throws(GranaryError) {
            files.append(
                try tinyFile(writer.fileSystem, writer.path, index: writer.index, kind: .blocks, salt: salt))
            files.append(
                try tinyFile(writer.fileSystem, writer.path, index: writer.index, kind: .summary, salt: salt))
            let made = files
            return try writer.commit { manifest in
                // Segments refer to files by place.
                let kept = manifest.segments.isEmpty ? 2 : manifest.files.count
                manifest.files = Array(manifest.files.suffix(kept)) + made
                manifest.userData = [salt, salt, salt]
                manifest.nextSequence += 1
            }
        } catch {
            if writer.poison == nil {
                for file in files { try? writer.fileSystem.unlink("\(writer.path)/\(file.name)") }
            }
            throw error
        }
    }

    /// The files of a generation, open.
    public static func containers(
        _ fileSystem: any FileSystem, _ path: String, _ manifest: Manifest
    ) throws(GranaryError) -> [Container] {
        var files: [Container] = []
        for record in manifest.files {
            files.append(try Container.open(fileSystem: fileSystem, directory: path, record: record))
        }
        return files
    }

    /// The newest generation, after every file of it has been verified in full.
    @discardableResult
    public static func verified(_ fileSystem: any FileSystem, _ path: String) throws(GranaryError) -> Manifest
    {
        let manifest = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: path)
        try verify(manifest, fileSystem, path)
        return manifest
    }

    /// Verifies every file of a generation in full.
    public static func verify(
        _ manifest: Manifest, _ fileSystem: any FileSystem, _ path: String
    ) throws(GranaryError) {
        for file in try containers(fileSystem, path, manifest) { try file.verify() }
    }
}
