import Foundation
import Granary

/// Makes an index in a temporary directory, adds three documents and searches them.
@main
struct Main {
    static func main() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(
            "embedding-\(UUID().uuidString)"
        ).path
        defer { try? FileManager.default.removeItem(atPath: path) }

        let index = try Index.create(at: path)
        let writer = try index.writer()
        let texts =
            [
                ("oil", ["oil": 1.7, "crisis": 1.4, "1973": 1.1], "The oil crisis of 1973"),
                ("olive", ["olive": 1.6, "oil": 1.2, "greek": 0.4], "Olive oil from Crete"),
                ("bank", ["bank": 1.5, "crisis": 1.3, "2008": 0.9], "The banking crisis of 2008"),
            ] as [(String, [String: Float], String)]
        for (id, weights, text) in texts {
            let vector = try SparseVector(weights)
            try writer.upsert(Document(id: .string(id), sparse: vector, payload: Array(text.utf8)))
        }
        _ = try await writer.commit()
        writer.close()

        let snapshot = try index.snapshot()
        for hit in try await snapshot.search(Query(sparse: SparseVector(["oil": 1, "crisis": 0.8]), k: 2)) {
            let text = try snapshot.payload(id: hit.id).map { String(decoding: $0, as: UTF8.self) } ?? ""
            print(hit.score, hit.id, text)
        }
    }
}
