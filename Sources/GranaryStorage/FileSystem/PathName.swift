/// Paths as strings.
public enum PathName {
    /// The directory that a path lies in: `.` for a bare name, `/` at the top.
    public static func parent(_ path: String) -> String {
        let trimmed = path.count > 1 && path.hasSuffix("/") ? path.dropLast() : path[...]
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }

    /// The last part of a path.
    public static func name(_ path: String) -> String { String(path.split(separator: "/").last ?? "") }
}
