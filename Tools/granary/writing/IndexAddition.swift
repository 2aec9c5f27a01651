import CommandSupport
import Granary

/// Documents that go into an index that is there.
struct IndexAddition {
    /// What was added.
    struct Receipt {
        /// Documents taken in.
        var added = 0
        /// Of these, those that replaced another one.
        var replaced = 0
        var commits = 0
        /// Live documents after the last commit.
        var documents = 0
        /// The generation of the last commit.
        var generation: UInt64 = 0
        /// Why merges that were due are left to the next writer; nil when none are.
        var unmerged: String?
        var statistics: WriterStatistics
    }

    var path: String
    var options: WriterOptions
    /// Documents of a commit; nil commits once, at the end.
    var commitEvery: Int?
    /// Bytes to store with the last commit.
    var userData: [UInt8]?
    var fileSystem: any FileSystem = PosixFileSystem()

    /// Adds. On any error what is not committed is given up; what is stays.
    func run(_ intake: DocumentIntake) throws(GranaryError) -> Receipt {
        let index = try openIndex()
        try intake.source.vectors?.check(for: index.schema, option: "--dense")
        let writer = try intake.open { () throws(GranaryError) in try index.writer(options) }
        defer { writer.close() }
        var receipt = Receipt(statistics: writer.statistics)
        do throws(GranaryError) {
            try intake.run(into: writer) { () throws(GranaryError) in
                guard let commitEvery, writer.addedCount >= commitEvery else { return }
                try commit(writer, nil, &receipt)
            }
            // The last document may have been committed already.
            if receipt.commits == 0 || writer.addedCount > 0 || userData != nil {
                try commit(writer, userData, &receipt)
            }
        } catch {
            if receipt.commits > 0 {
                warn(
                    "the first \(receipt.added) documents are committed, with generation "
                        + "\(receipt.generation)")
            }
            throw error
        }
        if options.merging.isAutomatic { try waitForMerges(writer, intake.cancellation, &receipt) }
        receipt.statistics = writer.statistics
        return receipt
    }

    private func openIndex() throws(GranaryError) -> Index {
        do throws(GranaryError) {
            return try Index.open(at: path, fileSystem: fileSystem)
        } catch {
            guard [.notFound, .notAnIndex].contains(error.code) else { throw error }
            throw GranaryError(
                error.code, "expected an index to add to (to make one: granary build)", path: path)
        }
    }

    private func commit(
        _ writer: IndexWriter, _ userData: [UInt8]?, _ receipt: inout Receipt
    ) throws(GranaryError) {
        let (added, replaced) = (writer.addedCount, writer.replacedCount)
        let done = try writer.commit(userData: userData)
        (receipt.documents, receipt.generation) = (done.documents, done.generation)
        receipt.added += added
        receipt.replaced += replaced
        receipt.commits += 1
    }

    /// What is committed is safe: neither a signal nor a failed merge makes a failure of it.
    private func waitForMerges(
        _ writer: IndexWriter, _ cancellation: Cancellation, _ receipt: inout Receipt
    ) throws(GranaryError) {
        do throws(GranaryError) {
            try writer.waitForMerges(cancellation: cancellation)
        } catch {
            guard error.code == .cancelled else { throw error }
            receipt.unmerged = "interrupted"
            return
        }
        let statistics = writer.statistics
        if statistics.failedMerges > 0 {
            receipt.unmerged = statistics.lastFailure ?? "\(statistics.failedMerges) failed"
        } else if statistics.lacksSpaceForMerges {
            receipt.unmerged = "not enough space on disk"
        }
    }
}
