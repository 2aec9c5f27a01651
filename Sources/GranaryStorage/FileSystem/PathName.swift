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

    /// A path without slashes and dots that change nothing, where there are no links that give them a
    /// meaning.
    package static func normal(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == "..", let last = parts.last, last != ".." {
                parts.removeLast()
            } else if part != ".." || !path.hasPrefix("/") {
                parts.append(part)
            }
        }
        let joined = parts.joined(separator: "/")
        return path.hasPrefix("/") ? "/" + joined : joined.isEmpty ? "." : joined
    }

    private static func trimmed(_ path: some StringProtocol) -> Substring {
        var rest = Substring(path)
        while rest.count > 1, rest.hasSuffix("/") { rest.removeLast() }
        return rest
    }
}
