import Granary
import Testing

/// Matrices and truths, right and wrong.
@Suite struct CSRTests {
    private static let matrix = Matrix(columns: 10, [[(9, 0.5), (0, 1)], [], [(3, 2)]])

    private func open(_ bytes: [UInt8]) throws(GranaryError) -> CSRFile {
        do {
            return try CSRFile.open("in.csr", fileSystem: try MemoryFileSystem.with("in.csr", bytes))
        } catch let error as GranaryError {
            throw error
        } catch {
            throw GranaryError(.io, "\(error)")
        }
    }

    @Test("Rows are read, sorted, with empty ones")
    func readsRows() throws {
        let file = try open(Self.matrix.bytes)
        #expect(file.rowCount == 3)
        #expect(file.columnCount == 10)
        #expect(file.entryCount == 3)
        #expect(try file.row(0).entries == .components([0, 9], [1, 0.5]))
        #expect(try file.row(1).count == 0)
        #expect(try file.row(2).entries == .components([3], [2]))
        #expect(granaryError { () throws(GranaryError) in _ = try file.row(3) }?.code == .invalidArgument)
        #expect(granaryError { () throws(GranaryError) in _ = try file.row(-1) }?.code == .invalidArgument)
    }

    @Test("A matrix without rows is one")
    func readsNothing() throws {
        #expect(try open(Matrix(columns: 0, []).bytes).rowCount == 0)
    }

    @Test("Every length but the right one is refused")
    func refusesWrongLengths() throws {
        let bytes = Self.matrix.bytes
        for length in 0..<bytes.count {
            let code = granaryError { () throws(GranaryError) in _ = try open(Array(bytes.prefix(length))) }?
                .code
            #expect(code == .malformedInput || code == .truncated, "\(length) bytes")
        }
        #expect(
            granaryError { () throws(GranaryError) in _ = try open(bytes + [0]) }?.code == .malformedInput)
    }

    @Test(
        "Counts that are wrong, negative or overflow are refused",
        arguments: [Int64.min, -1, 0, 1, 2, 4, 1 << 31, 1 << 32, 1 << 60, 1 << 61, Int64.max - 1, .max])
    func refusesWrongCounts(_ count: Int64) throws {
        var (rows, entries) = (Self.matrix, Self.matrix)
        rows.rows = count
        entries.entries = count
        for matrix in [rows, entries] {
            #expect(
                granaryError { () throws(GranaryError) in _ = try open(matrix.bytes) }?.code
                    == .malformedInput)
        }
        var columns = Self.matrix
        columns.columns = count
        if count < 0 || count > 1 << 32 {
            #expect(
                granaryError { () throws(GranaryError) in _ = try open(columns.bytes) }?.code
                    == .malformedInput)
        }
    }

    /// A matrix with one thing wrong in row 1 (counted from 1).
    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var code: GranaryError.Code
        var spoil: @Sendable (inout Matrix) -> Void
    }

    static let faults: [Fault] = [
        Fault(testDescription: "first offset", code: .malformedInput) { $0.offsets[0] = 1 },
        Fault(testDescription: "descending offsets", code: .malformedInput) { $0.offsets[0] = 3 },
        Fault(testDescription: "negative offset", code: .malformedInput) { $0.offsets[1] = -1 },
        Fault(testDescription: "offset beyond the end", code: .malformedInput) { $0.offsets[1] = 4 },
        Fault(testDescription: "huge offset", code: .malformedInput) { $0.offsets[1] = .max },
        Fault(testDescription: "negative component", code: .malformedInput) { $0.components[0] = -1 },
        Fault(testDescription: "component of no column", code: .malformedInput) { $0.components[0] = 10 },
        Fault(testDescription: "duplicate component", code: .duplicateComponent) { $0.components[0] = 0 },
        Fault(testDescription: "negative weight", code: .invalidWeight) { $0.weights[0] = -1 },
        Fault(testDescription: "no number", code: .invalidWeight) { $0.weights[0] = .nan },
        Fault(testDescription: "infinity", code: .invalidWeight) { $0.weights[0] = .infinity },
    ]

    @Test("What is wrong in a row is named with the row", arguments: faults)
    func refusesRows(_ fault: Fault) throws {
        var matrix = Self.matrix
        fault.spoil(&matrix)
        let file = try open(matrix.bytes)
        let error = granaryError { () throws(GranaryError) in _ = try file.row(0) }
        #expect(error?.code == fault.code)
        #expect(error?.line == 1)
        #expect(error?.path == "in.csr")
    }

    @Test("The last offset is the number of entries")
    func refusesLostEntries() throws {
        var matrix = Self.matrix
        matrix.offsets[3] = 2
        let file = try open(matrix.bytes)
        #expect(granaryError { () throws(GranaryError) in _ = try file.row(2) }?.line == 3)
    }

    @Test("A row of more non-zeros than any document has is refused before it is read")
    func refusesHugeRows() throws {
        let count = (1 << 20) + 1
        let bytes =
            [1, 10, UInt64(count), 0, UInt64(count)].flatMap { Matrix.little($0) }
            + [UInt8](repeating: 0, count: 8 * count)
        let error = granaryError { () throws(GranaryError) in _ = try open(bytes).row(0) }
        #expect(error?.code == .tooLarge)
        #expect(error?.line == 1)
    }

    @Test("Duplicates are settled as asked")
    func settlesDuplicates() throws {
        let file = try open(Matrix(columns: 4, [[(3, 1), (3, 2)]]).bytes)
        #expect(try file.row(0, duplicates: .max).entries == .components([3], [2]))
        #expect(try file.row(0, duplicates: .sum).entries == .components([3], [3]))
    }

    @Test("A truth gives rows and scores, and refuses every other length")
    func readsTruth() throws {
        let bytes =
            [UInt32(2), 2].flatMap { Matrix.little($0) } + [Int32(5), 6, 7, -1].flatMap { Matrix.little($0) }
            + [Float(4), 3, 2, 0].flatMap { Matrix.little($0.bitPattern) }
        let truth = try GroundTruth.open("in.gt", fileSystem: try MemoryFileSystem.with("in.gt", bytes))
        #expect(truth.queryCount == 2)
        #expect(truth.k == 2)
        #expect(Array(truth.ids(1)) == [7, -1])
        #expect(Array(truth.scores(0)) == [4, 3])
        #expect(truth.ids(2).isEmpty)
        for length in (0..<bytes.count) {
            let fileSystem = try MemoryFileSystem.with("in.gt", bytes.prefix(length))
            let code = granaryError { () throws(GranaryError) in
                _ = try GroundTruth.open("in.gt", fileSystem: fileSystem)
            }?.code
            #expect(code == .malformedInput || code == .truncated, "\(length) bytes")
        }
        // It is read, not mapped: a mapped file that somebody shortens meanwhile ends the process.
        let unmapped = FaultyFileSystem(try MemoryFileSystem.with("in.gt", bytes)) { call in
            call.kind == .map ? .fail(5) : nil
        }
        #expect(try GroundTruth.open("in.gt", fileSystem: unmapped).queryCount == 2)
        let huge = [UInt32.max, .max].flatMap { Matrix.little($0) }
        let fileSystem = try MemoryFileSystem.with("in.gt", huge)
        let error = granaryError { () throws(GranaryError) in
            _ = try GroundTruth.open("in.gt", fileSystem: fileSystem)
        }
        #expect(error?.code == .malformedInput)
    }
}
