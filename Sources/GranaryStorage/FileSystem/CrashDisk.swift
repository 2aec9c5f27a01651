/// A disk under a recorded history: what is durable, and what has been done since and may or may not have
/// reached it.
///
/// The model is weaker than any journaling file system, after ALICE (Pillai and others, OSDI 2014): each
/// effect that was not made durable happens or not, whatever the others do. A write is its length (the bytes
/// are zeros or garbage where its data is lost) and pieces of its data; a rename is a name that appears and
/// one that goes; a file's bytes and its names have nothing to do with each other.
struct CrashDisk {
    /// What a name stands for.
    enum Entry { case file(Int), directory(Int) }

    /// An effect that a crash may lose.
    enum Effect {
        case name(directory: Int, name: String, entry: Entry?)
        case length(file: Int, count: Int)
        case data(file: Int, offset: Int, bytes: ArraySlice<UInt8>)
    }

    private struct Directory {
        var durable: [String: Entry] = [:]
        var visible: [String: Entry] = [:]
    }

    private var files: [Int: [UInt8]] = [:]
    /// Of the durable bytes of each file.
    private var digests: [Int: Identifier128] = [:]
    private var lengths: [Int: Int] = [:]
    private var directories: [Directory] = []
    private let roots: [String: Int] = ["/": 0, ".": 1]
    /// In the order in which they were done.
    private(set) var effects: [Effect] = []

    /// A disk with these entries, all durable.
    init(_ entries: [String: MemoryFileSystem.Entry]) {
        directories = [Directory(), Directory()]
        for (path, entry) in entries.sorted(by: { $0.key < $1.key }) where roots[path] == nil {
            guard let (directory, name) = place(path) else { continue }
            switch entry {
            case .directory:
                set(directory, name, .directory(directories.count))
                directories.append(Directory())
            case .file(let bytes, let number):
                set(directory, name, .file(number))
                files[number] = bytes
                lengths[number] = bytes.count
                digests[number] = Checksum.blake2s128(bytes)
            }
        }
        for directory in directories.indices { sync(directory: directory) }
    }

    /// Does the next operation of the history.
    mutating func apply(_ operation: FileOperation) {
        switch operation {
        case .create(let path, let file):
            (files[file], lengths[file]) = ([], 0)
            change(path, .file(file))
        case .write(let file, let offset, let bytes): write(file, offset, bytes)
        case .syncFile(let file): sync(file: file)
        case .link(let path, let file): change(path, .file(file))
        case .rename(let path, let target):
            guard let (directory, name) = place(path), let entry = directories[directory].visible[name] else {
                return
            }
            change(target, entry)
            change(path, nil)
        case .unlink(let path), .removeDirectory(let path): change(path, nil)
        case .createDirectory(let path):
            change(path, .directory(directories.count))
            directories.append(Directory())
        case .syncDirectory(let path):
            if let directory = directory(path) { sync(directory: directory) }
        case .note: break
        }
    }

    /// Whether any byte of a file is undecided.
    var hasUndecidedBytes: Bool {
        effects.contains { if case .name = $0 { false } else { true } }
    }

    /// What the disk holds after a crash that only the effects of `happened` survive, and a digest of that.
    ///
    /// - Parameter garbage: what stands in a file where its length has reached the disk and its data has not.
    func image(
        _ happened: [Bool], garbage: UInt8
    ) -> (entries: [String: MemoryFileSystem.Entry], digest: Identifier128) {
        var (files, directories) = (files, directories.map(\.durable))
        var digests = digests
        for (effect, isThere) in zip(effects, happened) where isThere {
            switch effect {
            case .name(let directory, let name, let entry): directories[directory][name] = entry
            case .length(let file, let count):
                Self.extend(&files[file, default: []], to: count, with: garbage)
                digests[file] = nil
            case .data(let file, let offset, let bytes):
                Self.extend(&files[file, default: []], to: offset + bytes.count, with: garbage)
                files[file, default: []].replaceSubrange(offset..<offset + bytes.count, with: bytes)
                digests[file] = nil
            }
        }
        var image: [String: MemoryFileSystem.Entry] = [:]
        for (path, directory) in roots { Self.collect(directory, path, directories, files, into: &image) }
        var summary = ByteWriter()
        for (path, entry) in image.sorted(by: { $0.key < $1.key }) {
            summary.append(counted: Array(path.utf8))
            if case .file(let bytes, let number) = entry {
                summary.append(digests[number] ?? Checksum.blake2s128(bytes))
            }
        }
        return (image, Checksum.blake2s128(summary.bytes))
    }

    private static func collect(
        _ directory: Int, _ path: String, _ directories: [[String: Entry]], _ files: [Int: [UInt8]],
        into image: inout [String: MemoryFileSystem.Entry]
    ) {
        image[path] = .directory
        for (name, entry) in directories[directory] {
            let child = path == "/" ? "/\(name)" : path == "." ? name : "\(path)/\(name)"
            switch entry {
            case .file(let number): image[child] = .file(bytes: files[number] ?? [], number: number)
            case .directory(let number): collect(number, child, directories, files, into: &image)
            }
        }
    }

    private static func extend(_ bytes: inout [UInt8], to count: Int, with garbage: UInt8) {
        if bytes.count < count {
            bytes.append(contentsOf: [UInt8](repeating: garbage, count: count - bytes.count))
        }
    }

    // MARK: Steps

    private mutating func write(_ file: Int, _ offset: Int, _ bytes: [UInt8]) {
        let end = offset + bytes.count
        if end > lengths[file] ?? 0 {
            effects.append(.length(file: file, count: end))
            lengths[file] = end
        }
        // Uneven, so that no cut falls on the border of something that a checksum covers.
        let cuts = bytes.count < 2 ? [0, bytes.count] : [0, bytes.count / 2, bytes.count]
        for (start, end) in zip(cuts, cuts.dropFirst()) where start < end {
            effects.append(.data(file: file, offset: offset + start, bytes: bytes[start..<end]))
        }
    }

    private mutating func sync(file: Int) {
        func isOfFile(_ effect: Effect) -> Bool {
            switch effect {
            case .length(file, _), .data(file, _, _): true
            default: false
            }
        }
        for case .data(file, let offset, let bytes) in effects {
            Self.extend(&files[file, default: []], to: offset + bytes.count, with: 0)
            files[file, default: []].replaceSubrange(offset..<offset + bytes.count, with: bytes)
        }
        effects.removeAll(where: isOfFile)
        digests[file] = Checksum.blake2s128(files[file] ?? [])
    }

    private mutating func sync(directory: Int) {
        directories[directory].durable = directories[directory].visible
        effects.removeAll { effect in
            if case .name(directory, _, _) = effect { true } else { false }
        }
    }

    private mutating func change(_ path: String, _ entry: Entry?) {
        guard let (directory, name) = place(path) else { return }
        set(directory, name, entry)
        effects.append(.name(directory: directory, name: name, entry: entry))
    }

    private mutating func set(_ directory: Int, _ name: String, _ entry: Entry?) {
        directories[directory].visible[name] = entry
    }

    private func place(_ path: String) -> (directory: Int, name: String)? {
        let path = PathName.normal(path)
        return directory(PathName.parent(path)).map { ($0, PathName.name(path)) }
    }

    private func directory(_ path: String) -> Int? {
        let path = PathName.normal(path)
        if let root = roots[path] { return root }
        guard let (parent, name) = place(path),
            case .directory(let number)? = directories[parent].visible[name]
        else {
            return nil
        }
        return number
    }
}

extension CrashDisk.Effect: CustomStringConvertible {
    var description: String {
        switch self {
        case .name(_, let name, let entry): entry == nil ? "-\(name)" : "+\(name)"
        case .length(let file, let count): "length \(count) of file \(file)"
        case .data(let file, let offset, let bytes): "\(bytes.count) bytes at \(offset) of file \(file)"
        }
    }
}
