import Granary
import GranaryStorage
import TestSupport
import Testing

/// The indexes of `Formats/golden`: they are read, searched and written on as their recipes say.
@Suite struct GoldenIndexTests {
    private static func copy(_ golden: GoldenIndex) throws -> TestFileSystem {
        try TestFileSystem(files: try GoldenFiles.load(golden), in: TestIndex.path)
    }

    @Test(arguments: GoldenIndex.allCases, [1, 2, 4])
    func isWrittenAgainToTheByte(_ golden: GoldenIndex, _ threads: Int) throws {
        let committed = try GoldenFiles.load(golden)
        let made = try golden.files(threads: threads)
        #expect(made.keys.sorted() == committed.keys.sorted())
        for (name, bytes) in made.sorted(by: { $0.key < $1.key }) {
            // Not the bytes themselves, which nobody can read when they differ.
            let place = zip(bytes, committed[name] ?? []).enumerated().first { $1.0 != $1.1 }?.offset
            let isSame = place == nil && bytes.count == committed[name]?.count
            #expect(isSame, "\(name) differs from byte \(place ?? -1) on: see Tools/golden")
        }
    }

    /// Without leaving anything behind.
    @Test(arguments: GoldenIndex.allCases) func isReadWhereItIs(_ golden: GoldenIndex) throws {
        let recipe = try golden.recipe()
        let path = GoldenFiles.directory(golden)
        let names = try PosixFileSystem().list(path)
        let index =
            golden.isPacked
            ? try Index.open(at: TestIndex.path, fileSystem: try Self.copy(golden))
            : try Index.open(at: path)
        #expect(index.schema == recipe.schema)
        let snapshot = try index.snapshot()
        #expect(snapshot.userData == recipe.userData)
        try GoldenComparison(snapshot, recipe, recipe.documents()).expectAll()
        #expect(try PosixFileSystem().list(path) == names)
    }

    /// What an upgrade is: every segment is written anew by the writer of today.
    @Test(arguments: GoldenIndex.allCases) func isWrittenOn(_ golden: GoldenIndex) throws {
        let recipe = try golden.recipe()
        let fileSystem = try Self.copy(golden)
        func files() throws -> Set<String> {
            let manifest = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: TestIndex.path)
            return Set(manifest.files.map(\.name))
        }
        let before = try files()
        let index = try Index.open(at: TestIndex.path, fileSystem: fileSystem)
        var options = recipe.options(threads: 2)
        // Dense files are copied, and not shared, by default.
        options.build.smallestSharedDense = BuildOptions().smallestSharedDense
        var documents = recipe.documents()
        let added = Document(
            id: "added", sparse: try documents.first?.sparse ?? SparseVector(["new": 2]),
            dense: documents.last?.dense, payload: Array("added".utf8))
        let writer = try index.writer(options)
        defer { writer.close() }
        if !documents.isEmpty {
            let gone = documents.remove(at: documents.count / 2)
            try writer.delete(id: gone.id)
        }
        documents.append(added)
        try writer.upsert(added)
        #expect(try writer.commit(userData: [7]).documents == documents.count)
        try GoldenComparison(try index.snapshot(), recipe, documents).expectAll()
        try writer.merge()
        let merged = try index.snapshot()
        #expect(merged.statistics().segments.count == 1)
        #expect(try files().isDisjoint(with: before))
        #expect(merged.userData == [7])
        try GoldenComparison(merged, recipe, documents).expectAll()
        writer.close()
        let again = try Index.open(at: TestIndex.path, fileSystem: fileSystem).snapshot()
        try GoldenComparison(again, recipe, documents).expectAll()
    }

    /// What there is only one way of is in every index; of what there are several ways, each is in one.
    @Test func coverEveryChoiceOfTheFormat() throws {
        var (weights, compressions) = (Set<WeightType>(), Set<PayloadCompression>())
        var (elements, metrics, kinds) = (Set<DenseElement>(), Set<DenseMetric>(), Set<Field.Kind>())
        var (codecs, files) = (Set<String>(), Set<FileKind>())
        var (hasBlocks, hasImpacts, isWide, hasNeither) = (false, false, false, false)
        for golden in GoldenIndex.allCases {
            let fileSystem = try Self.copy(golden)
            let schema = try Index.open(at: TestIndex.path, fileSystem: fileSystem).schema
            kinds.formUnion(schema.fields.map(\.kind))
            let manifest = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: TestIndex.path)
            for record in manifest.files {
                let file = try Container.open(
                    fileSystem: fileSystem, directory: TestIndex.path, record: record)
                files.insert(record.kind)
                codecs.formUnion(file.sections.map { "\($0.id.name) \($0.codec)" })
                if record.kind == .dense, let dense = schema.dense {
                    elements.insert(dense.element)
                    metrics.insert(dense.metric)
                }
                guard let facts = file.sections.first(where: { $0.id.name == "segment" }) else { continue }
                weights.insert(schema.weights)
                let hasPayloads = file.sections.contains { $0.id.name == "payload blocks" }
                if hasPayloads { compressions.insert(schema.payloadCompression) }
                var copy = ByteWriter()
                copy.append(facts.bytes)
                let (blocks, windows) = (
                    RepairedBytes.number(at: 12, 4, in: copy.bytes),
                    RepairedBytes.number(at: 32, 4, in: copy.bytes)
                )
                hasBlocks = hasBlocks || blocks > 0
                hasImpacts = hasImpacts || windows > 0
                hasNeither = hasNeither || (blocks == 0 && windows == 0)
                isWide = isWide || copy.bytes[9] == 1
            }
        }
        #expect(weights == Set(WeightType.allCases))
        #expect(compressions == Set(PayloadCompression.allCases))
        #expect(elements == Set(DenseElement.allCases) && metrics == Set(DenseMetric.allCases))
        #expect(kinds == Set(Field.Kind.allCases) && files == Set(FileKind.allCases))
        #expect(codecs.isSuperset(of: ["component lookup 1", "component lookup 2"]))
        #expect(hasBlocks && hasImpacts && isWide && hasNeither)
    }
}
