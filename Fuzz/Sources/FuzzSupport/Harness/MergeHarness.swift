import Granary
import TestSupport

/// An index of two segments of which bytes are replaced, checksums repaired, opened for writing and merged
/// into one. What a merge makes passes a full verification, whatever its inputs were; if they were sound, it
/// has the same documents and gives the same answers.
///
/// Input: u8 seed | u8 mode (bits 0 and 1 set: checksums stay as they were) | u8 file | u8 changes | the
/// changes, as in `Edits` | u8 file | further changes until the end.
enum MergeHarness {
    private static let seeds = Result { try Seed.all() + Seed.dense() + [Seed.fields()] }

    /// What an index says of itself.
    private struct Content: Equatable {
        var documents: [Document] = []
        var hits: [Hit] = []
    }

    static func run(_ input: inout Input) throws {
        let seed = input.one(of: try seeds.get())
        let isRepaired = input.byte() & 3 != 3
        let first = seed.files[1 + input.below(seed.files.count - 1)]
        let changes = Int(input.byte() % 6)
        var replaced = [first.name: Edits.apply(&input, to: first.bytes, limit: changes)]
        let second = seed.files[1 + input.below(seed.files.count - 1)]
        replaced[second.name] = Edits.apply(&input, to: replaced[second.name] ?? second.bytes)
        if isRepaired {
            guard let repaired = seed.repaired(replaced) else { return }
            replaced = repaired
        }
        let disk = try seed.writing(replaced)
        let before = try allowing { try content(disk) }
        let isSound = try before != nil && allowing { try snapshot(disk).verify(.full) } != nil
        do throws(GranaryError) {
            let writer = try Index.open(at: Seed.path, fileSystem: disk).writer(
                WriterOptions.small(exactBelow: 10).uncalibrated)
            defer { writer.close() }
            try writer.merge(to: 1)
        } catch {
            return try Finding.unless(!isSound, "a sound index cannot be merged: \(error)")
        }
        let after = try snapshot(disk)
        try Finding.unless(after.statistics().segments.count <= 1, "a merge leaves several segments")
        guard isRepaired || isSound else { return }
        try after.verify(.full)
        guard isSound, let before else { return }
        let found = try content(disk)
        for (old, new) in zip(before.documents, found.documents) where old != new {
            throw Finding("a merge changes a document: \(old) becomes \(new)")
        }
        try Finding.unless(found == before, "a merge changes documents or answers")
    }

    private static func snapshot(_ disk: TestFileSystem) throws -> Snapshot {
        try Index.open(at: Seed.path, fileSystem: disk).snapshot()
    }

    private static func content(_ disk: TestFileSystem) throws -> Content {
        let snapshot = try snapshot(disk)
        var content = Content()
        try snapshot.forEachDocument { content.documents.append($0) }
        guard let longest = content.documents.max(by: { $0.sparse.count < $1.sparse.count }) else {
            return content
        }
        content.hits = try snapshot.search(Query(sparse: longest.sparse, k: 100, exact: true))
        return content
    }
}
