/// One step of a recorded history: everything that changes a file system or makes a change durable.
///
/// Files are told by number, since a write belongs to a file and not to a name.
package enum FileOperation: Sendable, Equatable {
    /// A new empty file and its name.
    case create(path: String, file: Int)
    /// Bytes of a file.
    case write(file: Int, offset: Int, bytes: [UInt8])
    /// The bytes of a file become durable; its names do not.
    case syncFile(Int)
    /// A further name of a file.
    case link(path: String, file: Int)
    /// A new name in place of another.
    case rename(path: String, target: String)
    /// The end of a name.
    case unlink(path: String)
    /// A new directory.
    case createDirectory(path: String)
    /// The end of a directory.
    case removeDirectory(path: String)
    /// The names in a directory become durable; the bytes of its files do not.
    case syncDirectory(path: String)
    /// Something that a workload says of itself; it stays known until it is said anew.
    case note(name: String, value: UInt64)
}
