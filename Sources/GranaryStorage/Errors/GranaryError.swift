/// The one error of the engine: a stable code to decide by, a sentence for people, and where it applies the
/// place.
///
/// Codes are never renumbered; new ones are added. Compare `code`, never `message`.
public struct GranaryError: Error, Sendable, Equatable {
    /// What kind of failure this is. An open set: a later version may add codes.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The stable number.
        public let rawValue: Int32

        /// Makes a code of a number.
        public init(rawValue: Int32) { self.rawValue = rawValue }

        /// The system refused a read, a write or another call.
        public static let io = Code(rawValue: 1)
        /// The file system or a quota is full.
        public static let diskFull = Code(rawValue: 2)
        /// A file or directory is not there.
        public static let notFound = Code(rawValue: 3)
        /// A file is there that should not be, or a directory is not empty.
        public static let alreadyExists = Code(rawValue: 4)
        /// The process may not do this.
        public static let permissionDenied = Code(rawValue: 5)
        /// Another writer has the index.
        public static let locked = Code(rawValue: 6)
        /// Bytes say what no writer writes.
        public static let corrupt = Code(rawValue: 10)
        /// A file or structure ends early.
        public static let truncated = Code(rawValue: 11)
        /// Bytes do not have their checksum.
        public static let checksumMismatch = Code(rawValue: 12)
        /// A file is not the one that the index means: foreign, swapped, or of another kind.
        public static let wrongFile = Code(rawValue: 13)
        /// A newer version wrote this.
        public static let unsupportedVersion = Code(rawValue: 14)
        /// A directory has no manifest.
        public static let notAnIndex = Code(rawValue: 15)
        /// Whether the commit is durable is not known; the writer is poisoned.
        public static let commitUncertain = Code(rawValue: 20)
        /// An earlier failure made the writer unusable.
        public static let writerPoisoned = Code(rawValue: 21)
        /// A writer waited longer than it may for room, a flush or a merge.
        public static let stalled = Code(rawValue: 22)
        /// The operation was cancelled.
        public static let cancelled = Code(rawValue: 30)
        /// An argument is out of its range.
        public static let invalidArgument = Code(rawValue: 40)
        /// Something is larger than the format or a limit allows.
        public static let tooLarge = Code(rawValue: 41)
        /// Input is not in the form that it should have.
        public static let malformedInput = Code(rawValue: 50)
        /// A weight is negative, infinite, not a number or over 65504.
        public static let invalidWeight = Code(rawValue: 51)
        /// A component stands twice in one vector.
        public static let duplicateComponent = Code(rawValue: 52)
        /// This version cannot do this.
        public static let unsupported = Code(rawValue: 60)
    }

    /// What kind of failure this is.
    public var code: Code
    /// What was expected and what was found.
    public var message: String
    /// The file or directory.
    public var path: String?
    /// The section of the file.
    public var section: String?
    /// Bytes from the beginning of the file, or of the section where one is named.
    public var byteOffset: UInt64?
    /// The line or row of an input file, from 1.
    public var line: UInt64?
    /// The system's errno.
    public var systemError: Int32?

    /// Makes an error.
    public init(
        _ code: Code, _ message: String, path: String? = nil, section: String? = nil,
        byteOffset: UInt64? = nil,
        line: UInt64? = nil, systemError: Int32? = nil
    ) {
        self.code = code
        self.message = message
        self.path = path
        self.section = section
        self.byteOffset = byteOffset
        self.line = line
        self.systemError = systemError
    }
}

extension GranaryError: CustomStringConvertible {
    /// The message, then the place, in one line: what message and path quote of a file or a name may be
    /// anything, and is shown as no command to a terminal and up to a length.
    public var description: String {
        var place: [String] = []
        if let path { place.append(path.shown) }
        if let line { place.append("line \(line)") }
        if let section { place.append("section \(section.shown)") }
        if let byteOffset { place.append("byte \(byteOffset)") }
        var text = "\(code): \(message.shown)"
        if !place.isEmpty { text += " (\(place.joined(separator: ", ")))" }
        return text
    }
}

extension GranaryError.Code: CustomStringConvertible {
    private static let names: [GranaryError.Code: String] = [
        .io: "input/output error", .diskFull: "disk full", .notFound: "not found",
        .alreadyExists: "already exists",
        .permissionDenied: "permission denied", .locked: "locked", .corrupt: "corrupt",
        .truncated: "truncated",
        .checksumMismatch: "checksum mismatch", .wrongFile: "wrong file",
        .unsupportedVersion: "unsupported version",
        .notAnIndex: "not an index", .commitUncertain: "commit uncertain", .writerPoisoned: "writer poisoned",
        .stalled: "stalled",
        .cancelled: "cancelled", .invalidArgument: "invalid argument", .tooLarge: "too large",
        .malformedInput: "malformed input", .invalidWeight: "invalid weight",
        .duplicateComponent: "duplicate component", .unsupported: "unsupported",
    ]

    /// The code's name in words.
    public var description: String { Self.names[self] ?? "error \(rawValue)" }
}
