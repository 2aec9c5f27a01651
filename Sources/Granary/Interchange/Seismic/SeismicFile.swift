import GranaryStorage

/// The vectors of a file in Seismic's binary layout, in order.
///
/// Little-endian: uint32 vectors; each: uint32 non-zeros, uint32 components [non-zeros], float32 weights
/// [non-zeros]. Components may come in any order. There is no table of rows: only a scan finds them. Source:
/// the input files of Seismic (TusKANNy).
///
/// Memory: a vector and a chunk of 1 MiB. Not for several threads at once.
public final class SeismicFile {
    /// Vectors.
    public let rowCount: Int
    /// Vectors that `next` gave.
    public private(set) var rowsRead = 0
    /// The file.
    public var path: String { stream.path }

    private var stream: ByteStream
    /// What ended the reading: the file is then somewhere in a vector or behind it.
    private var failure: GranaryError?
    private let duplicates: SparseVector.Duplicates

    /// Opens a file.
    ///
    /// - Throws: `truncated` for a file without a count, `malformedInput` for a count that the file has no
    ///   room for, errors of opening.
    public init(
        _ path: String, duplicates: SparseVector.Duplicates = .reject,
        fileSystem: any FileSystem = PosixFileSystem()
    ) throws(GranaryError) {
        self.duplicates = duplicates
        var stream = try ByteStream.open(path, fileSystem: fileSystem)
        let count = try Self.words(1, &stream)[0]
        guard 4 * UInt64(count) <= stream.remaining else {
            throw GranaryError(
                .malformedInput,
                "expected at least 4 bytes for each of \(count) vectors, found \(stream.remaining)",
                path: path)
        }
        rowCount = Int(count)
        self.stream = stream
    }

    /// The next vector; nil after the last.
    ///
    /// - Throws: `truncated` for a file that ends early, `malformedInput` for one that goes on after the last
    ///   vector, `tooLarge` for one of over 2^20 non-zeros, `invalidWeight`, `duplicateComponent`; each with
    ///   the vector, counted from 1; errors of reading. The first error is thrown by every further call.
    public func next() throws(GranaryError) -> SparseVector? {
        if let failure { throw failure }
        guard rowsRead < rowCount else {
            guard stream.remaining == 0 else {
                throw GranaryError(
                    .malformedInput,
                    "expected the end after \(rowCount) vectors, found \(stream.remaining) bytes",
                    path: path, byteOffset: stream.offset)
            }
            return nil
        }
        do throws(GranaryError) {
            let vector = try row()
            rowsRead += 1
            return vector
        } catch {
            var placed = error
            (placed.path, placed.line) = (path, UInt64(rowsRead) + 1)
            failure = placed
            throw placed
        }
    }

    private func row() throws(GranaryError) -> SparseVector {
        let count = Int(try Self.words(1, &stream)[0])
        guard count <= SparseVector.mostEntriesRead else {
            throw GranaryError(
                .tooLarge,
                "expected a vector of up to \(SparseVector.mostEntriesRead) non-zeros, found \(count)",
                byteOffset: stream.offset)
        }
        let components = try Self.words(count, &stream)
        let weights = try Self.words(count, &stream).map { Float(bitPattern: $0) }
        return try SparseVector(components: components, weights: weights, duplicates: duplicates)
    }

    private static func words(_ count: Int, _ stream: inout ByteStream) throws(GranaryError) -> [UInt32] {
        let bytes = try stream.bytes(4 * count)
        var reader = ByteReader(bytes.rawBytes, path: stream.path)
        var words: [UInt32] = []
        words.reserveCapacity(count)
        for _ in 0..<count { words.append(try reader.next(UInt32.self)) }
        return words
    }
}
