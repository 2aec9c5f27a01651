import Synchronization

/// Ballast on the disk that is given up when the disk is full, so that deletes still commit.
final class Reserve: Sendable {
    /// The name of its file in the index directory.
    static let name = "RESERVE"

    private struct State {
        var isComplete = false
        /// How often it has been given up.
        var losses = 0
    }

    private let fileSystem: any FileSystem
    private let directory: String
    private let bytes: Int
    private let state = Mutex(State())
    private static let chunkBytes = 1 << 20

    /// - Parameter bytes: how large it is; with 0 none is made, and one that is there stays until it is
    ///   needed.
    init(fileSystem: any FileSystem, directory: String, bytes: Int) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.bytes = bytes
    }

    private var path: String { "\(directory)/\(Self.name)" }

    /// How often it has been given up.
    var losses: Int { state.withLock { $0.losses } }

    /// Gives its room free.
    ///
    /// - Parameter known: what `losses` was when the room became needed.
    /// - Returns: whether there is more room than then.
    func giveUp(after known: Int) -> Bool {
        state.withLock { state in
            // Another thread may have been quicker.
            if state.losses > known { return true }
            guard (try? fileSystem.unlink(path)) != nil else { return false }
            (state.isComplete, state.losses) = (false, state.losses + 1)
            return true
        }
    }

    /// Makes it where it is missing or too small and there is room to spare. That it cannot be made is no
    /// error.
    func restore() {
        guard bytes > 0 else { return }
        state.withLock { state in
            guard !state.isComplete else { return }
            state.isComplete = (try? make()) ?? false
        }
    }

    private func make() throws(GranaryError) -> Bool {
        if let status = try fileSystem.status(path) {
            if status.kind != .file || status.length >= UInt64(bytes) { return status.kind == .file }
            try fileSystem.unlink(path)
        }
        guard try fileSystem.freeBytes(directory) / 2 >= UInt64(bytes) else { return false }
        let temporary = "\(directory)/\(fileSystem.randomIdentifier()).tmp"
        do throws(GranaryError) {
            let file = try fileSystem.create(temporary)
            defer { file.close() }
            // A file system that compresses must not find anything to save.
            var random = SeededGenerator(seed: fileSystem.randomIdentifier().low)
            for start in stride(from: 0, to: bytes, by: Self.chunkBytes) {
                let count = min(Self.chunkBytes, bytes - start)
                let words = (0..<(count + 7) / 8).map { _ in random.next() }
                try file.write(words.rawBytes.extracting(0..<count), at: UInt64(start))
            }
            try file.sync()
            try fileSystem.rename(temporary, to: path)
        } catch {
            try? fileSystem.unlink(temporary)
            throw error
        }
        return true
    }
}
