import GranaryStorage
import Synchronization

/// A file system around another, as an engine would use it whose names come twice. For mutants.
final class ReusingFileSystem: FileSystem {
    /// Which names come twice.
    enum Reuse: Sendable {
        /// None.
        case nothing
        /// A new data file takes the name of one that the newest generation no longer has.
        case dataFiles
        /// Each manifest is written under the same temporary name; where that is taken, into that file.
        case temporaryFiles
    }

    private let base: any FileSystem
    private let reuse: Reuse
    private let temporary = Mutex<(any WritableFile)?>(nil)
    /// Identifiers that have been given a second time.
    private let given = Mutex(Set<Identifier128>())

    init(_ base: any FileSystem, _ reuse: Reuse) {
        self.base = base
        self.reuse = reuse
    }

    /// Where a file lies for the engine that is played here.
    private func place(_ path: String) -> String {
        guard reuse == .temporaryFiles, path.hasSuffix(".tmp") else { return path }
        return "\(PathName.parent(path))/\(Identifier128(high: 0, low: 0)).tmp"
    }

    func randomIdentifier() -> Identifier128 {
        let fresh = base.randomIdentifier()
        guard reuse == .dataFiles,
            let manifest = try? IndexDirectory.latestManifest(fileSystem: base, path: "/d"),
            let before = try? IndexDirectory.manifest(manifest.generation - 1, fileSystem: base, path: "/d")
        else { return fresh }
        let dropped = before.files.filter { $0.kind == .blocks && !manifest.files.contains($0) }
        return given.withLock { given in
            dropped.map(\.id).first { given.insert($0).inserted } ?? fresh
        }
    }

    func create(_ path: String) throws(GranaryError) -> any WritableFile {
        let place = place(path)
        if try base.status(place) != nil {
            if let file = temporary.withLock({ $0 }), place != path { return StayingFile(file, place) }
            if reuse == .dataFiles { try base.unlink(place) }
        }
        let file = try base.create(place)
        if place != path { temporary.withLock { $0 = file } }
        return place == path ? file : StayingFile(file, place)
    }

    /// As file systems do that link first and remove the old name then, whose second half a crash has lost.
    func rename(_ path: String, to target: String) throws(GranaryError) {
        try base.link(place(path), to: target)
        if reuse == .dataFiles { try base.unlink(place(path)) }
    }

    func unlink(_ path: String) throws(GranaryError) {
        if path.hasSuffix(".tmp"), reuse != .dataFiles {
            throw GranaryError(.io, "a name that cannot be removed", path: path)
        }
        try base.unlink(path)
    }

    func status(_ path: String) throws(GranaryError) -> FileStatus? { try base.status(place(path)) }
    func openForReading(_ path: String) throws(GranaryError) -> any ReadableFile {
        try base.openForReading(path)
    }
    func link(_ path: String, to target: String) throws(GranaryError) { try base.link(path, to: target) }
    func createDirectory(_ path: String) throws(GranaryError) { try base.createDirectory(path) }
    func removeDirectory(_ path: String) throws(GranaryError) { try base.removeDirectory(path) }
    func list(_ directory: String) throws(GranaryError) -> [String] { try base.list(directory) }
    func syncFile(_ path: String) throws(GranaryError) { try base.syncFile(path) }
    func syncDirectory(_ path: String) throws(GranaryError) { try base.syncDirectory(path) }
    func lock(_ path: String, stamp: String) throws(GranaryError) -> any FileLock {
        try base.lock(path, stamp: stamp)
    }
    func freeBytes(_ path: String) throws(GranaryError) -> UInt64 { try base.freeBytes(path) }
    func now() -> UInt64 { base.now() }
}

/// A file that can be written again after it has been closed.
private final class StayingFile: WritableFile {
    private let base: any WritableFile
    let path: String

    init(_ base: any WritableFile, _ path: String) {
        self.base = base
        self.path = path
    }

    func length() throws(GranaryError) -> UInt64 { try base.length() }
    func read(at offset: UInt64, count: Int) throws(GranaryError) -> [UInt8] {
        try base.read(at: offset, count: count)
    }
    func map() throws(GranaryError) -> MappedBytes { try base.map() }
    func write(_ bytes: RawSpan, at offset: UInt64) throws(GranaryError) { try base.write(bytes, at: offset) }
    func sync() throws(GranaryError) { try base.sync() }
    func close() {}
}
