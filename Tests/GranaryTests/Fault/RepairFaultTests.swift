import Foundation
import Granary
import GranaryStorage
import Synchronization
import TestSupport
import Testing

/// A disk that fails is no reason to give up what is sound.
@Suite("When a call fails under a repair")
struct RepairFaultTests {
    /// What is wrong with an index of three segments.
    enum Damage: String, CaseIterable, CustomTestStringConvertible {
        case segment, deletes, manifest

        var testDescription: String { rawValue }
    }

    private static let path = IndexLife.path

    private static func damaged(_ damage: Damage) throws -> MemoryFileSystem {
        let life = try CrashScript("three", after: CrashScript.threeSegments, []).beginning()
        life.close()
        let entries = try #require(life.recording).present.entries
        let fileSystem = MemoryFileSystem(entries, seed: 3)
        let manifest = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: path)
        let name =
            switch damage {
            case .segment: manifest.files[Int(manifest.segments[1].files[0])].name
            case .deletes: manifest.files[Int(try #require(manifest.segments[0].deadFile))].name
            case .manifest: Manifest.fileName(manifest.generation)
            }
        guard case .file(var bytes, _)? = entries["\(path)/\(name)"] else {
            throw GranaryError(.notFound, "no \(name)")
        }
        bytes.removeLast(bytes.count / 3)
        try fileSystem.unlink("\(path)/\(name)")
        try fileSystem.create("\(path)/\(name)").write(bytes.rawBytes, at: 0)
        return fileSystem
    }

    private static func repair(_ fileSystem: any FileSystem) throws {
        try Index.repair(try Index.repairPlan(at: path, fileSystem: fileSystem), fileSystem: fileSystem)
    }

    /// What is there once everything works.
    private static func documents(_ fileSystem: any FileSystem) throws -> [Document] {
        let snapshot = try Index.open(at: path, fileSystem: fileSystem).snapshot()
        try snapshot.verify(.full)
        var documents: [Document] = []
        try snapshot.forEachDocument { documents.append($0) }
        return documents
    }

    /// Another commit and another merge; nothing is left over.
    private static func goOn(_ fileSystem: any FileSystem, _ documents: [Document]) throws {
        let index = try Index.open(at: path, fileSystem: fileSystem)
        let writer = try index.writer(.small())
        let document = try IndexModel.document(70, 1)
        try writer.upsert(document)
        _ = try writer.commit()
        try writer.merge()
        writer.close()
        try index.writer(.small()).close()
        #expect(try IndexModel.difference(index.snapshot(), documents + [document]) == nil)
        let names = try fileSystem.list(path)
        #expect(names.count { $0.hasPrefix("MANIFEST-") } == 2 && !names.contains { $0.hasSuffix(".tmp") })
        #expect(names.count <= 5, "\(names)")
    }

    @Test(
        "it throws or succeeds, and the next one keeps as much as if nothing had failed",
        arguments: Damage.allCases)
    func faults(_ damage: Damage) throws {
        let clean = FaultyFileSystem(try Self.damaged(damage))
        let kinds = Mutex<[FaultyFileSystem.Kind]>([])
        clean.follow { call in
            kinds.withLock { $0.append(call.kind) }
            return nil
        }
        try Self.repair(clean)
        clean.follow(nil)
        let expected = try Self.documents(clean)
        #expect(expected.count == [.segment: 3, .deletes: 6, .manifest: 5][damage])
        var (trials, failures) = (0, 0)
        for (position, kind) in kinds.withLock({ $0 }).enumerated() {
            // A file that ends early is damaged.
            for fault in CallFault.all where fault.kinds.contains(kind) && fault.effect != .cut {
                for isSticky in [false, true] {
                    trials += 1
                    // Some of them in an ordinary run, another one at each call.
                    guard Effort.isLong || trials % 13 == 0 else { continue }
                    let name = "\(fault.effect) at call \(position + 1) (\(kind)), sticky: \(isSticky)"
                    let fileSystem = FaultyFileSystem(try Self.damaged(damage))
                    fileSystem.follow(
                        FaultyFileSystem.at(position + 1, fault.effect, isSticky: isSticky))
                    do {
                        try Self.repair(fileSystem)
                    } catch is GranaryError {
                        failures += 1
                    }
                    fileSystem.follow(nil)
                    try Self.repair(fileSystem)
                    #expect(try Self.documents(fileSystem) == expected, "\(name)")
                    try Self.goOn(fileSystem, expected)
                }
            }
        }
        #expect(trials > 200 && failures > (Effort.isLong ? trials : trials / 13) / 3)
    }
}
