import Granary
import Testing

/// Files of dense vectors, right and wrong.
@Suite struct VectorFileTests {
    private static let rows: [[Float]] = [[1, -2.5], [0.1, 3e-5], [65504, -0.0]]

    private static func open(
        _ bytes: [UInt8], _ name: String, format: VectorFormat? = nil
    ) throws -> VectorFile {
        try VectorFile.open(name, format: format, fileSystem: try MemoryFileSystem.with(name, bytes))
    }

    /// The error of opening a file and reading all of it.
    private static func failure(_ bytes: [UInt8], _ name: String) throws -> GranaryError {
        let fileSystem = try MemoryFileSystem.with(name, bytes)
        return try #require(
            granaryError { () throws(GranaryError) in
                var rows = try VectorFile.open(name, fileSystem: fileSystem).rows()
                while try rows.next() != nil {}
            }, "\(name) of \(bytes.count) bytes")
    }

    private static func all(_ file: VectorFile) throws -> [[Float]] {
        var (rows, all) = (file.rows(), [[Float]]())
        while let row = try rows.next() { all.append(row) }
        return all
    }

    private static func counts(_ rows: UInt32, _ dimensions: UInt32) -> [UInt8] {
        Matrix.little(rows) + Matrix.little(dimensions)
    }

    private static func singles(_ values: [Float]) -> [UInt8] {
        values.flatMap { Matrix.little($0.bitPattern) }
    }

    private static func counted(_ rows: [[Float]]) -> [UInt8] {
        rows.flatMap { Matrix.little(Int32($0.count)) + singles($0) }
    }

    /// A file of NumPy with the header padded as NumPy pads it.
    private static func array(_ header: String, _ values: [UInt8], version: UInt8 = 1) -> [UInt8] {
        let before = version == 1 ? 10 : 12
        let text = header + String(repeating: " ", count: 127 - before - header.utf8.count) + "\n"
        let length =
            version == 1 ? Matrix.little(UInt16(text.utf8.count)) : Matrix.little(UInt32(text.utf8.count))
        return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + Array(text.utf8) + values
    }

    private static func bytes(hex: String) -> [UInt8] {
        let digits = hex.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    // MARK: What is right

    @Test("Rows are the same in every layout of float32")
    func readsSingles() throws {
        let flat = Self.singles(Self.rows.flatMap { $0 })
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }"
        for file in [
            try Self.open(Self.counts(3, 2) + flat, "in.fbin"),
            try Self.open(Self.counted(Self.rows), "in.fvecs"),
            try Self.open(Self.array(header, flat), "in.npy"),
            try Self.open(Self.array(header, flat, version: 2), "in.npy"),
            try Self.open(Self.array(header, flat, version: 3), "in.NPY"),
            try Self.open(Self.counted(Self.rows), "in.bin", format: .fvecs),
        ] {
            #expect(file.rowCount == 3)
            #expect(file.dimensions == 2)
            let read = try Self.all(file)
            #expect(read == Self.rows, "\(file.format)")
            // Equality does not tell the zeros apart.
            #expect(read[2][1].sign == .minus)
            var last = file.rows(2..<9)
            #expect(try last.next() == Self.rows[2])
            #expect(try last.next() == nil)
        }
    }

    @Test("Arrays as NumPy 2.4 writes them are read")
    func readsNumPy() throws {
        let single = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }"
        let values = Self.bytes(hex: "0000803f000020c0cdcccc3d82a8fb3700e07f4700000080")
        #expect(try Self.all(Self.open(Self.array(single, values), "a.npy")) == Self.rows)
        let half = "{'descr': '<f2', 'fortran_order': False, 'shape': (1, 3), }"
        #expect(
            try Self.all(Self.open(Self.array(half, Self.bytes(hex: "003c00c10100")), "a.npy"))
                == [[1, -2.5, 0x1p-24]])
        let double = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }"
        #expect(
            try Self.all(
                Self.open(Self.array(double, Self.bytes(hex: "9a9999999999b93ffca9f1d24d62503f")), "a.npy"))
                == [[0.1, 0.001]])
    }

    @Test("A header of NumPy may be spelled in other ways")
    func readsOtherHeaders() throws {
        for header in [
            #"{"shape":(1,2),"fortran_order":False,"descr":"<f4"}"#,
            "{ 'shape' : ( 1L , 2L, ) , 'descr' : '<f4', 'fortran_order' : False }",
        ] {
            #expect(try Self.all(Self.open(Self.array(header, Self.singles([4, 5])), "a.npy")) == [[4, 5]])
        }
    }

    @Test("Every float16 is read as what it is, and written back")
    func readsEveryHalf() throws {
        let finite = (UInt16.min...UInt16.max).filter { $0 & 0x7C00 != 0x7C00 }
        let bytes = Self.counts(UInt32(finite.count), 1) + finite.flatMap { Matrix.little($0) }
        let file = try Self.open(bytes, "in.f16bin")
        let encoder = try VectorFileEncoder(.f16bin, rowCount: finite.count, dimensions: 1)
        var (rows, written, wrong) = (file.rows(), encoder.header, [UInt16]())
        for half in finite {
            let row = try #require(try rows.next())
            // The definition: sign, 5 bits of exponent with a bias of 15, 10 bits of fraction.
            let (exponent, fraction) = (Int(half >> 10 & 31), Float(half & 0x3FF) / 1024)
            let power = Float(sign: .plus, exponent: max(1, exponent) - 15, significand: 1)
            let magnitude = power * (exponent == 0 ? fraction : 1 + fraction)
            if row != [half < 0x8000 ? magnitude : -magnitude] { wrong.append(half) }
            written += try encoder.row(row)
        }
        #expect(wrong.isEmpty)
        #expect(written == bytes)
    }

    @Test("Files without rows are files")
    func readsNothing() throws {
        #expect(try Self.open(Self.counts(0, 7), "in.fbin").dimensions == 7)
        #expect(try Self.all(Self.open(Self.counts(0, 0), "in.f16bin")).isEmpty)
        #expect(try Self.all(Self.open([], "in.fvecs")).isEmpty)
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }"
        #expect(try Self.all(Self.open(Self.array(header, []), "in.npy")).isEmpty)
    }

    @Test("More than one chunk is read in order", arguments: VectorFormat.allCases)
    func readsChunks(_ format: VectorFormat) throws {
        // Over a MiB in each layout, and no whole number of chunks.
        let encoder = try VectorFileEncoder(format, rowCount: 70, dimensions: 8192)
        var bytes = encoder.header
        for row in 0..<70 { bytes += try encoder.row((0..<8192).map { Float((row * 31 + $0) % 2048) }) }
        var rows = try Self.open(bytes, "in.\(format)").rows()
        for row in 0..<70 {
            #expect(try rows.next() == (0..<8192).map { Float((row * 31 + $0) % 2048) })
        }
        #expect(try rows.next() == nil)
    }

    @Test("What is written is what NumPy writes")
    func writesArrays() throws {
        let encoder = try VectorFileEncoder(.npy, rowCount: 3, dimensions: 2)
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }"
        let expected = Self.array(header, Self.singles(Self.rows.flatMap { $0 }))
        #expect(try encoder.header + Self.rows.flatMap { try encoder.row($0) } == expected)
    }

    // MARK: What is wrong

    @Test("Every length but the right one is refused", arguments: VectorFormat.allCases)
    func refusesWrongLengths(_ format: VectorFormat) throws {
        let encoder = try VectorFileEncoder(format, rowCount: 3, dimensions: 2)
        var bytes = encoder.header
        for row in Self.rows { bytes += try encoder.row(row) }
        let rowBytes = (bytes.count - encoder.header.count) / 3
        for length in 0..<bytes.count where format != .fvecs || length % rowBytes != 0 {
            let error = try Self.failure(Array(bytes.prefix(length)), "in.\(format)")
            #expect(
                [.malformedInput, .truncated, .wrongFile].contains(error.code), "\(length) bytes: \(error)")
            #expect(error.path == "in.\(format)")
        }
        #expect(try Self.failure(bytes + [0], "in.\(format)").code == .malformedInput)
    }

    @Test(
        "Counts that are wrong or overflow are refused",
        arguments: [
            (UInt32(2), UInt32(2)), (4, 2), (3, 1), (3, 3), (3, 0), (0, 2), (.max, .max), (1 << 31, 1 << 31),
            (3, 8193), (0, 8193),
        ])
    func refusesWrongCounts(rows: UInt32, dimensions: UInt32) throws {
        let values = Self.singles(Self.rows.flatMap { $0 })
        let error = try Self.failure(Self.counts(rows, dimensions) + values, "in.fbin")
        #expect(error.code == .malformedInput)
    }

    @Test("A row of another length is named", arguments: [Int32(1), 3, 0, -1, .max, .min])
    func refusesRaggedRows(count: Int32) throws {
        var bytes = Self.counted(Self.rows)
        bytes.replaceSubrange(12..<16, with: Matrix.little(count))
        let error = try Self.failure(bytes, "in.fvecs")
        #expect(error.code == .malformedInput)
        #expect(error.line == 2)
        #expect(error.message.contains("row of 2 values") && error.message.contains("found \(count)"))
    }

    @Test("A first row of no possible length is refused", arguments: [Int32(0), -1, 8193, .max, .min])
    func refusesFirstRow(count: Int32) throws {
        let error = try Self.failure(Matrix.little(count) + [0, 0, 0, 0], "in.fvecs")
        #expect(error.code == .malformedInput)
        #expect(error.message.contains("found \(count)"))
    }

    @Test("What is no number is named with its row", arguments: [Float.nan, .infinity, -.infinity])
    func refusesNonNumbers(_ value: Float) throws {
        let rows = [[1, 2], [3, value], [5, 6]]
        let flat = rows.flatMap { $0 }
        let half: UInt16 = value.isNaN ? 0x7E00 : value > 0 ? 0x7C00 : 0xFC00
        let halves = [0x3C00, 0x3C00, 0x3C00, half, 0, 0].flatMap { Matrix.little($0) }
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }"
        let doubles = flat.flatMap { Matrix.little(Double($0).bitPattern) }
        for (name, bytes) in [
            ("in.fbin", Self.counts(3, 2) + Self.singles(flat)), ("in.f16bin", Self.counts(3, 2) + halves),
            ("in.fvecs", Self.counted(rows)), ("in.npy", Self.array(header, doubles)),
        ] {
            let error = try Self.failure(bytes, name)
            #expect(error.code == .malformedInput, "\(name)")
            #expect(error.line == 2, "\(name)")
            #expect(error.message.contains("found \(value) as value 2"), "\(error)")
        }
    }

    @Test("A float64 beyond a float32 is refused")
    func refusesLargeDoubles() throws {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }"
        let error = try Self.failure(Self.array(header, Matrix.little(1e39.bitPattern)), "in.npy")
        #expect(error.code == .malformedInput)
        #expect(error.line == 1)
    }

    static let headers: [(String, String)] = [
        ("{'descr': '>f4', 'fortran_order': False, 'shape': (1, 2), }", "'>f4'"),
        ("{'descr': '<i4', 'fortran_order': False, 'shape': (1, 2), }", "'<i4'"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (1, 2), }", "'|O'"),
        ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "a structured type"),
        ("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }", "Fortran order"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "1 dimensions"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "0 dimensions"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 2), }", "3 dimensions"),
    ]

    @Test("An array of another kind is refused with what is supported", arguments: headers)
    func refusesOtherArrays(header: String, found: String) throws {
        let error = try Self.failure(Self.array(header, Self.singles([1, 2])), "in.npy")
        #expect(error.code == .unsupported)
        #expect(error.message.contains("'<f2', '<f4' or '<f8'"), "\(error)")
        #expect(error.message.contains("found") && error.message.contains(found), "\(error)")
    }

    @Test(
        "A header of NumPy that is none is refused",
        arguments: [
            "", "{", "{}", "nonsense", "{'descr': '<f4', 'fortran_order': False}", "{'descr': '<f4",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (1, 2), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1 2), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 2), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }",
            "{'descr' '<f4', 'fortran_order': False, 'shape': (1, 2), }",
        ])
    func refusesHeaders(_ header: String) throws {
        let error = try Self.failure(Self.array(header, Self.singles([1, 2])), "in.npy")
        #expect(error.code == .malformedInput, "\(error)")
    }

    @Test("Another version of NumPy's format, another file and a huge header are refused")
    func refusesOtherFiles() throws {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }"
        let good = Self.array(header, Self.singles([1, 2]))
        var (other, newer, huge) = (good, good, Self.array(header, [], version: 2))
        other[0] = 0x92
        newer[6] = 4
        huge.replaceSubrange(8..<12, with: Matrix.little(UInt32.max))
        #expect(try Self.failure(other, "in.npy").code == .wrongFile)
        #expect(try Self.failure(newer, "in.npy").code == .unsupported)
        #expect(try Self.failure(huge, "in.npy").code == .malformedInput)
    }

    @Test("A format is told by the extension or given")
    func tellsFormats() throws {
        #expect(VectorFormat(path: "a.b/c.d.F16BIN") == .f16bin)
        #expect(VectorFormat(path: "c.fvecs") == .fvecs)
        #expect(VectorFormat(path: "a.npy/c") == nil)
        #expect(VectorFormat(path: "npy") == nil)
        let error = try Self.failure(Self.counts(0, 1), "in.bin")
        #expect(error.code == .invalidArgument)
        #expect(error.message.contains(".fbin, .f16bin, .fvecs, .npy"))
    }

    @Test("What a layout cannot say is not written")
    func refusesToWrite() throws {
        let half = try VectorFileEncoder(.f16bin, rowCount: 1, dimensions: 1)
        #expect(try half.row([65519]) == [0xFF, 0x7B])
        for value in [65520, -65520, Float.infinity, .nan] {
            #expect(
                granaryError { () throws(GranaryError) in _ = try half.row([value]) }?.code == .unsupported)
        }
        #expect(
            granaryError { () throws(GranaryError) in _ = try half.row([1, 2]) }?.code == .invalidArgument)
        for format in [VectorFormat.fbin, .f16bin] {
            let error = granaryError { () throws(GranaryError) in
                _ = try VectorFileEncoder(format, rowCount: 1 << 32, dimensions: 1)
            }
            #expect(error?.code == .unsupported)
        }
    }
}
