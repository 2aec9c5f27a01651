import Granary
import GranaryStorage
import TestSupport

/// A directory in which anything may stand under any name: opened, verified, examined for a repair, repaired,
/// written to. Whatever passes a full verification without repaired checksums is a generation that somebody
/// committed, whole; a repair leaves an index that passes; and nobody removes what is not the engine's.
///
/// Input: u8 mode (bits 0 and 1 zero: write, else bit 0: repair) | steps of `HostileDirectory`.
enum DirectoryHarness {
    private static let source = Result { try DirectorySource() }

    static func run(_ input: inout Input) throws {
        let source = try source.get()
        let mode = input.byte()
        var directory = HostileDirectory(source)
        while !input.isEmpty, directory.steps < 24 { directory.change(&input) }
        let disk = directory.fileSystem()
        if let documents = try allowing({ try verified(disk) }), !directory.isForged {
            try Finding.unless(
                source.contents.contains(documents), "a generation that nobody has committed")
        }
        if directory.entries == source.entries {
            try Finding.unless(try verified(disk) == source.contents.last, "a sound index cannot be read")
        }
        let foreign = directory.foreign
        if mode & 3 == 0 { _ = try allowing { try write(disk) } } else if mode & 1 == 1 { try repair(disk) }
        let left = disk.entries
        for (name, bytes) in foreign {
            guard case .file(bytes, _)? = left["\(Seed.path)/\(name)"] else {
                throw Finding("\(name), which is foreign, is gone or changed")
            }
        }
    }

    /// The documents of a directory that passes a full verification.
    static func verified(_ disk: MemoryFileSystem) throws -> [Document] {
        let index = try Index.open(at: Seed.path, fileSystem: disk)
        _ = try allowing { try index.diskUsage() }
        let snapshot = try index.snapshot()
        try snapshot.verify(.full)
        var documents: [Document] = []
        try snapshot.forEachDocument { documents.append($0) }
        return documents
    }

    private static func write(_ disk: MemoryFileSystem) throws {
        let index = try Index.open(at: Seed.path, fileSystem: disk)
        let writer = try index.writer(WriterOptions.small().uncalibrated)
        defer { writer.close() }
        try writer.upsert(Document(id: "added", sparse: try SparseVector(components: [1], weights: [1])))
        try writer.delete(id: .number(2))
        let receipt = try writer.commit()
        let snapshot = try index.snapshot()
        try Finding.unless(snapshot.generation == receipt.generation, "a commit is not the newest generation")
        try Finding.unless(try snapshot.document(id: "added") != nil, "what was committed is not there")
    }

    private static func repair(_ disk: MemoryFileSystem) throws {
        guard let plan = try allowing({ try Index.repairPlan(at: Seed.path, fileSystem: disk) }) else {
            return
        }
        guard try allowing({ try Index.repair(plan, fileSystem: disk) }) != nil else { return }
        let count: Int
        do { count = try verified(disk).count } catch {
            throw Finding("what a repair leaves is not sound: \(error)")
        }
        try Finding.unless(
            count == plan.documents, "\(count) documents after a repair that promised \(plan.documents)")
    }
}

/// Two generations of an index, and files of another.
struct DirectorySource: Sendable {
    /// All that is in the directory, by name.
    let entries: [String: MemoryFileSystem.Entry]
    /// Files of another index.
    let others: [(name: String, bytes: [UInt8])]
    /// The documents of every generation of either index whose files may all be there.
    let contents: [[Document]]
    /// The newest generation.
    let manifest: Manifest

    init() throws {
        var contents: [[Document]] = []
        func make(_ weights: WeightType, seed: UInt64) throws -> TestIndex {
            let disk = TestFileSystem(seed: seed)
            let test = try TestIndex(Schema(weights: weights), fileSystem: disk, at: Seed.path)
            let documents = try Collection.random(documents: 14, components: 12, seed: 31 + seed).documents
            var options = WriterOptions.small(exactBelow: 4, calibrationQueries: 2)
            options.reserveBytes = 64
            for part in [documents[..<0], documents[..<9], documents[9...]] {
                try test.write(options) { (writer) throws(GranaryError) in
                    for document in part { try writer.upsert(document) }
                    if part.startIndex > 0 { try writer.delete(id: documents[1].id) }
                }
                var content: [Document] = []
                try test.index.snapshot().forEachDocument { content.append($0) }
                contents.append(content)
            }
            return test
        }
        let other = try make(.uint8, seed: 2)
        let test = try make(.float16, seed: 1)
        others = try other.files().sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        entries = Dictionary(
            uniqueKeysWithValues: try test.files().enumerated().map { place, file in
                (file.key, .file(bytes: file.value, number: place))
            })
        manifest = try IndexDirectory.latestManifest(fileSystem: test.fileSystem, path: Seed.path)
        self.contents = contents
    }
}
