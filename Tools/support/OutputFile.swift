import Foundation
package import Granary

/// Output to a file or to standard output, in pieces of 64 KiB.
///
/// A file gets its name when it is complete: until `finish` it is beside it under a temporary one, and
/// without `finish` nothing is left. An existing file is replaced; a device or a pipe is written to.
package final class OutputFile {
    private let path: String?
    /// Nil where there is nothing to rename.
    private let temporary: String?
    private let handle: FileHandle
    private var buffer = Data()
    private var isFinished = false

    /// - Parameter path: nil writes to standard output.
    /// - Throws: `io` when the file cannot be made.
    package init(_ path: String?) throws(GranaryError) {
        self.path = path
        guard let path else {
            temporary = nil
            handle = .standardOutput
            return
        }
        let target: String
        if Self.isSpecial(path) {
            (temporary, target) = (nil, path)
        } else {
            target = "\(path).\(ProcessInfo.processInfo.processIdentifier).tmp"
            temporary = target
            _ = FileManager.default.createFile(atPath: target, contents: nil)
        }
        guard let handle = FileHandle(forWritingAtPath: target) else {
            throw GranaryError(.io, "expected a place for a new file", path: path)
        }
        self.handle = handle
    }

    /// Whether there is something that is no regular file, links followed.
    private static func isSpecial(_ path: String) -> Bool {
        var info = stat()
        return unsafe stat(path, &info) == 0 && info.st_mode & S_IFMT != S_IFREG
    }

    deinit {
        if let temporary, !isFinished {
            try? handle.close()
            try? FileManager.default.removeItem(atPath: temporary)
        }
    }

    /// Appends bytes.
    package func write(_ bytes: some Sequence<UInt8>) throws(GranaryError) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= 1 << 16 { try flush() }
    }

    /// Appends text.
    package func write(_ text: String) throws(GranaryError) { try write(text.utf8) }

    /// Writes what is left and gives the file its name.
    package func finish() throws(GranaryError) {
        try flush()
        guard let path else { return }
        try run { try handle.close() }
        guard let temporary else { return }
        guard unsafe rename(temporary, path) == 0 else {
            let number = errno
            throw GranaryError(.io, "expected to give a new file its name", path: path, systemError: number)
        }
        isFinished = true
    }

    private func flush() throws(GranaryError) {
        let pending = buffer
        buffer.removeAll(keepingCapacity: true)
        try run { try handle.write(contentsOf: pending) }
    }

    private func run(_ body: () throws -> Void) throws(GranaryError) {
        do {
            try body()
        } catch {
            throw GranaryError(.io, "writing: \(error.localizedDescription)", path: path ?? "standard output")
        }
    }
}
