import Foundation
import Granary

/// Numbers that are random and the same each time. Source: SplitMix64 (Steele, Lea and Flood, 2014).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension MemoryFileSystem {
    /// A file system with one file in it.
    static func with(_ name: String, _ bytes: some Sequence<UInt8>) throws -> MemoryFileSystem {
        let fileSystem = MemoryFileSystem()
        try fileSystem.create(name).write(Array(bytes).rawBytes, at: 0)
        return fileSystem
    }
}

/// A matrix in the `.csr` layout, right or wrong.
struct Matrix {
    var rows: Int64
    var columns: Int64
    var entries: Int64
    var offsets: [Int64]
    var components: [Int32]
    var weights: [Float]

    /// The layout of rows.
    init(columns: Int64, _ vectors: [[(Int32, Float)]]) {
        rows = Int64(vectors.count)
        self.columns = columns
        components = vectors.flatMap { $0.map(\.0) }
        weights = vectors.flatMap { $0.map(\.1) }
        entries = Int64(components.count)
        offsets = [0]
        for vector in vectors { offsets.append(offsets[offsets.count - 1] + Int64(vector.count)) }
    }

    var bytes: [UInt8] {
        ([rows, columns, entries] + offsets).flatMap { Self.little(UInt64(bitPattern: $0)) }
            + components.flatMap { Self.little(UInt32(bitPattern: $0)) }
            + weights.flatMap { Self.little($0.bitPattern) }
    }

    static func little(_ value: some FixedWidthInteger) -> [UInt8] {
        (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}

/// The error of a closure; nil when it throws none.
func granaryError(_ body: () throws(GranaryError) -> Void) -> GranaryError? {
    do throws(GranaryError) {
        try body()
        return nil
    } catch {
        return error
    }
}

/// A directory of a test's own, removed with it.
final class Workspace {
    let path: String

    /// Makes one in a folder, that for temporary files if none is given.
    init(in folder: String? = nil) throws {
        let place = folder.map { URL(fileURLWithPath: $0) } ?? FileManager.default.temporaryDirectory
        path = place.appendingPathComponent("granary-test-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    /// Writes a file and gives its path.
    func write(_ name: String, _ text: String) throws -> String { try write(name, Data(text.utf8)) }

    func write(_ name: String, _ bytes: [UInt8]) throws -> String { try write(name, Data(bytes)) }

    private func write(_ name: String, _ data: Data) throws -> String {
        try data.write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    /// Makes a file longer, by a hole that takes no room on the disk.
    func extend(_ name: String, to length: UInt64) throws {
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: file(name)))
        try handle.truncate(atOffset: length)
        try handle.close()
    }

    func read(_ name: String) throws -> String { try String(contentsOfFile: file(name), encoding: .utf8) }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name)) }

    /// The names in a directory, sorted.
    func names(_ directory: String = "") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: file(directory)).sorted()
    }
}
