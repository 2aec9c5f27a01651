import GranaryStorage

/// The rows of a segment under construction in their stored form, in order of insertion, mapped from
/// temporary files.
struct EncodedRows: Sendable {
    let type: WeightType
    let components: UInt32
    let isWide: Bool
    /// By local component (uint8 only): the weight of code 1.
    let steps: [Float]
    /// By row: the local component of its largest weight; `UInt32.max` for an empty row.
    let strongest: [UInt32]
    /// What was counted while the rows were made.
    let statistics: BuildKernels.RowStatistics
    private var rows: MappedBytes
    private let starts: [UInt32]
    private var fine: MappedBytes
    private let fineStarts: [UInt32]
    // Held so that the files live as long as their mappings are used.
    private var files: Files?

    private final class Files: Sendable {
        let rows: TemporaryFile
        let fine: TemporaryFile

        init(rows: consuming TemporaryFile, fine: consuming TemporaryFile) {
            self.rows = rows
            self.fine = fine
        }
    }

    /// Gives the room of the rows free, here and on disk; what was counted stays.
    mutating func letGo() {
        let empty = MappedBytes(copying: [])
        (rows, fine, files) = (empty, empty, nil)
    }

    /// Documents of the segment.
    var count: Int { starts.count - 1 }
    /// Bytes of all rows.
    var rowBytes: Int { Int(starts[count]) * 8 }

    /// The rows, as the kernels take them.
    var view: RowsView {
        @_lifetime(borrow self) get {
            RowsView(
                bytes: rows.bytes.extracting(0..<rowBytes), starts: starts.span, components: components,
                isWide: isWide,
                isLinear: type == .uint8)
        }
    }

    /// The rest of the rows' weights.
    var fineView: FineView {
        @_lifetime(borrow self) get {
            FineView(
                bytes: fine.bytes.extracting(0..<(Int(fineStarts[count]) * 8 * Int(type.fineWidth))),
                starts: fineStarts.span, width: type.fineWidth)
        }
    }

    /// The bytes of one row.
    func rowRange(_ row: Int) -> Range<Int> { Int(starts[row]) * 8..<Int(starts[row + 1]) * 8 }
    /// The bytes of the rest of one row's weights.
    func fineRange(_ row: Int) -> Range<Int> {
        let width = 8 * Int(type.fineWidth)
        return Int(fineStarts[row]) * width..<Int(fineStarts[row + 1]) * width
    }
    /// Groups of eight entries of one row.
    func groups(_ row: Int) -> UInt32 { fineStarts[row + 1] - fineStarts[row] }

    /// Calls its parameter with each row: its number, provisional components and weights.
    typealias Source = (
        _ body: (_ row: Int, _ ids: Span<UInt32>, _ weights: Span<Float>) throws(GranaryError) -> Void
    ) throws(GranaryError) -> Void

    /// Encodes rows, without those that a later document replaced.
    init(
        of source: Source, rowCount total: Int, replaced: Set<UInt32>, type: WeightType, localOf: [UInt32],
        components: [UInt32],
        steps: [Float], fileSystem: any FileSystem, directory: String, progress: BuildProgress
    ) throws(GranaryError) {
        let kernels = try BuildKernels(components: UInt32(components.count))
        var rowsFile = TemporaryFile(fileSystem: fileSystem, directory: directory)
        var fineFile = TemporaryFile(fileSystem: fileSystem, directory: directory)
        var (starts, fineStarts): ([UInt32], [UInt32]) = ([0], [0])
        var statistics = BuildKernels.RowStatistics(components: components.count)
        var (row, fine): ([UInt8], [UInt8]) = ([], [])
        var (rowUnits, fineUnits) = (0, 0)
        var strongest: [UInt32] = []
        try source { (number, ids, weights) throws(GranaryError) in
            if number % 4096 == 0 { try progress.report(.numbering, UInt64(number), UInt64(total)) }
            if replaced.contains(UInt32(number)) { return }
            guard
                let encoded = kernels.makeRow(
                    type: type, local: localOf, steps: steps, ids: ids, weights: weights, row: &row,
                    fine: &fine,
                    statistics: &statistics)
            else {
                throw GranaryError(
                    .tooLarge, "expected a vector of fewer than 32768 components, found \(ids.count)")
            }
            try rowsFile.append(row[..<encoded.rowLength])
            try fineFile.append(fine[..<(encoded.entries * Int(type.fineWidth))])
            rowUnits += encoded.rowLength / 8
            fineUnits += encoded.entries / 8
            guard let start = UInt32(exactly: rowUnits), let fineStart = UInt32(exactly: fineUnits) else {
                throw GranaryError(.tooLarge, "expected a segment of less than 32 GiB of rows")
            }
            starts.append(start)
            fineStarts.append(fineStart)
            strongest.append(encoded.strongest)
        }
        rows = try rowsFile.map()
        self.fine = try fineFile.map()
        files = Files(rows: rowsFile, fine: fineFile)
        self.starts = starts
        self.fineStarts = fineStarts
        self.strongest = strongest
        self.type = type
        self.steps = steps
        self.statistics = statistics
        self.components = UInt32(components.count)
        isWide = components.count > 65_536
    }
}
