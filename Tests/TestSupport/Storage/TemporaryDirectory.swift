import Foundation

/// A directory of the real file system that goes, with all in it, when its last reference does.
public final class TemporaryDirectory: Sendable {
    /// Its path.
    public let path: String

    /// Makes one.
    public init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "granary-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
