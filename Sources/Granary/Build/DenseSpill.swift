import GranaryStorage

/// The dense rows of a segment under construction, in order of insertion: on disk, so that memory does not
/// grow with them.
struct DenseSpill: ~Copyable, Sendable {
    private var file: TemporaryFile
    private let stride: Int
    /// By row of the builder: its number among those that have a vector.
    private var numbers: [UInt32] = []
    private var count = 0
    /// Everything, once it has been mapped.
    private var mapped: MappedBytes?

    init(fileSystem: any FileSystem, directory: String, schema: DenseSchema) {
        file = TemporaryFile(fileSystem: fileSystem, directory: directory)
        stride = DenseLayout(schema).stride
    }

    /// Rows so far, those without a vector included.
    var rowCount: Int { numbers.count }

    /// Memory that it takes, in bytes.
    var memoryBytes: Int { 4 * numbers.count }

    /// Makes room for a row, as `TemporaryFile.makeRoom` does.
    mutating func makeRoom() throws(GranaryError) { try file.makeRoom() }

    /// Adds the next document's row, of `stride` bytes; nil for a document without one. The caller has made
    /// room.
    mutating func append(_ row: [UInt8]?) {
        guard let row else {
            numbers.append(.max)
            return
        }
        file.append(made: row)
        numbers.append(UInt32(count))
        count += 1
    }

    /// All rows. Nothing may be added afterwards.
    mutating func rows() throws(GranaryError) -> SpilledDenseRows {
        let bytes: MappedBytes
        if let mapped { bytes = mapped } else { bytes = try file.map() }
        mapped = bytes
        return SpilledDenseRows(bytes: bytes, numbers: numbers, stride: stride)
    }
}

/// What a `DenseSpill` has.
struct SpilledDenseRows: DenseRows {
    fileprivate let bytes: MappedBytes
    fileprivate let numbers: [UInt32]
    fileprivate let stride: Int

    var shared: [DenseFile] { [] }
    /// Bytes of all rows.
    var lengthBytes: Int { bytes.count }

    func origin(_ row: Int) -> DenseOrigin { numbers[row] == .max ? .none : .own }

    func withBytes(
        _ row: Int, _ body: (RawSpan) throws(GranaryError) -> Void
    ) throws(GranaryError) {
        let start = Int(numbers[row]) * stride
        guard start + stride <= bytes.count else {
            throw GranaryError(.truncated, "a temporary file of dense vectors ended early")
        }
        try body(bytes.bytes.extracting(start..<start + stride))
    }
}
