import Granary
import GranaryStorage
import Synchronization
import TestSupport

/// What must be true of an index once its disk works again. What is not is noted as a mistake of its life.
struct FaultAftermath {
    private let life: IndexLife
    /// Whether files may be left over until the index is opened: it was their removal that failed.
    private let mayLeaveFiles: Bool

    init(_ life: IndexLife, mayLeaveFiles: Bool) {
        (self.life, self.mayLeaveFiles) = (life, mayLeaveFiles)
    }

    private var fileSystem: any FileSystem { life.fileSystem }

    /// Looks at the index as another process does, works on with the writer, if it is usable, and with a new
    /// one.
    ///
    /// - Parameters:
    ///   - failures: what steps threw.
    ///   - made: other indexes whose making was acknowledged.
    /// - Throws: what fails though the disk works.
    func look(after failures: [GranaryError], made: [String]) throws(GranaryError) {
        let isUncertain = failures.contains { $0.code == .commitUncertain }
        guard try isThere(isUncertain) else { return try createAnew() }
        try checkReader(isUncertain)
        try checkOthers(made)
        try life.checkKept()
        if life.isUsable {
            if isUncertain { life.mistaken("the writer is usable after \(failures)") }
            try life.refresh()
            try work(with: 50)
            if !mayLeaveFiles { checkNames("by a writer at work") }
        } else {
            try checkPoisoned()
        }
        try life.open()
        try work(with: 60)
        life.close()
        try life.open()
        life.close()
        checkNames("by a writer just opened")
        try checkReader(false)
        try life.checkKept()
    }

    /// Whether there is an index; there must be one as soon as any generation was acknowledged.
    private func isThere(_ isUncertain: Bool) throws(GranaryError) -> Bool {
        do throws(GranaryError) {
            _ = try Index.open(at: IndexLife.path, fileSystem: fileSystem)
            return true
        } catch {
            guard [.notFound, .notAnIndex].contains(error.code), life.model.generation == 0 else {
                throw error
            }
            return false
        }
    }

    private func createAnew() throws(GranaryError) {
        try life.create()
        try work(with: 50)
        life.close()
        checkNames("of an index made anew")
    }

    /// That a reader finds one allowed generation, whole.
    private func checkReader(_ isUncertain: Bool) throws(GranaryError) {
        let snapshot = try Index.open(at: IndexLife.path, fileSystem: fileSystem).snapshot()
        try snapshot.verify(.full)
        let (model, number) = (life.model, IndexModel.number(snapshot.userData))
        let isAllowed = number == model.acknowledged || (isUncertain && number > model.acknowledged)
        guard isAllowed, snapshot.generation >= model.generation,
            let documents = model.documents(number, snapshot.generation)
        else {
            return life.mistaken(
                "found commit \(number) of generation \(snapshot.generation), expected "
                    + "\(model.acknowledged) of \(model.generation)\(isUncertain ? " or a later one" : "")")
        }
        life.mistaken(try IndexModel.difference(snapshot, documents))
    }

    /// That the other indexes are whole or not there, and there where they must be.
    private func checkOthers(_ made: [String]) throws(GranaryError) {
        let generation = try IndexDirectory.newestGeneration(fileSystem: fileSystem, path: IndexLife.path)
        for (path, other) in life.model.others.sorted(by: { $0.key < $1.key }) {
            let isNeeded = made.contains(path) || other.isNeededFrom.map { $0 <= generation } == true
            do throws(GranaryError) {
                let snapshot = try Index.open(at: path, fileSystem: fileSystem).snapshot()
                try snapshot.verify(.full)
                let wrong = try IndexModel.difference(snapshot, other.documents)
                if let wrong { life.mistaken("\(path): \(wrong)") }
            } catch {
                guard !isNeeded, [.notFound, .notAnIndex].contains(error.code) else {
                    life.mistaken("\(path): \(error)")
                    continue
                }
                let names = (try? fileSystem.list(path)) ?? []
                if !mayLeaveFiles, !names.isEmpty { life.mistaken("left \(names) at \(path)") }
            }
        }
    }

    /// That a writer which is of no use says so.
    private func checkPoisoned() throws(GranaryError) {
        guard let writer = try? life.writer() else { return }
        let codes = [
            errorCode { _ = try writer.commit() }, errorCode { _ = try writer.refresh() },
            errorCode { _ = try writer.delete(id: .number(1)) },
        ]
        if codes.contains(where: { $0 != .writerPoisoned }) {
            life.mistaken("a poisoned writer says \(codes.map { "\($0 as Any)" })")
        }
        life.close()
    }

    /// Another commit and another merge.
    private func work(with number: UInt64) throws(GranaryError) {
        // What may have come, and did not, never comes.
        life.state.withLock { state in
            let (number, generation) = (state.model.acknowledged, state.model.generation)
            state.model.commits.removeAll {
                $0.number > number || ($0.number == number && $0.generation > generation)
            }
        }
        try life.upsert([number, 3], number)
        if let first = life.model.live.first, case .number(let id) = first.id { try life.delete([id]) }
        try life.commit()
        try checkReader(false)
        try life.merge()
        try checkReader(false)
        let count = try life.index().snapshot().statistics().segments.count
        if count > 1 { life.mistaken("\(count) segments after a merge") }
    }

    /// That there is nothing but what the two newest generations have.
    private func checkNames(_ origin: String) {
        do throws(GranaryError) {
            let path = IndexLife.path
            let new = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: path)
            let old = try IndexDirectory.manifest(new.generation - 1, fileSystem: fileSystem, path: path)
            var expected = Set((old.files + new.files).map(\.name))
            expected.formUnion([old, new].map { Manifest.fileName($0.generation) })
            expected.insert("LOCK")
            let names = Set(try fileSystem.list(path)).subtracting(["RESERVE"])
            guard names != expected else { return }
            life.mistaken(
                "left over \(origin): \(names.subtracting(expected).sorted()), "
                    + "missing \(expected.subtracting(names).sorted())")
        } catch {
            life.mistaken("no names \(origin): \(error)")
        }
    }
}
