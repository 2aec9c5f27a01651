import FuzzSupport
import Granary

/// The readers of input files. What a JSON-lines reader takes must come back the same after it is written.
///
/// Input: u8 mode (1: a CSR matrix, else JSON lines; bits 1 and 2 the duplicates, bit 3 decimal tokens) | the
/// file.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    var input = Input(data, size)
    let mode = input.byte()
    let bytes = input.rest()
    let duplicates = SparseVector.Duplicates.allCases[Int(mode >> 1 & 3) % 3]
    do throws(GranaryError) {
        let system = try fileSystem(bytes)
        if mode & 1 == 1 {
            let matrix = try CSRFile.open("./input", fileSystem: system)
            for row in 0..<min(matrix.rowCount, 1000) { _ = try matrix.row(row, duplicates: duplicates) }
        } else {
            let options = JSONLinesReader.Options(
                duplicates: duplicates, maximumLineBytes: 1 << 16, hasDecimalTokens: mode & 8 != 0)
            let reader = try JSONLinesReader("./input", options: options, fileSystem: system)
            while let document = try reader.next() { try compare(document, options) }
        }
    } catch {
        if error.message.isEmpty { report("an error without a message") }
    }
    return 0
}

func fileSystem(_ bytes: [UInt8]) throws(GranaryError) -> MemoryFileSystem {
    let system = MemoryFileSystem()
    try system.add("./input", bytes)
    return system
}

func compare(_ document: Document, _ options: JSONLinesReader.Options) throws(GranaryError) {
    let line = document.jsonLine()
    if line.contains(0x0a) { report("a document is written on two lines") }
    var options = options
    options.maximumLineBytes = 1 << 24
    // Components are written in decimal.
    if case .components = document.sparse.entries { options.hasDecimalTokens = true }
    let again: Document?
    do throws(GranaryError) {
        again = try JSONLinesReader("./input", options: options, fileSystem: try fileSystem(line)).next()
    } catch { report("a written document cannot be read: \(error)") }
    if again?.id != document.id { report("an id changes when it is written and read") }
    if again?.sparse != document.sparse { report("a vector changes when it is written and read") }
}
