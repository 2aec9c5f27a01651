import Granary
import GranaryStorage

/// Commits, their two halves, and what takes them back.
extension ModelRun {
    func publish(_ operation: ModelOperation) throws {
        switch operation {
        case .commit(let byte):
            guard prepared == nil else { return }
            let userData = bytes(byte)
            guard let receipt = try attempt({ try writer.commit(userData: userData) }) else { return }
            model.prepare(userData)
            try published(receipt)
        case .prepare(let byte):
            guard prepared == nil else { return }
            let userData = bytes(byte)
            guard let commit = try attempt({ try writer.prepareCommit(userData: userData) }) else { return }
            prepared = commit
            model.prepare(userData)
        case .publishPrepared:
            guard let commit = prepared else { return }
            // Nothing is written: a full disk is no reason.
            try published(try commit.commit())
            prepared = nil
            try ModelFailure.unless(
                errorCode { _ = try commit.commit() } == .invalidArgument, "one commit twice")
            commit.abort()
        case .abortPrepared(let isLetGo):
            if !isLetGo { prepared?.abort() }
            prepared = nil
            model.abort()
        default:
            let commit = prepared
            prepared = nil
            try writer.rollback()
            model.rollback()
            if let commit {
                try ModelFailure.unless(
                    errorCode { _ = try commit.commit() } == .invalidArgument, "a commit that was rolled back"
                )
            }
        }
    }

    private func bytes(_ byte: UInt8?) -> [UInt8]? { byte.map { [$0, 1, 2] } }

    private func published(_ receipt: CommitReceipt) throws {
        model.publish()
        try seen(receipt.generation)
        try ModelFailure.unless(
            receipt.sequence == model.committed.sequence,
            "committed operations below \(receipt.sequence), expected \(model.committed.sequence)")
        try ModelFailure.unless(
            receipt.documents == model.committed.count,
            "committed \(receipt.documents) documents, expected \(model.committed.count)")
    }

    /// Closes the writer, looks at what is left, and opens another.
    func reopen() throws {
        prepared = nil
        writer.close()
        let document = documents.document(0, 0)
        try ModelFailure.unless(errorCode { try writer.upsert(document) } != nil, "a closed writer writes")
        try checkNoLeftovers()
        writer = try index.writer(setup.options)
        model.reopen()
    }

    /// Another process opens what one leaves that dies now. The snapshots of the dead one are held on to.
    func kill() throws {
        let left = disk.afterCrash(seed: UInt64(1000 + newNumber()))
        emptyDisk()
        let dead = writer
        defer { dead.close() }
        prepared = nil
        disk = left
        index = try Index.open(at: Self.path, fileSystem: disk)
        writer = try index.writer(setup.options)
        model.reopen()
        if !setup.isAutomatic { try checkNoLeftovers() }
    }

    /// The directory holds the files of the last two generations, the lock, the reserve, and nothing else.
    func checkNoLeftovers() throws {
        let names = Set(try disk.list(Self.path))
        let newest = try IndexDirectory.latestManifest(fileSystem: disk, path: Self.path)
        var expected: Set<String> = ["LOCK", Manifest.fileName(newest.generation)]
        expected.formUnion(newest.files.map(\.name))
        let before = Manifest.fileName(newest.generation - 1)
        if names.contains(before) {
            let manifest = try IndexDirectory.manifest(
                newest.generation - 1, fileSystem: disk, path: Self.path)
            expected.formUnion([before] + manifest.files.map(\.name))
        }
        try ModelFailure.unless(
            names.subtracting(["RESERVE"]) == expected,
            "left over \(names.subtracting(expected).sorted()), missing \(expected.subtracting(names).sorted())"
        )
        try ModelFailure.unless(
            newest.generation == 1 || names.contains(before),
            "the generation before \(newest.generation) is gone")
    }

    /// The end of a program: everything is looked at, by the writer and by another who opens the index.
    func finish() throws {
        emptyDisk()
        try publish(.abortPrepared(isLetGo: false))
        for slot in slots.indices { try perform(.release(slot: slot)) }
        try publish(.commit(userData: nil))
        writer.resumeMerges()
        try writer.waitForMerges()
        try committed().check()
        try ModelFailure.unless(writer.statistics.poison == nil, "the writer is poisoned")
        try reopen()
        try committed().check()
        writer.close()
        try checkNoLeftovers()
    }
}
