import Granary
import GranaryStorage

/// A directory that is changed step by step.
///
/// A step: u8 kind | u8 name, by its place among all names | what the kind needs.
struct HostileDirectory {
    private(set) var entries: [String: MemoryFileSystem.Entry]
    private(set) var steps = 0
    /// Whether checksums were made right after a change: then bytes may say what nobody has written.
    private(set) var isForged = false
    private let source: DirectorySource
    private var nextNumber = 1000

    private static let oddNames = [
        "notes.txt", "MANIFEST", "MANIFEST-", "MANIFEST-000000000000000G", "manifest-0000000000000001",
        "0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789ABCDEF.blocks", ".blocks", "é", " ",
        "MANIFEST-00000000000000001", "0123456789abcdef0123456789abcdef.blocks.tmp", "LOCK.old", "-", "..a",
    ]

    init(_ source: DirectorySource) { (self.source, entries) = (source, source.entries) }

    /// The directory on a disk of its own.
    func fileSystem() -> MemoryFileSystem {
        var all: [String: MemoryFileSystem.Entry] = [Seed.path: .directory]
        for (name, entry) in entries { all["\(Seed.path)/\(name)"] = entry }
        return MemoryFileSystem(all, seed: 7)
    }

    /// Takes one step.
    mutating func change(_ input: inout Input) {
        steps += 1
        let kind = input.byte() % 12
        let names = entries.keys.sorted()
        let name = names.isEmpty ? "LOCK" : input.one(of: names)
        switch kind {
        case 0: entries[name] = nil
        case 1: put(bytes(input.one(of: source.entries.keys.sorted())), name)
        case 2: put(Array(bytes(name).prefix(Int(input.number(UInt16.self)))), name)
        case 3: put(bytes(name) + input.next(Int(input.byte() % 32)), name)
        case 4: edit(name, &input, isRepaired: false)
        case 5: edit(name, &input, isRepaired: true)
        case 6: putManifest(&input)
        case 7: editManifest(&input)
        case 8: putForeign(&input)
        case 9: entries[name] = .directory
        case 10:
            let file = input.one(of: source.others.map(\.name))
            put(source.others.first { $0.name == file }?.bytes ?? [], input.byte() & 1 == 0 ? file : name)
        default: put([], name)
        }
    }

    private mutating func put(_ bytes: [UInt8], _ name: String) {
        nextNumber += 1
        entries[name] = .file(bytes: bytes, number: nextNumber)
    }

    private func bytes(_ name: String) -> [UInt8] {
        if case .file(let bytes, _)? = entries[name] { return bytes }
        return []
    }

    private mutating func edit(_ name: String, _ input: inout Input, isRepaired: Bool) {
        var bytes = bytes(name)
        guard !bytes.isEmpty else { return }
        for _ in 0...input.below(3) {
            let place = Int(input.number(UInt16.self)) % bytes.count
            bytes[place] = input.byte()
        }
        defer { put(bytes, name) }
        guard isRepaired else { return }
        isForged = true
        if Manifest.generation(ofFileName: name) != nil { return Repair.manifest(&bytes) }
        // A newest manifest that goes with the changed file.
        var manifest = source.manifest
        guard let place = manifest.files.firstIndex(where: { $0.name == name }),
            let root = Repair.container(&bytes)
        else { return }
        manifest.files[place].rootHash = root
        if let encoded = try? manifest.encoded() { put(encoded, Manifest.fileName(manifest.generation)) }
    }

    /// A manifest of either index under the name of some generation.
    private mutating func putManifest(_ input: inout Input) {
        let manifests = source.others.filter { Manifest.generation(ofFileName: $0.name) != nil }.map(\.bytes)
        let known = source.entries.keys.filter { Manifest.generation(ofFileName: $0) != nil }.sorted().map(
            bytes)
        let generation = input.byte()
        let name = Manifest.fileName(generation == 255 ? .max : UInt64(generation % 8))
        put(input.one(of: manifests + known), name)
    }

    /// The newest manifest with a part of it changed, well encoded.
    private mutating func editManifest(_ input: inout Input) {
        isForged = true
        var manifest = source.manifest
        let (kind, value, large) = (input.byte(), Int(input.byte()), input.number(UInt64.self))
        if !manifest.segments.isEmpty, !manifest.files.isEmpty {
            let (segment, file) = (value % manifest.segments.count, value % manifest.files.count)
            switch kind % 12 {
            case 0: manifest.generation = large
            case 1: manifest.nextSequence = large
            case 2: manifest.segments[segment].documents = UInt32(truncatingIfNeeded: large)
            case 3: manifest.segments[segment].dead = UInt32(truncatingIfNeeded: large)
            case 4: manifest.segments[segment].deadFile = UInt32(value % 8)
            case 5: manifest.segments[segment].files = [UInt32(value % 8), UInt32(large % 8)]
            case 6: manifest.segments[segment].firstSequence = large
            case 7: manifest.segments.append(manifest.segments[segment])
            case 8: manifest.segments.remove(at: segment)
            case 9: manifest.files[file].length = large
            case 10: manifest.files.remove(at: file)
            default: manifest.segments.swapAt(segment, Int(large % UInt64(manifest.segments.count)))
            }
        }
        if kind & 0x80 != 0 { manifest.schema = input.next(Int(input.byte() % 40)) }
        if let bytes = try? manifest.encoded() { put(bytes, Manifest.fileName(manifest.generation)) }
    }

    private mutating func putForeign(_ input: inout Input) {
        let odd = input.byte()
        let name =
            odd < 200
            ? Self.oddNames[Int(odd) % Self.oddNames.count]
            : String(decoding: input.next(Int(odd - 199)), as: UTF8.self)
        let isPath = name.isEmpty || name == "." || name == ".." || name.utf8.contains(UInt8(ascii: "/"))
        if !isPath { put([1, 2, 3], name) }
    }
}

extension HostileDirectory {
    /// Files under names that are not of the engine's own shape (`Formats/README.md` lists those): whoever
    /// made them, nobody may remove or change them.
    var foreign: [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        for (name, entry) in entries where !Self.isOurs(name) {
            if case .file(let bytes, _) = entry { found[name] = bytes }
        }
        return found
    }

    private static func isOurs(_ name: String) -> Bool {
        if name == "LOCK" || name == "RESERVE" || Manifest.generation(ofFileName: name) != nil { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 2 && Identifier128(hex: String(parts[0])) != nil
            && ["blocks", "summary", "dense", "dead", "tmp"].contains(String(parts[1]))
    }
}
