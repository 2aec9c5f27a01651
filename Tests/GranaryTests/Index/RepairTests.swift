import Granary
import GranaryStorage
import TestSupport
import Testing

/// An index that has been damaged, and what a repair keeps of it.
@Suite struct RepairTests {
    /// Three segments; the first has deletes: ids 0 to 4 replaced in the third, 5 to 7 deleted.
    private static let sound = Result { () throws -> [String: [UInt8]] in
        let test = try TestIndex()
        for range in [0..<40, 40..<60] {
            try test.write { (writer) throws(GranaryError) in
                for number in range { try writer.upsert(try document(UInt64(number))) }
            }
        }
        try test.write { (writer) throws(GranaryError) in
            for number in 0..<5 { try writer.upsert(try document(UInt64(number), 9)) }
            for number in 5..<8 { try writer.delete(id: .number(UInt64(number))) }
        }
        return try test.files()
    }

    private static func document(_ id: UInt64, _ weight: Float = 1) throws(GranaryError) -> Document {
        Document(
            id: .number(id), sparse: try SparseVector(components: [UInt32(id % 7)], weights: [weight]),
            payload: [UInt8(weight)])
    }

    private let files: [String: [UInt8]]
    private let manifest: Manifest

    init() throws {
        files = try Self.sound.get()
        let disk = try TestFileSystem(files: files, in: TestIndex.path)
        manifest = try IndexDirectory.latestManifest(fileSystem: disk, path: TestIndex.path)
    }

    private func name(_ segment: Int, _ file: Int) -> String {
        manifest.files[Int(manifest.segments[segment].files[file])].name
    }

    private func deadName() throws -> String {
        manifest.files[Int(try #require(manifest.segments[0].deadFile))].name
    }

    private var newest: String { Manifest.fileName(manifest.generation) }

    /// The index with the bytes of some files changed, nil for removed.
    private func disk(_ changes: [String: ([UInt8]) -> [UInt8]?]) throws -> TestFileSystem {
        var damaged = files
        for (name, change) in changes { damaged[name] = change(try #require(damaged[name])) }
        return try TestFileSystem(files: damaged, in: TestIndex.path)
    }

    private func plan(_ disk: TestFileSystem) throws(GranaryError) -> RepairPlan {
        try Index.repairPlan(at: TestIndex.path, fileSystem: disk)
    }

    private func ids(_ disk: TestFileSystem) throws -> Set<UInt64> {
        let snapshot = try Index.open(at: TestIndex.path, fileSystem: disk).snapshot()
        try snapshot.verify(.full)
        var ids: [UInt64] = []
        try snapshot.forEachDocument { document in
            if case .number(let number) = document.id { ids.append(number) }
        }
        #expect(Set(ids).count == ids.count)
        return Set(ids)
    }

    /// Takes the index for writing, changes it, and finds no leftovers.
    private func goOn(_ disk: TestFileSystem) throws {
        let index = try Index.open(at: TestIndex.path, fileSystem: disk)
        let before = try index.snapshot().documentCount
        for number in 0..<2 {
            let writer = try index.writer(.small())
            try writer.upsert(try Self.document(1000 + UInt64(number)))
            #expect(try writer.commit().documents == before + number + 1)
            writer.close()
        }
        try index.writer(.small()).close()
        try index.snapshot().verify(.full)
        #expect(try disk.list(TestIndex.path).filter { $0.hasPrefix("MANIFEST") }.count == 2)
    }

    private static func flipped(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        bytes[4096 + 5] ^= 1
        return bytes
    }

    @Test func thatIsSoundIsLeftAlone() throws {
        let disk = try disk([:])
        let plan = try plan(disk)
        #expect(plan.isSound && plan.documents == 57 && plan.newestGeneration == manifest.generation)
        #expect("\(plan)" == "generation 4 is sound: 57 documents")
        #expect(try Index.repair(plan, fileSystem: disk) == 4)
        #expect(try disk.files(in: TestIndex.path) == files)
    }

    @Test(arguments: [0, 1], [0, 1])
    func losesASegmentWhoseFileIsDamagedOrMissing(_ file: Int, _ isMissing: Int) throws {
        let disk = try disk([name(1, file): { isMissing == 1 ? nil : Self.flipped($0) }])
        let before = try disk.files(in: TestIndex.path)
        let plan = try plan(disk)
        #expect(try disk.files(in: TestIndex.path) == before)
        #expect(plan.manifestDamage == nil && plan.revived.isEmpty && plan.documents == 37)
        let lost = try #require(plan.lost.first)
        #expect(plan.lost.count == 1 && lost.documents == 20)
        #expect(lost.id == manifest.files[Int(manifest.segments[1].files[0])].id.description)
        #expect(lost.reason.code == (isMissing == 1 ? .notFound : .corrupt))
        #expect("\(plan)".contains("drops it with 20 documents"))
        #expect("\(plan)".hasSuffix("37 documents would be left"))
        let found = plan.ids(of: lost, fileSystem: disk)
        // The keys are in the first file; a bit elsewhere in it does not hide them.
        if file == 0, isMissing == 1 {
            #expect(found == nil)
        } else {
            #expect(Set(found ?? []) == Set((40..<60).map { .number($0) }))
        }
        #expect(try Index.repair(plan, fileSystem: disk) == 5)
        #expect(try ids(disk) == Set(0..<40).subtracting(5..<8))
        #expect(try self.plan(disk).isSound)
        try goOn(disk)
    }

    /// Another document dead in the place of one, and so no fewer than the manifest says.
    private static func moved(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        func isDead(_ ordinal: Int) -> Bool { bytes[4096 + ordinal / 8] >> (ordinal % 8) & 1 == 1 }
        guard let dead = (0..<40).first(where: isDead), let live = (0..<40).first(where: { !isDead($0) })
        else { return [] }
        for ordinal in [dead, live] { bytes[4096 + ordinal / 8] ^= 1 << (ordinal % 8) }
        return bytes
    }

    @Test func keepsASegmentWhoseDeletesAreDamaged() throws {
        for change in [{ _ in nil }, Self.flipped, Self.moved] as [([UInt8]) -> [UInt8]?] {
            let disk = try disk([try deadName(): change])
            let plan = try plan(disk)
            #expect(plan.lost.isEmpty && plan.revived.count == 1 && plan.documents == 60)
            // The replaced ones stay replaced.
            #expect(plan.revived.first?.documents == 3)
            #expect("\(plan)".contains("3 documents would come back"))
            #expect(try Index.repair(plan, fileSystem: disk) == 5)
            #expect(try ids(disk) == Set(0..<60))
            let snapshot = try Index.open(at: TestIndex.path, fileSystem: disk).snapshot()
            #expect(try snapshot.payload(id: 3) == [9] && snapshot.payload(id: 6) == [1])
            #expect(try self.plan(disk).isSound)
            try goOn(disk)
        }
    }

    @Test func goesBackWhenTheManifestIsDamaged() throws {
        for change in [{ Array($0.dropLast()) }, { _ in [] }, { [$0[0] ^ 1] + $0.dropFirst() }]
            as [([UInt8]) -> [UInt8]]
        {
            let disk = try disk([newest: change])
            #expect(errorCode { _ = try Index.open(at: TestIndex.path, fileSystem: disk) } != nil)
            let plan = try plan(disk)
            #expect(plan.baseGeneration == 3 && plan.newestGeneration == 4 && plan.documents == 60)
            #expect("\(plan)".contains("goes back to generation 3"))
            #expect(plan.lost.isEmpty && plan.revived.isEmpty && !plan.isSound)
            #expect(try Index.repair(plan, fileSystem: disk) == 5)
            #expect(try ids(disk) == Set(0..<60))
            #expect(try disk.status("\(TestIndex.path)/\(newest)") == nil)
            #expect(try self.plan(disk).isSound)
            try goOn(disk)
        }
    }

    @Test func doesAllOfItAtOnce() throws {
        let previous = try IndexDirectory.manifest(
            3, fileSystem: try disk([:]), path: TestIndex.path)
        let disk = try disk([
            newest: { _ in [1, 2, 3] }, previous.files[Int(previous.segments[0].files[1])].name: { _ in nil },
        ])
        let plan = try plan(disk)
        #expect(plan.lost.map(\.documents) == [40] && plan.baseGeneration == 3 && plan.documents == 20)
        try Index.repair(plan, fileSystem: disk)
        #expect(try ids(disk) == Set(40..<60))
        try goOn(disk)
    }

    @Test func refusesAPlanThatIsOutOfDate() throws {
        let name = name(1, 0)
        let disk = try disk([name: Self.flipped])
        let plan = try plan(disk)
        try Index.repair(plan, fileSystem: disk)
        let after = try disk.files(in: TestIndex.path)
        #expect(errorCode { try Index.repair(plan, fileSystem: disk) } == .invalidArgument)
        #expect(try disk.files(in: TestIndex.path) == after)
        // Another file in the place of one that was looked at.
        let other = try self.disk([name: Self.flipped])
        let second = try self.plan(other)
        let place = "\(TestIndex.path)/\(self.name(0, 0))"
        let bytes = try #require(files[self.name(0, 0)])
        try other.unlink(place)
        try other.create(place).write(bytes.rawBytes, at: 0)
        #expect(errorCode { try Index.repair(second, fileSystem: other) } == .invalidArgument)
    }

    @Test func givesNothingUpThatItCannotJudge() throws {
        // A newer version's manifest, and a file that cannot be read now.
        let newer = try disk([
            newest: { bytes in
                var bytes = bytes
                bytes[8] = 9
                return RepairedBytes.manifest(bytes)
            }
        ])
        #expect(errorCode { _ = try plan(newer) } == .unsupportedVersion)
        let disk = try disk([name(1, 0): Self.flipped])
        let (summary, blocks) = (name(0, 1), name(1, 0))
        let faulty = FaultyFileSystem(disk) { call in
            call.kind == .openForReading && call.path.hasSuffix(summary) ? .fail(5) : nil
        }
        #expect(
            errorCode { _ = try Index.repairPlan(at: TestIndex.path, fileSystem: faulty) } == .io)
        // The lock is free again, and holds others off.
        let lock = try disk.lock("\(TestIndex.path)/LOCK", stamp: "somebody")
        #expect(errorCode { _ = try plan(disk) } == .locked)
        lock.release()
        let made = try plan(disk)
        let held = try disk.lock("\(TestIndex.path)/LOCK", stamp: "somebody")
        #expect(errorCode { try Index.repair(made, fileSystem: disk) } == .locked)
        held.release()
        #expect(made.lost.first?.reason.path?.hasSuffix(blocks) == true)
    }

    @Test func hasNothingToGoOnWithoutAManifest() throws {
        let disk = try disk([
            newest: { _ in [] }, Manifest.fileName(3): { _ in nil },
        ])
        #expect(errorCode { _ = try plan(disk) } == .truncated)
        #expect(errorCode { _ = try Index.repairPlan(at: "none", fileSystem: disk) } == .notFound)
        try disk.createDirectory("empty")
        #expect(errorCode { _ = try Index.repairPlan(at: "empty", fileSystem: disk) } == .notAnIndex)
        #expect(try disk.list("empty") == [])
    }

    @Test func keepsTheNewestOfTwoDocumentsThatComeBack() throws {
        let test = try TestIndex()
        for weight in [1, 2, 3] as [Float] {
            try test.write { (writer) throws(GranaryError) in
                for number in 0..<10 { try writer.upsert(try Self.document(UInt64(number), weight)) }
                try writer.upsert(try Self.document(100 + UInt64(weight), weight))
            }
        }
        try test.write { (writer) throws(GranaryError) in
            for number in 0..<10 { try writer.delete(id: .number(UInt64(number))) }
        }
        var files = try test.files()
        for name in files.keys where name.hasSuffix(".dead") { files[name] = nil }
        let disk = try TestFileSystem(files: files, in: TestIndex.path)
        let plan = try plan(disk)
        #expect(plan.revived.map(\.documents) == [0, 0, 10] && plan.documents == 13)
        try Index.repair(plan, fileSystem: disk)
        #expect(try ids(disk) == Set((0..<10) + [101, 102, 103]))
        let snapshot = try Index.open(at: TestIndex.path, fileSystem: disk).snapshot()
        for number in 0..<10 { #expect(try snapshot.payload(id: .number(UInt64(number))) == [3]) }
    }

    @Test func isAsSafeAsACommit() throws {
        var entries: [String: MemoryFileSystem.Entry] = [TestIndex.path: .directory]
        for (number, (name, bytes)) in files.sorted(by: { $0.key < $1.key }).enumerated() {
            let isDamaged = name == newest || name == self.name(1, 0)
            entries["\(TestIndex.path)/\(name)"] = .file(
                bytes: isDamaged ? Array(bytes.dropLast(3)) : bytes, number: number + 1)
        }
        let recording = RecordingFileSystem(from: entries)
        let plan = try Index.repairPlan(at: TestIndex.path, fileSystem: recording)
        #expect(try Index.repair(plan, fileSystem: recording) == 5)
        recording.note("repaired", 1)
        var (images, wrong) = (0, [String]())
        _ = recording.forEachCrashImage { image in
            images += 1
            let disk = image.fileSystem()
            do throws(GranaryError) {
                let snapshot = try Index.open(at: TestIndex.path, fileSystem: disk).snapshot()
                try snapshot.verify(.full)
                if snapshot.documentCount != 40 { wrong.append("\(snapshot.documentCount) documents") }
            } catch {
                // As before: damaged, and repairable.
                if image.notes["repaired"] == 1 { wrong.append("\(error)") }
                let again = try? Index.repairPlan(at: TestIndex.path, fileSystem: disk)
                if again?.documents != 40 {
                    wrong.append("\(error), and a repair would leave \(again as Any)")
                }
            }
        }
        #expect(wrong == [])
        #expect(images > 10)
    }
}
