/// One line of a file, without its line feed.
struct TextLine {
    /// A buffer that has the line.
    var buffer: [UInt8]
    /// Where the line lies in it.
    var range: Range<Int>
    /// The line, from 1.
    var number: UInt64
    /// Bytes from the beginning of the file to the line.
    var offset: UInt64
}

/// Cuts a file into lines, a chunk at a time: memory is bounded by the longest line that is allowed.
final class LineReader {
    /// The file.
    let path: String
    /// Its length when it was opened, in bytes.
    let length: UInt64
    /// The line that `next` gave last, from 1.
    private(set) var number: UInt64 = 0
    /// Bytes read from the file so far.
    private(set) var bytesRead: UInt64 = 0

    private static let chunkBytes = 1 << 20
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private let file: any ReadableFile
    private let maximumBytes: Int
    private var buffer: [UInt8] = []
    private var start = 0

    init(_ path: String, maximumBytes: Int, fileSystem: any FileSystem) throws(GranaryError) {
        self.path = path
        self.maximumBytes = maximumBytes
        file = try fileSystem.openForReading(path)
        length = try file.length()
        try refill()
        if buffer.starts(with: Self.byteOrderMark) { start = Self.byteOrderMark.count }
    }

    deinit { file.close() }

    /// The next line; nil at the end. A last line needs no line feed.
    ///
    /// - Throws: `tooLarge` with the line for one that is longer than allowed, and errors of reading.
    func next() throws(GranaryError) -> TextLine? {
        var searched = start
        while true {
            if let feed = Self.lineFeed(in: buffer, from: searched) {
                defer { start = feed + 1 }
                return try line(to: feed)
            }
            searched = buffer.count - start
            if searched > maximumBytes || bytesRead == length {
                if searched == 0 { return nil }
                defer { start = buffer.count }
                return try line(to: buffer.count)
            }
            try refill()
        }
    }

    private func line(to end: Int) throws(GranaryError) -> TextLine {
        number += 1
        let offset = bytesRead - UInt64(buffer.count - start)
        guard end - start <= maximumBytes else {
            throw GranaryError(
                .tooLarge, "expected a line of at most \(maximumBytes) bytes, found a longer one", path: path,
                byteOffset: offset, line: number)
        }
        return TextLine(buffer: buffer, range: start..<end, number: number, offset: offset)
    }

    /// Drops the lines that were given and appends a chunk. Lines given earlier keep their own buffer.
    private func refill() throws(GranaryError) {
        let count = Int(min(UInt64(Self.chunkBytes), length - bytesRead))
        let chunk = try file.read(at: bytesRead, count: count)
        bytesRead += UInt64(count)
        if start == buffer.count {
            buffer = chunk
        } else {
            var joined: [UInt8] = []
            joined.reserveCapacity(buffer.count - start + count)
            joined += buffer[start...]
            joined += chunk
            buffer = joined
        }
        start = 0
    }

    private static func lineFeed(in buffer: [UInt8], from start: Int) -> Int? {
        var position = start
        let end = buffer.count
        while position < end {
            if buffer[position] == UInt8(ascii: "\n") { return position }
            position += 1
        }
        return nil
    }
}

/// The lines of a text file as strings: ids, vocabularies, judgements, runs.
///
/// Lines end with a line feed or with carriage return and line feed. Memory: one line and a chunk of 1 MiB.
public final class TextFile {
    /// The file.
    public var path: String { lines.path }
    /// The line that `next` gave last, from 1.
    public var line: UInt64 { lines.number }

    private let lines: LineReader

    /// Opens a file.
    ///
    /// - Parameter maximumLineBytes: a longer line is an error.
    /// - Throws: `notFound`, `wrongFile` for anything but a regular file, and other errors of opening.
    public init(
        _ path: String, maximumLineBytes: Int = 1 << 16, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GranaryError) {
        lines = try LineReader(path, maximumBytes: maximumLineBytes, fileSystem: fileSystem)
    }

    /// The next line; nil at the end.
    ///
    /// - Throws: `malformedInput` for a line that is not UTF-8, `tooLarge` for one that is too long.
    public func next() throws(GranaryError) -> String? {
        guard let line = try lines.next() else { return nil }
        var bytes = line.buffer[line.range]
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw GranaryError(.malformedInput, "expected UTF-8", path: path, line: line.number)
        }
        return text
    }

    /// All lines, each of 1 to 255 bytes: the ids of rows, or a vocabulary.
    ///
    /// - Throws: `malformedInput` naming the line that is empty or too long.
    public static func names(
        _ path: String, fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GranaryError) -> [String] {
        let file = try TextFile(path, fileSystem: fileSystem)
        var names: [String] = []
        while let name = try file.next() {
            guard (1...255).contains(name.utf8.count) else {
                throw GranaryError(
                    .malformedInput, "expected a name of 1 to 255 bytes, found \(name.utf8.count)",
                    path: path,
                    line: file.line)
            }
            names.append(name)
        }
        return names
    }
}
