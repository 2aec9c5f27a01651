import Granary
import GranaryStorage
import TestSupport
import Testing

/// What this version makes of an index that a newer one has written (`Formats/versions.md`): golden indexes
/// with a change each, behind right checksums.
@Suite struct VersionTests {
    static let indexes: [GoldenIndex] = [.deletes, .sharedDense, .fields, .float32]

    private static func open(_ fileSystem: TestFileSystem) throws -> Index {
        try Index.open(at: TestIndex.path, fileSystem: fileSystem)
    }

    /// Reads everything, and writes on.
    private func expectUsable(_ golden: GoldenIndex, _ fileSystem: TestFileSystem) throws {
        let recipe = try golden.recipe()
        let index = try Self.open(fileSystem)
        try GoldenComparison(try index.snapshot(), recipe, recipe.documents()).expectAll()
        let writer = try index.writer(recipe.options(threads: 1))
        defer { writer.close() }
        let documents = recipe.documents()
        try writer.upsert(documents[0])
        _ = try writer.commit(userData: nil)
        try writer.merge()
        try GoldenComparison(
            try index.snapshot(), recipe, Array(documents.dropFirst()) + documents.prefix(1)
        ).expectAll()
    }

    @Test(arguments: indexes) func filesOfANewerMinorVersionAreReadAndWrittenOn(_ golden: GoldenIndex) throws
    {
        var files = try GoldenFiles.load(golden)
        let source = try TestFileSystem(files: files, in: TestIndex.path)
        var manifest = try IndexDirectory.latestManifest(fileSystem: source, path: TestIndex.path)
        for place in manifest.files.indices {
            let name = manifest.files[place].name
            var bytes = try #require(files[name])
            RepairedBytes.put(UInt16(1), at: 12, in: &bytes)
            let repaired = try #require(RepairedBytes.container(bytes))
            (files[name], manifest.files[place].rootHash) = (repaired.bytes, repaired.root)
        }
        var bytes = try manifest.encoded()
        RepairedBytes.put(UInt16(1), at: 10, in: &bytes)
        files[Manifest.fileName(manifest.generation)] = RepairedBytes.manifest(bytes)
        // The one before has other root hashes for the same files.
        files[Manifest.fileName(manifest.generation - 1)] = nil
        try expectUsable(golden, try TestFileSystem(files: files, in: TestIndex.path))
    }

    /// Sections that this version does not know, of a codec that it does not know either.
    @Test(arguments: indexes, [0, 9] as [UInt16])
    func unknownSectionsArePassedOver(_ golden: GoldenIndex, _ codec: UInt16) throws {
        let unknown = [22, 63, 250, 255, 512, 4_000_000_000].map { SectionID(rawValue: $0, name: "of 1.1") }
        let fileSystem = try IndexImage.rewrite(
            try GoldenFiles.load(golden), directory: TestIndex.path, extra: (codec, unknown))
        try expectUsable(golden, fileSystem)
    }

    @Test func unknownCodecsOfKnownSectionsAreRefused() throws {
        var seen: Set<String> = []
        for golden in [GoldenIndex.deletes, .float16, .float32, .sharedDense, .fields] {
            let files = try GoldenFiles.load(golden)
            let source = try TestFileSystem(files: files, in: TestIndex.path)
            let manifest = try IndexDirectory.latestManifest(fileSystem: source, path: TestIndex.path)
            var sections: Set<SectionID> = []
            for record in manifest.files {
                let file = try Container.open(
                    fileSystem: source, directory: TestIndex.path, record: record)
                sections.formUnion(file.sections.map(\.id))
            }
            for section in sections where seen.insert(section.name).inserted {
                let fileSystem = try IndexImage.rewrite(
                    files, directory: TestIndex.path, codec: { $0.id == section ? 9 : $0.codec })
                let index = try Self.open(fileSystem)
                #expect(errorCode { _ = try index.snapshot() } == .unsupportedVersion, "\(section.name)")
                #expect(errorCode { _ = try index.writer() } == .unsupportedVersion, "\(section.name)")
            }
        }
        #expect(
            seen.isSuperset(of: ["segment", "rows", "impacts", "summaries", "dead", "vectors", "places"]))
        #expect(seen.count > 35)
    }

    /// Known, but not what the facts of the segment say.
    @Test func aCodecOfPayloadsThatContradictsTheFactsIsDamage() throws {
        let contradiction = try IndexImage.rewrite(
            try GoldenFiles.load(.oneDocument), directory: TestIndex.path,
            codec: { $0.id.name == "payload blocks" ? 2 : $0.codec })
        #expect(errorCode { _ = try Self.open(contradiction).snapshot() } == .corrupt)
    }

    /// Each flag of each word.
    @Test(arguments: 0..<32) func flagsSayWhoMustKnow(_ bit: UInt32) throws {
        let golden = GoldenIndex.backup
        let files = try GoldenFiles.load(golden)
        func image(_ change: @escaping (inout Manifest) -> Void) throws -> TestFileSystem {
            try IndexImage.rewrite(files, directory: TestIndex.path, manifest: change)
        }
        let incompatible = try image { $0.incompatibleFlags = 1 << bit }
        #expect(errorCode { _ = try Self.open(incompatible) } == .unsupportedVersion)

        let readOnly = try image { $0.readOnlyCompatibleFlags = 1 << bit }
        let index = try Self.open(readOnly)
        let recipe = try golden.recipe()
        try GoldenComparison(try index.snapshot(), recipe, recipe.documents()).expectAll()
        let names = try readOnly.list(TestIndex.path)
        #expect(errorCode { _ = try index.writer() } == .unsupported)
        #expect(try readOnly.list(TestIndex.path).filter { $0 != "LOCK" } == names)

        let compatible = try image { $0.compatibleFlags = 1 << bit }
        try expectUsable(golden, compatible)
        // What the newer version has noted stays.
        let manifest = try IndexDirectory.latestManifest(fileSystem: compatible, path: TestIndex.path)
        #expect(manifest.compatibleFlags == 1 << bit)
    }

    /// Its files would come to be listed by a manifest that does not say what they need.
    @Test func segmentsThatThisVersionMayNotWriteAreNotAttached() throws {
        let newer = try IndexImage.rewrite(
            try GoldenFiles.load(.backup), directory: TestIndex.path,
            manifest: { $0.readOnlyCompatibleFlags = 4 })
        let recipe = try GoldenIndex.backup.recipe()
        let index = try Index.create(at: "other", schema: recipe.schema, fileSystem: newer)
        let writer = try index.writer(recipe.options(threads: 1))
        defer { writer.close() }
        #expect(errorCode { try writer.attach([TestIndex.path]) } == .unsupported)
        #expect(try writer.commit().documents == 0)
    }

    @Test func aSchemaOrAFileOfAnotherKindIsRefused() throws {
        let files = try GoldenFiles.load(.oneDocument)
        for position in 0..<8 {
            let newer = try IndexImage.rewrite(
                files, directory: TestIndex.path, manifest: { $0.schema[position] = 9 })
            #expect(errorCode { _ = try Self.open(newer) } == .unsupportedVersion, "byte \(position)")
        }
        let longer = try IndexImage.rewrite(
            files, directory: TestIndex.path, manifest: { $0.schema.append(0) })
        #expect(errorCode { _ = try Self.open(longer) } == .unsupportedVersion)
        let source = try TestFileSystem(files: files, in: TestIndex.path)
        let manifest = try IndexDirectory.latestManifest(fileSystem: source, path: TestIndex.path)
        let name = Manifest.fileName(manifest.generation)
        var bytes = try #require(files[name])
        // Behind the text of the version, the schema and the number of files: the first file's identifier.
        let file = 88 + 4 + manifest.engineVersion.utf8.count + 4 + manifest.schema.count + 4
        #expect(RepairedBytes.number(at: file + 16, 8, in: bytes) == 1)
        RepairedBytes.put(UInt64(5), at: file + 16, in: &bytes)
        var newer = files
        newer[name] = RepairedBytes.manifest(bytes)
        let fileSystem = try TestFileSystem(files: newer, in: TestIndex.path)
        #expect(errorCode { _ = try Self.open(fileSystem) } == .corrupt)
    }
}
