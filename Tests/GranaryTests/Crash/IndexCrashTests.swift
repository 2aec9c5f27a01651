import Granary
import GranaryStorage
import TestSupport
import Testing

/// Promises 1 and 2 for a whole index: documents, deletes, replacements.
@Suite("An index after a crash")
struct IndexCrashTests {
    /// The documents of a generation: key and payload.
    private typealias Content = [DocumentKey: [UInt8]]

    /// Every how manieth image is looked at.
    private static let stride = Effort.isLong ? 1 : 11

    private func document(_ number: UInt64, _ version: UInt8) throws(GranaryError) -> Document {
        let vector = try SparseVector(
            components: [UInt32(number), 100 + UInt32(version), 7], weights: [1, 2, Float(version) + 1])
        return Document(id: .number(number), sparse: vector, payload: [version, UInt8(number)])
    }

    private func content(_ snapshot: Snapshot) throws(GranaryError) -> Content {
        var content: Content = [:]
        try snapshot.forEachDocument { (document: Document) throws(GranaryError) in
            content[document.id] = document.payload
        }
        return content
    }

    @Test("has the documents of one allowed generation, whole, and takes more")
    func images() throws {
        let recording = RecordingFileSystem()
        recording.note("started", 1)
        let index = try Index.create(at: "/d", fileSystem: recording)
        recording.note("acknowledged", 1)
        var history: [UInt64: Content] = [1: [:]]
        let writer = try index.writer(.small())
        let rounds: [(upserts: [UInt64], deletes: [UInt64])] = [([1, 2, 3], []), ([2, 4], [1])]
        for (round, (upserts, deletes)) in rounds.enumerated() {
            let generation = UInt64(round + 2)
            var content = history[generation - 1] ?? [:]
            for number in upserts {
                let document = try document(number, UInt8(round))
                try writer.upsert(document)
                content[document.id] = document.payload
            }
            for number in deletes {
                try writer.delete(id: .number(number))
                content[.number(number)] = nil
            }
            recording.note("started", generation)
            history[generation] = content
            #expect(try writer.commit().generation == generation)
            recording.note("acknowledged", generation)
        }
        var options = CrashImageOptions()
        (options.exhaustiveEffects, options.samples) = (1, 1)
        var (images, checked, wrong) = (0, 0, [String]())
        _ = recording.forEachCrashImage(options) { image in
            images += 1
            // Opening a whole index takes milliseconds: a part of the images, the same ones each time.
            guard images % Self.stride == 0 else { return }
            checked += 1
            guard wrong.count < 3, let violation = violation(of: image, history) else { return }
            wrong.append("after operation \(image.operation), without \(image.lost): \(violation)")
        }
        #expect(wrong == [])
        #expect(checked > 10)
    }

    /// What is wrong with an image; nil when nothing is.
    private func violation(of image: CrashImage, _ history: [UInt64: Content]) -> String? {
        let low = image.notes["acknowledged"] ?? 0
        let high = image.notes["started"] ?? 0
        let fileSystem = image.fileSystem()
        do throws(GranaryError) {
            let index = try Index.open(at: "/d", fileSystem: fileSystem)
            let snapshot = try index.snapshot()
            guard low <= snapshot.generation, snapshot.generation <= high else {
                return "opened at generation \(snapshot.generation), expected \(low) to \(high)"
            }
            try snapshot.verify(.full)
            let found = try content(snapshot)
            guard found == history[snapshot.generation] else {
                return "generation \(snapshot.generation) holds \(found)"
            }
            let writer = try index.writer(.small())
            try writer.upsert(try document(9, 9))
            let receipt = try writer.commit()
            writer.close()
            let next = try index.snapshot()
            guard receipt.generation == snapshot.generation + 1, next.documentCount == found.count + 1 else {
                return "generation \(receipt.generation) holds \(next.documentCount) documents"
            }
            return nil
        } catch {
            return low == 0 && (error.code == .notFound || error.code == .notAnIndex) ? nil : "\(error)"
        }
    }
}
