/// Makes an index of files that another one has, at another path.
///
/// A crash leaves either no index there or the whole: the manifest comes last, and its name is made durable
/// before the backup is acknowledged.
public struct IndexBackup {
    private let manifest: Manifest
    private let files: [Container]
    private let fileSystem: any FileSystem
    private let path: String
    private let isVerified: Bool

    /// Is told the bytes that are there and the bytes in all; what it throws ends the backup.
    public typealias Progress = (_ done: UInt64, _ total: UInt64) throws(GranaryError) -> Void

    /// - Parameters:
    ///   - manifest: what the new index will be.
    ///   - files: at least the files of the manifest, open; they may have lost their names.
    ///   - path: a directory that is absent or empty.
    ///   - isVerified: copies every file, rather than linking where that is possible, and verifies both the
    ///     file and the copy.
    public init(
        of manifest: Manifest, files: [Container], to path: String, fileSystem: any FileSystem,
        isVerified: Bool = false
    ) {
        self.manifest = manifest
        self.files = files
        self.path = path
        self.fileSystem = fileSystem
        self.isVerified = isVerified
    }

    /// Makes the index.
    ///
    /// - Throws: `alreadyExists` naming what is in the directory, `locked` while another makes an index
    ///   there, what is wrong with a file that is copied, errors of writing, what `progress` throws. What was
    ///   made is removed.
    public func run(_ progress: Progress = { _, _ in }) throws(GranaryError) {
        let byID = Dictionary(files.map { ($0.record.id, $0) }) { first, _ in first }
        var sources: [Container] = []
        for record in manifest.files {
            guard let file = byID[record.id], file.record == record else {
                throw GranaryError(.invalidArgument, "expected all files of the manifest", path: record.name)
            }
            sources.append(file)
        }
        let bytes = try manifest.encoded()
        let isNew = try fileSystem.status(path) == nil
        if isNew { try fileSystem.createDirectory(path) }
        let lock: any FileLock
        do throws(GranaryError) {
            if !isNew { try expectEmpty() }
            lock = try fileSystem.lock(lockPath, stamp: SystemCalls.processStamp())
        } catch {
            if isNew { try? fileSystem.removeDirectory(path) }
            throw error
        }
        defer {
            // The directory of a backup is nobody's; whoever waits for a lock that goes sees that it has
            // gone.
            try? fileSystem.unlink(lockPath)
            lock.release()
        }
        // Another may have made an index before the lock was taken.
        try expectEmpty()
        do throws(GranaryError) {
            try bring(sources, progress)
            try publish(bytes)
            // The parent, whether the path is a link, a dot or ends in a slash.
            try syncParent(isNew: isNew)
        } catch {
            remove(sources, isNew: isNew)
            throw error
        }
    }

    private var lockPath: String { "\(path)/\(DirectoryWriter.lockName)" }
    private var manifestPath: String { "\(path)/\(Manifest.fileName(manifest.generation))" }

    private func expectEmpty() throws(GranaryError) {
        if let name = try fileSystem.list(path).first(where: { $0 != DirectoryWriter.lockName }) {
            throw GranaryError(
                .alreadyExists, "expected an empty directory, found \(name) in it", path: path)
        }
    }

    private func bring(_ sources: [Container], _ progress: Progress) throws(GranaryError) {
        let total = sources.reduce(0) { $0 + $1.record.length }
        var done: UInt64 = 0
        let transfer = FileTransfer(fileSystem: fileSystem, directory: path)
        try progress(0, total)
        for file in sources {
            let check = { (count: UInt64) throws(GranaryError) in
                done += count
                try progress(done, total)
            }
            if isVerified {
                try transfer.copy(file, check)
                try Container.open(fileSystem: fileSystem, directory: path, record: file.record).verify()
            } else {
                try transfer.bring(file, check)
            }
        }
    }

    /// The last steps of a commit: names of files, manifest, rename, its name.
    private func publish(_ bytes: [UInt8]) throws(GranaryError) {
        try fileSystem.syncDirectory(path)
        let temporary = "\(path)/\(fileSystem.randomIdentifier()).tmp"
        do throws(GranaryError) {
            let file = try fileSystem.create(temporary)
            defer { file.close() }
            try file.write(bytes.rawBytes, at: 0)
            try file.sync()
            try fileSystem.rename(temporary, to: manifestPath)
        } catch {
            try? fileSystem.unlink(temporary)
            throw error
        }
        try fileSystem.syncDirectory(path)
    }

    private func syncParent(isNew: Bool) throws(GranaryError) {
        do throws(GranaryError) {
            try fileSystem.syncDirectory("\(path)/..")
        } catch {
            // Whoever made the directory in one that may not be read had to care for it.
            guard !isNew, error.code == .permissionDenied else { throw error }
        }
    }

    /// Takes everything back, the manifest first: no crash leaves one whose files are gone.
    private func remove(_ sources: [Container], isNew: Bool) {
        do throws(GranaryError) {
            if try fileSystem.status(manifestPath) != nil { try fileSystem.unlink(manifestPath) }
            try fileSystem.syncDirectory(path)
        } catch {
            return
        }
        for file in sources { try? fileSystem.unlink("\(path)/\(file.record.name)") }
        if isNew {
            try? fileSystem.unlink(lockPath)
            try? fileSystem.removeDirectory(path)
        }
    }
}

extension Manifest {
    /// The first generation of another index, with some of the segments of this one and the documents that
    /// they have. Sequence numbers begin anew, in the same order.
    ///
    /// - Parameter chosen: ordinals of segments; unknown ones are left out.
    public func extracting(_ chosen: Set<UInt64>, as index: Identifier128) -> Manifest {
        var part = Manifest(index: index, schema: schema)
        (part.incompatibleFlags, part.readOnlyCompatibleFlags, part.compatibleFlags) = (
            incompatibleFlags, readOnlyCompatibleFlags, compatibleFlags
        )
        let segments = segments.filter { chosen.contains($0.ordinal) }
        let first = segments.map(\.firstSequence).min() ?? 0
        // Two segments may share a file.
        var places: [UInt32: UInt32] = [:]
        for segment in segments {
            var copy = segment
            let place = { (old: UInt32) -> UInt32 in
                if let place = places[old] { return place }
                part.files.append(self.files[Int(old)])
                places[old] = UInt32(part.files.count - 1)
                return UInt32(part.files.count - 1)
            }
            copy.files = segment.files.map(place)
            copy.deadFile = segment.deadFile.map(place)
            copy.firstSequence -= first
            copy.lastSequence -= first
            copy.ordinal = part.nextSegmentOrdinal
            part.nextSegmentOrdinal += 1
            part.segments.append(copy)
            // As many numbers as documents are taken at least, whatever the last one says.
            part.nextSequence = max(
                part.nextSequence, copy.lastSequence + 1, copy.firstSequence + UInt64(copy.documents))
        }
        return part
    }
}
