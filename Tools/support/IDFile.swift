import Foundation
package import Granary

/// Ids of documents in a file, one a line.
package enum IDFile {
    /// The name of standard input on a command line.
    package static let standardInput = "-"
    /// The longest line that `TextFile` takes, in bytes.
    private static let longestLine = 1 << 16

    /// All ids of a file, or of standard input for `-`.
    ///
    /// - Parameter areNumbers: whether lines are numeric ids; otherwise "7" is the string, not the number.
    /// - Throws: `malformedInput` with the line for one that cannot be an id, and errors of reading.
    package static func keys(_ path: String, areNumbers: Bool) throws(GranaryError) -> [DocumentKey] {
        let names: [String]
        if path == standardInput {
            names = try TextFile.names(path, fileSystem: try copyOfStandardInput())
        } else {
            names = try TextFile.names(path)
        }
        guard areNumbers else { return names.map { .string($0) } }
        var keys: [DocumentKey] = []
        for (position, name) in names.enumerated() {
            guard let number = number(name) else {
                throw GranaryError(
                    .malformedInput, "expected a number below 2^64 for an id, found \"\(name.prefix(80))\"",
                    path: path, line: UInt64(position) + 1)
            }
            keys.append(.number(number))
        }
        return keys
    }

    /// The number that a line says; nil for one that says none, or says it in another way than an export
    /// does.
    package static func number(_ line: String) -> UInt64? {
        UInt64(line).flatMap { "\($0)".utf8.elementsEqual(line.utf8) ? $0 : nil }
    }

    /// A pipe cannot be read twice or by position: its bytes, as a file in memory. It may have no end: what
    /// stands behind a line that is longer than any that is taken is not read.
    private static func copyOfStandardInput() throws(GranaryError) -> MemoryFileSystem {
        var bytes = Data()
        do {
            var unfinished = 0
            while unfinished <= longestLine,
                let chunk = try FileHandle.standardInput.read(upToCount: 1 << 16), !chunk.isEmpty
            {
                bytes += chunk
                let feed = chunk.lastIndex(of: UInt8(ascii: "\n"))
                unfinished = feed.map { chunk.endIndex - $0 - 1 } ?? unfinished + chunk.count
            }
        } catch {
            throw GranaryError(.io, "reading: \(error.localizedDescription)", path: "standard input")
        }
        let memory = MemoryFileSystem()
        let file = try memory.create(standardInput)
        let copy = Array(bytes)
        // SAFETY: the bytes of an array that is alive until the call returns.
        try unsafe file.write(copy.span.bytes, at: 0)
        file.close()
        return memory
    }
}
