import Granary
import TestSupport
import Testing

/// An index whose files have been damaged: opening it or a full verification says so, and searching it
/// never traps.
@Suite struct DamageTests {
    /// Two segments, with blocks and with impact-ordered lists, tokens, payloads and deletes in them.
    private static func files(_ weights: WeightType = .float16) throws -> [String: [UInt8]] {
        try (weights == .float16 ? float16 : float32).get()
    }
    private static let float16 = Result { try build(.float16) }
    private static let float32 = Result { try build(.float32) }

    private static func build(_ weights: WeightType) throws -> [String: [UInt8]] {
        let collection = try Collection.random(documents: 80, components: 40, seed: 81)
        let test = try TestIndex(
            Schema(weights: weights, dense: DenseSchema(dimensions: 5, element: .float16)))
        try test.write(.small(exactBelow: 30, blocksFrom: 45, segmentDocuments: 50, calibrationQueries: 2)) {
            (writer) throws(GranaryError) in
            for (number, document) in collection.documents.enumerated() {
                let tokens = document.sparse.weightOfComponent.map { ("t\($0.key)", $0.value) }
                try writer.upsert(
                    Document(
                        id: document.id, sparse: try SparseVector(tokens: tokens),
                        dense: number % 4 > 0 ? [1, -2, 0, Float(number), 0.5] : nil,
                        payload: document.payload))
            }
        }
        try test.write { (writer) throws(GranaryError) in
            for document in collection.documents.prefix(9) { try writer.delete(id: document.id) }
        }
        var files = try test.files()
        files["LOCK"] = nil
        files["MANIFEST-0000000000000002"] = nil
        return files
    }

    /// Opens, verifies and uses an index; returns the code of the error of opening or verifying. Using it
    /// may give any answer or error, but not another kind of error, and no trap.
    private static func use(_ fileSystem: TestFileSystem) throws -> GranaryError.Code? {
        let opened = Result { () throws(GranaryError) in
            try Index.open(at: TestIndex.path, fileSystem: fileSystem).snapshot()
        }
        switch opened {
        case .failure(let error): return error.code
        case .success(let snapshot):
            try DamagedIndex.exercise(snapshot)
            return errorCode { try snapshot.verify(.full) }
        }
    }

    @Test func anUndamagedIndexPasses() throws {
        #expect(try Self.use(try TestFileSystem(files: Self.files(), in: TestIndex.path)) == nil)
    }

    @Test func everyTruncationIsFound() throws {
        let files = try Self.files()
        var cuts = 0
        for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
            let step = max(1, bytes.count / 30)
            let ends = Array(0..<min(bytes.count, 66))
            for length in Array(stride(from: 0, to: bytes.count, by: step)) + ends
                + ends.map({ bytes.count - 1 - $0 })
            where length >= 0 {
                var damaged = files
                damaged[name] = Array(bytes.prefix(length))
                let code = try Self.use(try TestFileSystem(files: damaged, in: TestIndex.path))
                #expect(code != nil, "\(name) cut to \(length) of \(bytes.count) bytes")
                cuts += 1
            }
        }
        #expect(cuts > 400)
    }

    @Test func bytesAddedAtTheEndAreFound() throws {
        let files = try Self.files()
        for name in files.keys {
            for extra in [[0], [UInt8](repeating: 0, count: 4096), files[name] ?? []] as [[UInt8]] {
                var damaged = files
                damaged[name]?.append(contentsOf: extra)
                #expect(
                    try Self.use(try TestFileSystem(files: damaged, in: TestIndex.path)) != nil, "\(name)")
            }
        }
    }

    @Test func flippedBitsAreFound() throws {
        let files = try Self.files()
        var random = TestRandom(seed: 82)
        for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
            // Every part of every file: header, sections, padding, checksums, table, footer.
            let step = max(1, bytes.count / 60)
            for start in stride(from: 0, to: bytes.count, by: step) {
                let place = min(bytes.count - 1, start + random.int(0...step - 1))
                var damaged = files
                damaged[name]?[place] ^= 1 << UInt8(random.int(0...7))
                let code = try Self.use(try TestFileSystem(files: damaged, in: TestIndex.path))
                #expect(code != nil, "\(name), a bit of byte \(place)")
            }
            for place in Array(stride(from: 7, to: 64, by: 8))
                + Array(stride(from: max(0, bytes.count - 640), to: bytes.count, by: 5))
            {
                var damaged = files
                damaged[name]?[place] ^= 0x80
                let code = try Self.use(try TestFileSystem(files: damaged, in: TestIndex.path))
                #expect(code != nil, "\(name), the top bit of byte \(place)")
            }
        }
    }

    @Test func missingEmptiedAndSwappedFilesAreFound() throws {
        let files = try Self.files()
        for name in files.keys {
            var damaged = files
            damaged[name] = nil
            #expect(
                try Self.use(try TestFileSystem(files: damaged, in: TestIndex.path)) != nil, "\(name) missing"
            )
            damaged[name] = []
            #expect(
                try Self.use(try TestFileSystem(files: damaged, in: TestIndex.path)) != nil, "\(name) empty")
            for other in files.keys where other != name {
                damaged[name] = files[other]
                let code = try Self.use(try TestFileSystem(files: damaged, in: TestIndex.path))
                #expect(code != nil, "\(name) replaced by \(other)")
                damaged[other] = files[name]
                #expect(try Self.use(try TestFileSystem(files: damaged, in: TestIndex.path)) != nil)
                damaged[other] = files[other]
            }
        }
    }

    @Test func filesOfAnotherIndexAreFound() throws {
        let (files, others) = (try Self.files(), try Self.files(.float32))
        for (name, bytes) in files {
            let kind = name.split(separator: ".").last
            for (other, foreign) in others where other.split(separator: ".").last == kind && foreign != bytes
            {
                var damaged = files
                damaged[name] = foreign
                #expect(try Self.use(try TestFileSystem(files: damaged, in: TestIndex.path)) != nil)
            }
        }
    }

    @Test func aWriterRefusesADamagedIndexAndLeavesItAsItIs() throws {
        let files = try Self.files()
        for name in files.keys.sorted() {
            var damaged = files
            damaged[name]?.removeLast(10)
            let fileSystem = try TestFileSystem(files: damaged, in: TestIndex.path)
            #expect(
                errorCode { _ = try Index.open(at: TestIndex.path, fileSystem: fileSystem).writer(.small()) }
                    != nil)
            var after = try fileSystem.files(in: TestIndex.path)
            after["LOCK"] = nil
            #expect(after == damaged)
        }
    }
}
