/// Documents or queries of a JSON-lines file, one object a line, read in order.
///
/// A line is `{"id": …, "vector": {"token": weight, …}}`, or has `"indices": […], "values": […]` in the
/// place of `"vector"`. `id` is a string of 1 to 255 bytes or a number of 0..<2^64; a line without one gets
/// its row number. `payload` is any JSON value, kept byte by byte; where there is none, an object of all
/// further members (`text`, `title`, …) is kept in its place. `dense` is an array of finite numbers, or null
/// for none. Lines of white space are skipped.
///
/// Memory: the longest line and a chunk of 1 MiB. Not for several threads at once.
public final class JSONLinesReader {
    /// How lines are read.
    public struct Options: Sendable {
        /// What to do with a component that appears twice in one vector.
        public var duplicates: SparseVector.Duplicates
        /// A longer line is an error: `tooLarge`. In bytes.
        public var maximumLineBytes: Int
        /// Whether the names in `vector` are components in decimal rather than tokens.
        public var hasDecimalTokens: Bool

        /// Makes options.
        public init(
            duplicates: SparseVector.Duplicates = .reject, maximumLineBytes: Int = 16 << 20,
            hasDecimalTokens: Bool = false
        ) {
            self.duplicates = duplicates
            self.maximumLineBytes = maximumLineBytes
            self.hasDecimalTokens = hasDecimalTokens
        }
    }

    /// The file.
    public var path: String { lines.path }
    /// The line that `next` gave last, from 1.
    public var line: UInt64 { lines.number }
    /// Bytes of the file.
    public var length: UInt64 { lines.length }
    /// Bytes read so far.
    public var bytesRead: UInt64 { lines.bytesRead }
    /// The row that comes next, from 0: the id of a line without one. Files read as one collection go on
    /// counting.
    public var nextRow: UInt64 = 0

    private let lines: LineReader
    private let options: Options

    /// Opens a file.
    ///
    /// - Throws: `notFound`, `wrongFile` for anything but a regular file, and other errors of opening.
    public init(
        _ path: String, options: Options = Options(), fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GranaryError) {
        self.options = options
        lines = try LineReader(path, maximumBytes: options.maximumLineBytes, fileSystem: fileSystem)
    }

    /// The next document; nil at the end.
    ///
    /// - Throws: with path and line: `malformedInput`, `invalidWeight`, `duplicateComponent`, `tooLarge`
    ///   for a line that is too long; and errors of reading.
    public func next() throws(GranaryError) -> Document? {
        while let line = try lines.next() {
            do throws(GranaryError) {
                var scanner = JSONScanner(line.buffer, line.range, offset: line.offset)
                if scanner.peek() == nil { continue }
                var fields = DocumentLine()
                try fields.read(&scanner)
                let document = try fields.document(row: nextRow, bytes: line.buffer, options: options)
                nextRow &+= 1
                return document
            } catch {
                var placed = error
                placed.path = path
                placed.line = line.number
                throw placed
            }
        }
        return nil
    }
}
