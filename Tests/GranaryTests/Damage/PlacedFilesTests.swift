import Foundation
import Granary
import GranaryStorage
import TestSupport
import Testing

/// What is no file in the place of a file, on the real file system: a typed error, at once, for readers and
/// writers; and nothing outside the directory is touched.
@Suite(.timeLimit(.minutes(5))) struct PlacedFilesTests {
    private let directory: TemporaryDirectory
    private let index: DamageIndex
    private var path: String { directory.path + "/index" }

    init() throws {
        directory = try TemporaryDirectory()
        index = try DamageIndex.shared.get()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        for (name, bytes) in index.files { try write(bytes, name) }
    }

    private func write(_ bytes: [UInt8], _ name: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }

    /// What may stand under a name.
    enum Thing: CaseIterable {
        case directory, pipe, linkToItself, linkToNothing, linkToTheSame, linkToAnother, linkToDevice, socket
    }

    private func place(_ thing: Thing, _ name: String) throws {
        let place = "\(path)/\(name)"
        try? FileManager.default.removeItem(atPath: place)
        func link(_ target: String) throws {
            try FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: target)
        }
        switch thing {
        case .directory:
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
        // SAFETY: the path is a C string during the call.
        case .pipe: #expect(unsafe mkfifo(place, 0o600) == 0)
        case .linkToItself: try link(place)
        case .linkToNothing: try link("\(directory.path)/nothing")
        case .linkToTheSame:
            let copy = "\(directory.path)/copy"
            try Data(index.files[name] ?? [1]).write(to: URL(fileURLWithPath: copy))
            try link(copy)
        case .linkToAnother: try link("\(path)/\(index.names[1] == name ? index.names[2] : index.names[1])")
        case .linkToDevice: try link("/dev/zero")
        case .socket: try listen(place)
        }
    }

    /// A socket by a relative path: names of sockets are short.
    private func listen(_ place: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(place.utf8)
        // A name of 107 bytes has room; a longer one is left out, and a pipe stands for it.
        guard bytes.count < 107 else {
            // SAFETY: the path is a C string during the call.
            #expect(unsafe mkfifo(place, 0o600) == 0)
            return
        }
        // SAFETY: the name is shorter than its place, and the structure is filled.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(result == 0)
    }

    private func read() -> GranaryError.Code? {
        errorCode { try Index.open(at: path).snapshot().verify(.full) }
    }

    private func writeCode() -> GranaryError.Code? {
        errorCode {
            let writer = try Index.open(at: path).writer(.small())
            defer { writer.close() }
            try writer.delete(id: "d1")
            _ = try writer.commit()
        }
    }

    @Test func theIndexIsSoundOnDisk() {
        #expect(read() == nil)
        #expect(writeCode() == nil)
    }

    @Test(arguments: Thing.allCases)
    func whatIsNoFileIsRefusedAtOnce(_ thing: Thing) throws {
        for name in index.names {
            let bytes = try #require(index.files[name])
            try place(thing, name)
            #expect(read() == .wrongFile, "\(name)")
            #expect(writeCode() == .wrongFile, "\(name)")
            // Nothing was removed, nothing written.
            let left = Set(try FileManager.default.contentsOfDirectory(atPath: path)).subtracting(["LOCK"])
            #expect(left == Set(index.files.keys), "\(name)")
            try FileManager.default.removeItem(atPath: "\(path)/\(name)")
            try write(bytes, name)
        }
        #expect(read() == nil)
    }

    /// A lock that is none keeps writers out and readers not; a reserve that is none is passed over.
    @Test(arguments: Thing.allCases)
    func aLockOrReserveThatIsNoFileDoesNoHarm(_ thing: Thing) throws {
        try place(thing, "LOCK")
        #expect(read() == nil)
        #expect(writeCode() == .wrongFile)
        try FileManager.default.removeItem(atPath: "\(path)/LOCK")
        try place(thing, "RESERVE")
        var options = WriterOptions.small()
        options.reserveBytes = 8192
        let writer = try Index.open(at: path).writer(options)
        defer { writer.close() }
        try writer.delete(id: "d1")
        _ = try writer.commit()
        #expect(read() == nil)
    }

    /// Names that look like the engine's, of things that are no files: a writer leaves them and goes on.
    @Test(arguments: Thing.allCases)
    func leftoversThatAreNoFilesAreNoReasonToFail(_ thing: Thing) throws {
        let names = [
            "0123456789abcdef0123456789abcdef.blocks", "0123456789abcdef0123456789abcdef.tmp",
            Manifest.fileName(1), "notes",
        ]
        for name in names { try place(thing, name) }
        #expect(read() == nil)
        #expect(writeCode() == nil)
        #expect(read() == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: path).contains("notes"))
        // The target of a link stays, whatever becomes of the link.
        if thing == .linkToTheSame {
            #expect(FileManager.default.fileExists(atPath: "\(directory.path)/copy"))
        }
    }

    /// A manifest of the largest number that is no file is a damaged index, not a reason to take an older
    /// one.
    @Test(arguments: Thing.allCases)
    func aNewestManifestThatIsNoFileIsAnError(_ thing: Thing) throws {
        for generation in [index.newest.generation + 1, .max] {
            try place(thing, Manifest.fileName(generation))
            #expect(read() == .wrongFile)
            #expect(writeCode() == .wrongFile)
            try FileManager.default.removeItem(atPath: "\(path)/\(Manifest.fileName(generation))")
        }
        #expect(read() == nil)
    }
}
