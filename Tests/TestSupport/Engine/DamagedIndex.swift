public import Granary

/// Everything that can be asked of an index whose bytes cannot be trusted.
public enum DamagedIndex {
    /// Calls all of a snapshot's functions; errors of the engine are fine, whatever they are.
    public static func exercise(_ snapshot: Snapshot) throws {
        func allowing(_ body: () throws(GranaryError) -> Void) {
            do throws(GranaryError) { try body() } catch { _ = error.description }
        }
        let numbers = (0..<40).map { UInt32($0) }
        let queries = [
            try SparseVector(components: numbers, weights: numbers.map { 1 + Float($0) }),
            try SparseVector(tokens: numbers.map { ("t\($0)", 1) }),
        ]
        let settings = [SearchSettings.everything]
        if let dense = snapshot.schema.dense {
            let vector = [Float](repeating: 0.5, count: dense.dimensions)
            for sparse in queries + [try SparseVector(components: [], weights: [])] {
                for fusion in [Fusion.dense, .linear(sparse: 1, dense: 1)] {
                    allowing { () throws(GranaryError) in
                        _ = try snapshot.search(
                            Query(sparse: sparse, dense: vector, k: 3, candidates: 50, fusion: fusion))
                    }
                }
            }
        }
        for query in queries {
            for k in [3, 1000] {
                allowing { () throws(GranaryError) in
                    _ = try snapshot.search(Query(sparse: query, k: k, exact: true))
                }
                allowing { () throws(GranaryError) in
                    _ = try snapshot.search(Query(sparse: query, k: k, recall: 0.9))
                }
                for setting in settings {
                    allowing { () throws(GranaryError) in
                        _ = try snapshot.search(Query(sparse: query, k: k, settings: setting))
                    }
                }
            }
            for number in stride(from: 0, to: 81, by: 10) {
                let id: DocumentKey = number % 3 == 0 ? .number(UInt64(number)) : .string("d\(number)")
                allowing { () throws(GranaryError) in _ = try snapshot.score(query, ids: [id]) }
                allowing { () throws(GranaryError) in _ = try snapshot.explain(query, id: id) }
                allowing { () throws(GranaryError) in _ = try snapshot.document(id: id) }
                allowing { () throws(GranaryError) in _ = try snapshot.payload(id: id) }
            }
        }
        allowing { () throws(GranaryError) in try snapshot.forEachDocument { _ in } }
        allowing { () throws(GranaryError) in try snapshot.forEachKey { _ in } }
        allowing { () throws(GranaryError) in try snapshot.exportCSR { _ in } }
        allowing { () throws(GranaryError) in try snapshot.exportSeismic { _ in } }
        allowing { () throws(GranaryError) in
            try snapshot.exportCIFF(CIFFExportOptions(memoryBytes: 0)) { _ in }
        }
        allowing { () throws(GranaryError) in _ = try snapshot.vocabulary() }
        _ = snapshot.statistics()
        _ = snapshot.documentCount
        _ = snapshot.settings(forRecall: 0.95)
    }
}
