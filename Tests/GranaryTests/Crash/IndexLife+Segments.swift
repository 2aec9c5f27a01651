import Granary
import GranaryStorage
import Synchronization
import TestSupport

/// Merges, and segments that come from other indexes or go to them.
extension IndexLife {
    func merge(to segments: Int = 1) throws(GranaryError) {
        // The merge, and a generation that lets go of its inputs.
        raise(2)
        try writer().merge(to: segments)
        try settle()
    }

    func waitForMerges() throws(GranaryError) {
        try writer().waitForMerges()
        try settle()
    }

    /// Notes that another index is there.
    private func isThere(_ path: String) { recording?.note("at:\(path)", 1) }

    /// Makes another index of some documents.
    func makeOther(_ path: String, _ documents: [Document]) throws(GranaryError) {
        state.withLock {
            $0.model.others[path] = IndexModel.Other(early: [[], documents], documents: documents)
        }
        let writer = try Index.create(at: path, fileSystem: fileSystem).writer(.small())
        defer { writer.close() }
        for document in documents { try writer.upsert(document) }
        _ = try writer.commit()
        isThere(path)
    }

    func backUp(to path: String, isVerified: Bool = false) throws(GranaryError) {
        let snapshot = try index().snapshot()
        state.withLock { state in
            let documents = state.model.committed
            state.model.others[path] = IndexModel.Other(early: [documents], documents: documents)
        }
        try snapshot.backup(to: path, isVerified: isVerified)
        isThere(path)
    }

    func attach(_ paths: [String]) throws(GranaryError) {
        try writer().attach(paths)
        state.withLock { state in
            for path in paths {
                for document in state.model.others[path]?.documents ?? [] { state.model.upsert(document) }
            }
        }
    }

    /// Takes out the segment that holds exactly these committed documents.
    func detach(_ numbers: [UInt64], to path: String) throws(GranaryError) {
        let ids = numbers.map { DocumentKey.number($0) }
        guard let segment = try segment(holding: ids) else {
            throw GranaryError(.notFound, "no segment of \(numbers)")
        }
        let fixed = state.withLock { state in
            let (committed, generation) = (state.model.committed, state.model.generation + 1)
            let gone = committed.filter { ids.contains($0.id) }
            state.model.others[path] = IndexModel.Other(
                early: [gone], documents: gone, isNeededFrom: generation)
            state.model.commits.append(
                IndexModel.Commit(
                    number: state.model.acknowledged, generation: generation,
                    documents: committed.filter { !gone.contains($0) }))
            return (gone, state.model.commits.count)
        }
        raise(1)
        do throws(GranaryError) {
            try writer().detach([segment], to: path)
        } catch {
            if error.code != .commitUncertain {
                state.withLock { state in
                    _ = state.model.commits.remove(at: fixed.1 - 1)
                    state.model.others[path]?.isNeededFrom = nil
                }
            }
            throw error
        }
        state.withLock { $0.model.live.removeAll { fixed.0.contains($0) } }
        isThere(path)
        try settle()
    }

    /// Takes the oldest segment out, if there is one, whatever it holds.
    func detachOldest(to path: String) throws(GranaryError) {
        guard let segment = try index().snapshot().statistics().segments.first else { return }
        raise(1)
        try writer().detach([segment.id], to: path)
        var gone: [Document] = []
        try Index.open(at: path, fileSystem: fileSystem).snapshot().forEachDocument { gone.append($0) }
        let all = gone
        let isRight = state.withLock { state in
            let (committed, generation) = (state.model.committed, state.model.generation + 1)
            state.model.others[path] = IndexModel.Other(
                early: [all], documents: all, isNeededFrom: generation)
            state.model.commits.append(
                IndexModel.Commit(
                    number: state.model.acknowledged, generation: generation,
                    documents: committed.filter { !all.contains($0) }))
            state.model.live.removeAll { all.contains($0) }
            return committed.filter { all.contains($0) } == all
        }
        if !isRight { mistaken("detached \(all)") }
        isThere(path)
        try settle()
    }

    private func segment(holding ids: [DocumentKey]) throws(GranaryError) -> String? {
        let snapshot = try index().snapshot()
        let committed = model.committed.map(\.id)
        // Segments are in the order of insertion here, each with documents of its own.
        var place = 0
        for segment in snapshot.statistics().segments {
            let count = segment.documents - segment.dead
            if Set(committed[place..<place + count]) == Set(ids) { return segment.id }
            place += count
        }
        return nil
    }
}
