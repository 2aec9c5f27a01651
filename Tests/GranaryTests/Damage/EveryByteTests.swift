import Granary
import GranaryStorage
import TestSupport
import Testing

/// Every bit, every length, every sector of an index: opening it or a full verification finds all of them.
///
/// In a short run every so many of them, always the same ones; `GRANARY_LONG=1` takes all.
@Suite struct EveryByteTests {
    /// Which of each kind of damage a short run takes. All bits of bytes have their turn.
    private static func step(_ kind: Damage.Kind) -> Int {
        if Effort.isLong { return 1 }
        switch kind {
        case .bits: return 801
        case .cuts: return 211
        case .sectors: return 2
        }
    }
    /// Of what passes the opening, every so many are searched and read, too.
    private static let exercised = Effort.isLong ? 499 : 41
    /// Groups run side by side.
    private static let groups = 8

    /// What says that bytes are not those that were written.
    private static let expected: Set<GranaryError.Code> = [
        .truncated, .wrongFile, .unsupportedVersion, .checksumMismatch, .corrupt,
    ]

    /// How much has been tried and where it was found.
    private struct Tally {
        var tried = 0, byOpening = 0, byVerifying = 0, denseReads = 0, exercised = 0
    }

    @Test func theIndexHasEverything() throws {
        let index = try DamageIndex.shared.get()
        let snapshot = try Index.open(at: TestIndex.path, fileSystem: index.fileSystem).snapshot()
        try snapshot.verify(.full)
        let segments = snapshot.statistics().segments
        #expect(segments.map { $0.blocks > 0 } == [true, false, false])
        #expect(segments.map { $0.windows > 0 } == [false, true, false])
        #expect(segments.allSatisfy { $0.dead > 0 })
        #expect(index.newest.segments.allSatisfy { $0.files.count == 3 }, "with dense vectors")
        #expect(Set(index.newest.files.map(\.kind)) == Set(FileKind.allCases))
        #expect(index.denseHits.count > 30 && index.denseHits.count < snapshot.documentCount)
        #expect(index.denseHits.allSatisfy { $0.dense != nil })
    }

    @Test func theIndexIsTheSameOnEveryRun() throws {
        let (first, again) = (try DamageIndex.shared.get(), try DamageIndex())
        #expect(first.files == again.files)
    }

    @Test(arguments: Effort.groups(groups), Damage.Kind.allCases)
    func whateverIsDamagedIsFound(group: Int, kind: Damage.Kind) throws {
        let index = try DamageIndex.shared.get()
        var tally = Tally()
        var number = group * Self.step(kind)
        for name in index.names.sorted() {
            let bytes = try #require(index.files[name])
            let (other, rows) = (index.other(of: name), try index.rows(of: name))
            let count = kind.count(bytes.count)
            while number < count {
                let damage = kind.damage(number)
                number += Self.groups * Self.step(kind)
                guard let damaged = damage.apply(to: bytes, other: other) else { continue }
                let isRow = rows.contains { damaged.count > $0 && damaged[$0] != bytes[$0] }
                if let fault = try Self.fault(index, name, damaged, isRow: isRow, &tally) {
                    Issue.record("\(name), \(damage): \(fault)")
                }
            }
            // The next file begins where this one ends: short runs take other places of each.
            number -= count
        }
        #expect(tally.tried == tally.byOpening + tally.byVerifying)
        if Effort.isLong { print("\(kind), group \(group): \(tally)") }
    }

    /// What is wrong with how damage was answered; nil when it was found.
    ///
    /// - Parameter isRow: whether a dense row is damaged, which is found when it is first read.
    private static func fault(
        _ index: DamageIndex, _ name: String, _ damaged: [UInt8], isRow: Bool, _ tally: inout Tally
    ) throws -> String? {
        tally.tried += 1
        let fileSystem = index.fileSystem.replacing(name, with: damaged)
        let opened = Result { () throws(GranaryError) in
            try Index.open(at: TestIndex.path, fileSystem: fileSystem).snapshot()
        }
        let snapshot: Snapshot
        switch opened {
        case .failure(let error):
            tally.byOpening += 1
            return expected.contains(error.code) && !error.message.isEmpty ? nil : "\(error)"
        case .success(let some): snapshot = some
        }
        if isRow {
            tally.denseReads += 1
            let hits = Result { () throws(GranaryError) in try DamageIndex.denseHits(snapshot) }
            if case .success(let hits) = hits, hits != index.denseHits { return "a wrong dense answer" }
        }
        if tally.tried % exercised == 0 {
            tally.exercised += 1
            try DamagedIndex.exercise(snapshot)
        }
        guard let code = errorCode({ try snapshot.verify(.full) }) else { return "not found" }
        tally.byVerifying += 1
        return expected.contains(code) ? nil : "\(code)"
    }

    /// Nothing of what these files hold is looked at by readers of the newest generation: the manifest of the
    /// one before and the data files that only that one has (`Formats/manifest.md`).
    @Test func damageOfWhatOnlyAnOlderGenerationHasChangesNothing() throws {
        let index = try DamageIndex.shared.get()
        #expect(index.others.count == 5, "a manifest, two files of deletes, two of vectors: \(index.others)")
        for name in index.others {
            for damaged in [nil, [], [UInt8](repeating: 0xa5, count: 5000)] as [[UInt8]?] {
                let fileSystem = index.fileSystem.replacing(name, with: damaged)
                let snapshot = try Index.open(at: TestIndex.path, fileSystem: fileSystem).snapshot()
                try snapshot.verify(.full)
                #expect(try DamageIndex.denseHits(snapshot) == index.denseHits)
            }
        }
    }

    @Test func missingEmptyLongerAndSwappedFilesAreFound() throws {
        let index = try DamageIndex.shared.get()
        var tally = Tally()
        for name in index.names {
            let bytes = try #require(index.files[name])
            var images = [[], bytes + [0], bytes + [UInt8](repeating: 0, count: 4096), bytes + bytes]
            images += index.files.filter { $0.key != name }.map(\.value)
            for image in images {
                let fault = try Self.fault(index, name, image, isRow: false, &tally)
                #expect(fault == nil, "\(name), \(image.count) bytes")
            }
            let without = index.fileSystem.replacing(name, with: nil)
            let isManifest = name == index.names[0]
            let code = errorCode {
                try Index.open(at: TestIndex.path, fileSystem: without).snapshot().verify(.full)
            }
            // Without its newest manifest the directory is the generation before: nothing tells that there
            // was a newer one. Only files that nothing has any more are gone for good.
            #expect(code == (isManifest ? nil : .notFound), "\(name)")
        }
        #expect(tally.byOpening == tally.tried)
    }
}
