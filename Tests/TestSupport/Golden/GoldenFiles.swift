import Granary
public import GranaryStorage

/// The files of golden indexes in the repository. Those of one that is packed are zstd frames, each named as
/// the file that it holds and `.zst`; manifests are as they are, and say how long the others are.
public enum GoldenFiles {
    /// Where they are in the clone that this is compiled from.
    public static let root = clone + "/Formats/golden"
    private static let clone = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        .dropLast(4).joined(separator: "/")
    private static let packedSuffix = ".zst"

    /// The directory of an index.
    public static func directory(_ golden: GoldenIndex, in root: String = root) -> String {
        "\(root)/\(golden.rawValue)"
    }

    /// The files of an index as the engine takes them.
    public static func load(
        _ golden: GoldenIndex, from root: String = root
    ) throws(GranaryError) -> [String: [UInt8]] {
        let path = directory(golden, in: root)
        var files: [String: [UInt8]] = [:]
        for name in try PosixFileSystem().list(path) { files[name] = try read("\(path)/\(name)") }
        guard golden.isPacked else { return files }
        var lengths: [String: UInt64] = [:]
        for (name, bytes) in files where Manifest.generation(ofFileName: name) != nil {
            for file in try Manifest.decode(bytes, path: "\(path)/\(name)").files {
                lengths[file.name] = file.length
            }
        }
        for (name, bytes) in files where name.hasSuffix(packedSuffix) {
            let plain = String(name.dropLast(packedSuffix.count))
            files[name] = nil
            files[plain] = try Compression.decompress(
                bytes.rawBytes, .zstd, count: Int(lengths[plain] ?? 0), path: "\(path)/\(name)")
        }
        return files
    }

    /// Writes the files of an index in the place of those that are there, packed where it is to be.
    ///
    /// - Returns: whether anything was another before. What holds the same bytes is left alone, so that
    ///   another version of zstd changes nothing.
    public static func store(
        _ files: [String: [UInt8]], of golden: GoldenIndex, in root: String
    ) throws(GranaryError) -> Bool {
        let path = directory(golden, in: root)
        if let old = try? load(golden, from: root), old == files { return false }
        try make(path)
        for name in try PosixFileSystem().list(path) { try PosixFileSystem().unlink("\(path)/\(name)") }
        for (name, bytes) in files {
            if golden.isPacked, Manifest.generation(ofFileName: name) == nil {
                try write(try Compression.compress(bytes, .zstd), to: "\(path)/\(name)\(packedSuffix)")
            } else {
                try write(bytes, to: "\(path)/\(name)")
            }
        }
        return true
    }

    /// Writes the files of an index as the engine takes them into a new directory.
    public static func unpack(_ golden: GoldenIndex, into root: String) throws(GranaryError) {
        let path = directory(golden, in: root)
        try make(path)
        for (name, bytes) in try load(golden) { try write(bytes, to: "\(path)/\(name)") }
    }

    private static func make(_ path: String) throws(GranaryError) {
        if try PosixFileSystem().status(path) == nil { try PosixFileSystem().createDirectory(path) }
    }

    private static func read(_ path: String) throws(GranaryError) -> [UInt8] {
        let file = try PosixFileSystem().openForReading(path)
        defer { file.close() }
        return try file.read(at: 0, count: Int(try file.length()))
    }

    private static func write(_ bytes: [UInt8], to path: String) throws(GranaryError) {
        let file = try PosixFileSystem().create(path)
        defer { file.close() }
        try file.write(bytes.rawBytes, at: 0)
    }
}
