/// Paths as strings.
public enum PathName {
    /// The directory that a path lies in: `.` for a bare name, `/` at the top.
    public static func parent(_ path: String) -> String {
        let trimmed = trimmed(path)
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        let parent = Self.trimmed(trimmed[..<slash])
        return parent.isEmpty ? "/" : String(parent)
    }

    /// The last part of a path.
    public static func name(_ path: String) -> String { String(path.split(separator: "/").last ?? "") }

    /// A path without the slashes and dots that change nothing.
    package static func normal(_ path: String) -> String {
        let parts = path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
        return path.hasPrefix("/") ? "/" + parts : parts.isEmpty ? "." : parts
    }

    private static func trimmed(_ path: some StringProtocol) -> Substring {
        var rest = Substring(path)
        while rest.count > 1, rest.hasSuffix("/") { rest.removeLast() }
        return rest
    }
}
