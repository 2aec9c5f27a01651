/// What an index directory takes on disk, by the lengths of its files.
public struct DiskUsage: Sendable, Codable, Equatable {
    /// Bytes of the newest generation: its manifest and its data files.
    public var newestBytes: UInt64
    /// Bytes that the newest generation does not need: those of the generation before, which is kept for
    /// readers that are about to open it, of segments in the making, and what a crash has left.
    public var olderBytes: UInt64
    /// Bytes of the ballast that is given up when the disk is full; 0 when there is none.
    public var reserveBytes: UInt64
}

extension IndexDirectory {
    /// What an index takes now. Files that are not the engine's do not count.
    ///
    /// - Throws: as `latestManifest`, and errors of listing. Complexity: one call of the system for each
    /// file.
    public static func usage(fileSystem: any FileSystem, path: String) throws(GranaryError) -> DiskUsage {
        let newest = try latestManifest(fileSystem: fileSystem, path: path)
        let needed = Set(newest.files.map(\.name) + [Manifest.fileName(newest.generation)])
        var usage = DiskUsage(newestBytes: 0, olderBytes: 0, reserveBytes: 0)
        for name in try fileSystem.list(path) {
            // One that is gone by now takes nothing.
            guard let status = try fileSystem.status("\(path)/\(name)"), status.kind == .file else {
                continue
            }
            if needed.contains(name) {
                usage.newestBytes = sum(usage.newestBytes, status.length)
            } else if name == Reserve.name {
                usage.reserveBytes = sum(usage.reserveBytes, status.length)
            } else if DirectoryWriter.isDisposable(name) || Manifest.generation(ofFileName: name) != nil {
                usage.olderBytes = sum(usage.olderBytes, status.length)
            }
        }
        return usage
    }

    /// The sum of two lengths, or the largest number: files with holes may say that they are as long as any.
    private static func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? .max : sum
    }
}
