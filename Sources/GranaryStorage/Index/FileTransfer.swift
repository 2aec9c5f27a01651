/// Brings an open data file into another directory, under the same name.
struct FileTransfer {
    let fileSystem: any FileSystem
    /// Where it goes.
    let directory: String
    private static let chunkBytes = 1 << 20

    /// A second name where that is possible, else a durable copy. The directory is not made durable.
    ///
    /// - Parameter check: is told the bytes that are there since it was told last; what it throws ends the
    ///   transfer.
    /// - Throws: what is wrong with the bytes of a file to be copied, errors of writing. Nothing is left
    ///   then.
    func bring(
        _ file: Container, _ check: (UInt64) throws(GranaryError) -> Void = { _ in }
    ) throws(GranaryError) {
        do throws(GranaryError) {
            try link(file)
        } catch {
            // Another file system, one without links, a name that is gone by now: its bytes are still mapped.
            try copy(file, check)
            return
        }
        do throws(GranaryError) {
            try check(file.record.length)
        } catch {
            try? fileSystem.unlink(path(file))
            throw error
        }
    }

    /// A second name of the file, whose bytes are durable: whoever put it there may not have seen to that.
    private func link(_ file: Container) throws(GranaryError) {
        let target = path(file)
        do throws(GranaryError) {
            try fileSystem.link(file.path, to: target)
            try fileSystem.syncFile(target)
            // The name may be another file's by now.
            _ = try Container.open(fileSystem: fileSystem, directory: directory, record: file.record)
        } catch {
            // Also where the answer was lost, and the link is there.
            try? fileSystem.unlink(target)
            throw error
        }
    }

    /// A durable copy of the bytes that are mapped, which are verified first: damage is not passed on.
    func copy(_ file: Container, _ check: (UInt64) throws(GranaryError) -> Void) throws(GranaryError) {
        try file.verify()
        let target = path(file)
        let copy = try fileSystem.create(target)
        do throws(GranaryError) {
            defer { copy.close() }
            let mapping = file.mapping
            for start in stride(from: 0, to: mapping.count, by: Self.chunkBytes) {
                let range = start..<min(mapping.count, start + Self.chunkBytes)
                try copy.write(mapping.bytes.extracting(range), at: UInt64(start))
                try check(UInt64(range.count))
            }
            try copy.sync()
            guard try copy.length() == file.record.length else {
                throw GranaryError(
                    .truncated, "expected a file of \(file.record.length) bytes", path: target)
            }
        } catch {
            try? fileSystem.unlink(target)
            throw error
        }
    }

    private func path(_ file: Container) -> String { "\(directory)/\(file.record.name)" }
}
