import ArgumentParser
import Foundation
package import Granary

/// Layouts of documents and queries.
package enum InputFormat: String, CaseIterable, Sendable, ExpressibleByArgument {
    /// One JSON object a line.
    case jsonl
    /// BigANN's sparse matrix.
    case csr
    /// The Common Index File Format: posting lists of impacts.
    case ciff
    /// Anserini's JSON vectors.
    case anserini
    /// Seismic's binary vectors.
    case seismic

    /// The format that a file's name tells.
    package init?(path: String) {
        switch (path as NSString).pathExtension.lowercased() {
        case "jsonl", "ndjson", "json": self = .jsonl
        case "csr", "spmat": self = .csr
        case "ciff": self = .ciff
        default: return nil
        }
    }

    /// Whether weights may be numbers that are the weights times a scale.
    package var hasScale: Bool { self == .ciff || self == .anserini }
}

/// How the files of an input are read.
package struct InputSettings: Sendable {
    /// What to do with a component that stands twice in one vector.
    package var duplicates: SparseVector.Duplicates
    /// The longest line or object of JSON, in bytes.
    package var maximumLineBytes: Int
    /// Whether names are components in decimal.
    package var hasDecimalTokens: Bool
    /// How the numbers of Anserini's vectors are meant.
    package var vectorWeights: VectorWeights?
    /// What a weight of 1 is as a number, in formats that have a scale.
    package var scale: ImpactScale?
    /// Memory for the transposition of posting lists, in bytes.
    package var memoryBytes: Int
    /// Where the temporary file of a transposition is made.
    package var temporaryDirectory: String

    /// Settings, of which each has a default.
    package init(
        duplicates: SparseVector.Duplicates = .reject, maximumLineBytes: Int = 16 << 20,
        hasDecimalTokens: Bool = false, vectorWeights: VectorWeights? = nil, scale: ImpactScale? = nil,
        memoryBytes: Int = 256 << 20, temporaryDirectory: String = NSTemporaryDirectory()
    ) {
        self.duplicates = duplicates
        self.maximumLineBytes = maximumLineBytes
        self.hasDecimalTokens = hasDecimalTokens
        self.vectorWeights = vectorWeights
        self.scale = scale
        self.memoryBytes = memoryBytes
        self.temporaryDirectory = temporaryDirectory
    }

    /// Where the temporary files of an import into an index, or of an export to a file, are best made: on
    /// the disk that has room for the whole. That is in the directory itself if there is one, beside the file
    /// otherwise, and elsewhere for a device or a pipe.
    package static func temporaryDirectory(for path: String) -> String {
        let path = DocumentSource.resolved(path)
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        switch attributes?[.type] as? FileAttributeType {
        case .typeDirectory?: return path
        case .typeRegular?, nil: return (path as NSString).deletingLastPathComponent
        default: return NSTemporaryDirectory()
        }
    }
}

/// What looks on while an input is read, and may stop it.
package struct InputWatch {
    /// Stops.
    package var cancellation: Cancellation
    /// Is told how far work is that comes before documents.
    package var progress: (WorkProgress) -> Void

    /// A watch.
    package init(cancellation: Cancellation, progress: @escaping (WorkProgress) -> Void) {
        self.cancellation = cancellation
        self.progress = progress
    }
}
