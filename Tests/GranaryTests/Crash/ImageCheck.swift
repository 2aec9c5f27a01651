import Granary
import GranaryStorage
import TestSupport

/// What must be true of an index after a crash.
extension IndexModel {
    /// Opens an image as a reader, then as a writer, and goes on with it.
    ///
    /// - Returns: what is wrong; nil when nothing is.
    func violation(of image: CrashImage) -> String? {
        let fileSystem = image.fileSystem()
        do throws(GranaryError) {
            let index = try Index.open(at: IndexLife.path, fileSystem: fileSystem)
            let snapshot = try index.snapshot()
            if let wrong = rangeViolation(snapshot, image.notes) { return wrong }
            guard let documents = documents(Self.number(snapshot.userData), snapshot.generation) else {
                return "generation \(snapshot.generation) is of no commit"
            }
            try snapshot.verify(.full)
            if let wrong = try Self.difference(snapshot, documents) { return wrong }
            if let wrong = try otherViolation(fileSystem, image.notes, snapshot.generation) { return wrong }
            return try workViolation(index, fileSystem, snapshot, documents)
        } catch {
            // Before the first acknowledgement there may be no index; then one can be made.
            guard value(.lowGeneration, image.notes) == 0, [.notFound, .notAnIndex].contains(error.code) else {
                return "\(error)"
            }
            return creationViolation(fileSystem)
        }
    }

    private func value(_ note: IndexLife.Note, _ notes: [String: UInt64]) -> UInt64 {
        notes[note.rawValue] ?? 0
    }

    /// That what has been found lies between what was acknowledged and what had begun.
    private func rangeViolation(_ snapshot: Snapshot, _ notes: [String: UInt64]) -> String? {
        let (low, high) = (value(.lowGeneration, notes), value(.highGeneration, notes))
        guard low <= snapshot.generation, snapshot.generation <= high else {
            return "opened at generation \(snapshot.generation), expected \(low) to \(high)"
        }
        let number = Self.number(snapshot.userData)
        let (first, last) = (value(.lowCommit, notes), value(.highCommit, notes))
        guard first <= number, number <= last else {
            return "found commit \(number), expected \(first) to \(last)"
        }
        let isLost = value(.lostFrom, notes) <= number && number <= value(.lostTo, notes)
        return isLost && number > 0 ? "found commit \(number), which was lost before" : nil
    }

    /// That the other indexes are there when they must be, and whole when they are.
    private func otherViolation(
        _ fileSystem: MemoryFileSystem, _ notes: [String: UInt64], _ generation: UInt64
    ) throws(GranaryError) -> String? {
        for (path, other) in others.sorted(by: { $0.key < $1.key }) {
            let isThere = notes["at:\(path)"] == 1 || other.isNeededFrom.map { $0 <= generation } == true
            do throws(GranaryError) {
                let snapshot = try Index.open(at: path, fileSystem: fileSystem).snapshot()
                try snapshot.verify(.full)
                let allowed = isThere ? [other.documents] : other.early
                var wrong: String?
                for documents in allowed {
                    wrong = try Self.difference(snapshot, documents)
                    if wrong == nil { break }
                }
                if let wrong { return "\(path): \(wrong)" }
            } catch {
                if isThere || ![.notFound, .notAnIndex].contains(error.code) { return "\(path): \(error)" }
            }
        }
        return nil
    }

    /// That work goes on: another commit, and nothing is left over but the two newest generations.
    private func workViolation(
        _ index: Index, _ fileSystem: MemoryFileSystem, _ before: Snapshot, _ documents: [Document]
    ) throws(GranaryError) -> String? {
        let old = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: index.path)
        let writer = try index.writer(.small())
        var next = documents
        let document = try Self.document(99, 9)
        try writer.upsert(document)
        next.append(document)
        if let first = documents.first {
            try writer.delete(id: first.id)
            next.removeFirst()
        }
        let receipt = try writer.commit()
        writer.close()
        guard receipt.generation == before.generation + 1 else {
            return "committed generation \(receipt.generation) after \(before.generation)"
        }
        let after = try index.snapshot()
        if let wrong = try Self.difference(after, next) { return "after a commit: \(wrong)" }
        if let wrong = try Self.difference(before, documents) { return "an old snapshot: \(wrong)" }
        let new = try IndexDirectory.latestManifest(fileSystem: fileSystem, path: index.path)
        var expected = Set((old.files + new.files).map(\.name))
        expected.formUnion([old, new].map { Manifest.fileName($0.generation) })
        expected.insert("LOCK")
        let names = Set(try fileSystem.list(index.path)).subtracting(["RESERVE"])
        return names == expected
            ? nil
            : "left over \(names.subtracting(expected).sorted()), "
                + "missing \(expected.subtracting(names).sorted())"
    }

    private func creationViolation(_ fileSystem: MemoryFileSystem) -> String? {
        do throws(GranaryError) {
            let index = try Index.create(at: IndexLife.path, fileSystem: fileSystem)
            return try workViolation(index, fileSystem, try index.snapshot(), [])
        } catch {
            return "no index can be made after the crash: \(error)"
        }
    }
}

/// How many images of a life were looked at, and what was wrong with them.
struct ImageReport {
    var images = 0
    var checked = 0
    var violations: [String] = []
}

extension IndexLife {
    /// Looks at the states that a crash may have left at any moment of this life.
    ///
    /// - Parameters:
    ///   - most: about so many of them, evenly spread; all in a long run.
    ///   - limit: ends after so many violations.
    func examine(
        most: Int, _ options: CrashImageOptions = .few, limit: Int = 3, first: Int = 0
    ) -> ImageReport {
        guard let recording else { return ImageReport() }
        struct Enough: Error {}
        let model = model
        var options = options
        options.firstOperation = first
        var report = ImageReport()
        let total = Effort.isLong ? 0 : recording.forEachCrashImage(options) { _ in }
        let stride = max(1, total / most)
        do {
            _ = try recording.forEachCrashImage(options) { (image) throws(Enough) in
                report.images += 1
                guard report.images % stride == 0 else { return }
                report.checked += 1
                guard let violation = model.violation(of: image) else { return }
                report.violations.append(
                    "after operation \(image.operation), without \(image.lost): \(violation)")
                if report.violations.count >= limit { throw Enough() }
            }
        } catch {}
        return report
    }
}

extension CrashImageOptions {
    /// So many that each kind of loss is among them.
    static var few: CrashImageOptions {
        var options = CrashImageOptions()
        (options.exhaustiveEffects, options.samples) = Effort.isLong ? (8, 48) : (5, 8)
        return options
    }
}
