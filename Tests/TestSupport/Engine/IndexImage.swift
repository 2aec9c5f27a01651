public import GranaryStorage

/// An index taken apart and put together again through the writers of the storage layer: whatever a change
/// makes of a section or of the manifest, every checksum is right. What is left to find the damage is the
/// engine itself.
public enum IndexImage {
    /// A copy of an index in which some sections have other bytes.
    ///
    /// - Parameters:
    ///   - section: the new bytes of a section, given the file's place in the manifest, the section and its
    ///     bytes; nil leaves the section out.
    ///   - codec: the new codec of a section.
    ///   - extra: sections that each file has besides, behind its own, all of one codec.
    ///   - manifest: changes the manifest, whose files are up to date.
    public static func rewrite(
        _ files: [String: [UInt8]], directory: String,
        section change: ((_ file: Int, _ section: Section, _ bytes: [UInt8]) -> [UInt8]?)? = nil,
        codec: ((_ section: Section) -> UInt16)? = nil,
        extra: (codec: UInt16, sections: [SectionID])? = nil,
        manifest changeManifest: ((inout Manifest) -> Void)? = nil
    ) throws(GranaryError) -> TestFileSystem {
        let source = try TestFileSystem(files: files, in: directory)
        let target = TestFileSystem(seed: 3)
        try target.createDirectory(directory)
        var manifest = try IndexDirectory.latestManifest(fileSystem: source, path: directory)
        for (place, record) in manifest.files.enumerated() {
            let container = try Container.open(
                fileSystem: source, directory: directory, record: record)
            let writer = try ContainerWriter(
                fileSystem: target, directory: directory, kind: record.kind, index: manifest.index,
                id: record.id)
            for section in container.sections {
                let copy = copy(section)
                guard let bytes = change.map({ $0(place, section, copy) }) ?? copy else { continue }
                try writer.beginSection(section.id, codec: codec.map { $0(section) } ?? section.codec)
                try writer.append(bytes)
                try writer.endSection(elements: section.elements)
            }
            for section in extra?.sections ?? [] {
                try writer.beginSection(section, codec: extra?.codec ?? 0)
                try writer.append([1, 2, 3])
                try writer.endSection(elements: 1)
            }
            manifest.files[place] = try writer.finish()
        }
        changeManifest?(&manifest)
        let name = Manifest.fileName(manifest.generation)
        let bytes = try manifest.encoded()
        try target.create("\(directory)/\(name)").write(bytes.rawBytes, at: 0)
        return target
    }

    private static func copy(_ section: Section) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(section.bytes)
        return writer.bytes
    }
}
