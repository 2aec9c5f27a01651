import CGranary
import Foundation
@testable import GranaryStorage
import TestSupport

/// A file of the real file system with known bytes, and a mapping of it.
final class ReadFixture {
    private let directory: TemporaryDirectory
    let path: String
    let content: [UInt8]
    let file: any ReadableFile
    let mapping: MappedBytes

    /// - Parameter lengthBytes: need not be a multiple of the page.
    init(lengthBytes: Int, seed: UInt64 = 1) throws {
        directory = try TemporaryDirectory()
        path = "\(directory.path)/rows"
        var random = TestRandom(seed: seed)
        var words = [UInt64](repeating: 0, count: (lengthBytes + 7) / 8)
        for position in words.indices { words[position] = random.next() }
        let bytes = unsafe Array(words.withUnsafeBytes { unsafe Array($0) }.prefix(lengthBytes))
        content = bytes
        let writable = try PosixFileSystem().create(path)
        try writable.write(bytes.rawBytes, at: 0)
        // Only clean pages leave the cache.
        try writable.sync()
        writable.close()
        file = try PosixFileSystem().openForReading(path)
        mapping = try file.map()
    }

    func reader(_ method: ReadMethod?, residentBytes: Int? = nil, depth: Int = 128) throws -> BatchReader {
        var options = ReadOptions()
        options.method = method
        options.residentBytes = residentBytes
        options.depth = depth
        return try BatchReader(file, mapping: mapping, options: options)
    }

    /// Takes the file from the page cache.
    func makeCold() throws {
        let mapping = mapping
        let bytes = mapping.bytes
        let number = unsafe bytes.withUnsafeBytes { bytes in
            unsafe bytes.baseAddress.map { unsafe granary_unmap_pages($0, bytes.count) } ?? 0
        }
        guard number == 0 else { throw GranaryError(.io, "madvise", systemError: number) }
        let descriptor = unsafe open(path, O_RDONLY)
        defer { close(descriptor) }
        _ = granary_drop_cached(descriptor, 0, UInt64(content.count))
    }

    /// Ascending ranges, some of which touch, overlap, repeat or are empty.
    func ranges(_ count: Int, mostBytes: Int, _ random: inout TestRandom) -> [Range<Int>] {
        (0..<count).map { _ in
            let length = random.int(0...min(mostBytes, content.count))
            let start = random.int(0...(content.count - length))
            return start..<start + length
        }.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// Bytes of the mapping in this process, by `/proc/self/smaps`.
    func residentSetBytes() throws -> Int {
        // A read of this file may end early, which is not its end.
        let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/smaps"))
        var data = Data()
        while let more = try handle.read(upToCount: 1 << 16), !more.isEmpty { data += more }
        let text = String(decoding: data, as: UTF8.self)
        var isHere = false
        var bytes = 0
        for line in text.split(separator: "\n") {
            if line.hasSuffix(path) { isHere = true }
            if isHere, line.hasPrefix("Rss:") {
                bytes += (Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0) * 1024
                isHere = false
            }
        }
        return bytes
    }
}

/// The bytes of a span.
func copy(_ span: RawSpan) -> [UInt8] { unsafe span.withUnsafeBytes { unsafe Array($0) } }

extension BatchReader {
    /// Calls `body` once all pages of ranges are in memory.
    func whenResident<Result>(
        _ ranges: [Range<Int>], isCancelled: () -> Bool = { false }, _ body: (RawSpan) -> Result
    ) throws(GranaryError) -> Result {
        var result: Result?
        try withResident(ranges, isCancelled: isCancelled) { (bytes, piece) in
            if piece.upperBound == ranges.count { result = body(bytes) }
        }
        guard let result else { throw GranaryError(.corrupt, "no piece was the last") }
        return result
    }
}
