/// A generation that has everything on disk but its name: the first half of a commit in two steps.
public struct PreparedManifest: Sendable {
    /// The generation as it will be.
    public let manifest: Manifest
    let hash: Identifier128
    let temporary: String
}
