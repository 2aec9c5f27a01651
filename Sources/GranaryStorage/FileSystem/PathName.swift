/// Paths as strings.
public enum PathName {
    /// The directory that a path lies in: `.` for a bare name, `/` at the top.
    public static func parent(_ path: String) -> String {
        if isPlain(path) {
            guard let slash = path.utf8.lastIndex(of: slash) else { return "." }
            return slash == path.startIndex ? "/" : String(path[..<slash])
        }
        let trimmed = trimmed(path)
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        let parent = Self.trimmed(trimmed[..<slash])
        return parent.isEmpty ? "/" : String(parent)
    }

    /// The last part of a path.
    public static func name(_ path: String) -> String {
        if isPlain(path) {
            guard let slash = path.utf8.lastIndex(of: slash) else { return path }
            return String(path[path.utf8.index(after: slash)...])
        }
        return String(path.split(separator: "/").last ?? "")
    }

    /// A path without slashes and dots that change nothing, where there are no links that give them a
    /// meaning.
    package static func normal(_ path: String) -> String {
        if isPlain(path) { return path }
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

    private static let slash = UInt8(ascii: "/")
    private static let dot = UInt8(ascii: ".")

    /// Whether a path is normal at a glance: no part of it is empty or begins with a dot.
    private static func isPlain(_ path: String) -> Bool {
        let bytes = path.utf8
        var (position, isStart) = (bytes.startIndex, false)
        while position < bytes.endIndex {
            let byte = bytes[position]
            if byte == slash {
                if isStart { return false }
                isStart = true
            } else {
                if byte == dot, isStart || position == bytes.startIndex { return false }
                isStart = false
            }
            position = bytes.index(after: position)
        }
        return !isStart && !path.isEmpty
    }

    private static func trimmed(_ path: some StringProtocol) -> Substring {
        var rest = Substring(path)
        while rest.count > 1, rest.hasSuffix("/") { rest.removeLast() }
        return rest
    }
}
