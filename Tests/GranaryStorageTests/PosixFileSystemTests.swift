import Foundation
import GranaryStorage
import TestSupport
import Testing

@Suite("The file system of the machine")
struct PosixFileSystemTests {
    private let fileSystem = PosixFileSystem()
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    private func makeFile(_ name: String, _ text: String = "text") throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
    }

    /// Descriptors of this process that are open on something in the directory.
    private func openDescriptors() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count { number in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
            return target?.hasPrefix(directory.path) == true
        }
    }

    @Test("does not follow a link in the place of a file")
    func refusesLinks() throws {
        try makeFile("real")
        for (link, target) in [("link", "real"), ("dangling", "none")] {
            try FileManager.default.createSymbolicLink(atPath: path(link), withDestinationPath: path(target))
        }
        #expect(codeThrown { _ = try fileSystem.openForReading(path("link")) } == .wrongFile)
        #expect(codeThrown { _ = try fileSystem.openForReading(path("dangling")) } == .wrongFile)
        #expect(codeThrown { _ = try fileSystem.create(path("dangling")) } == .alreadyExists)
        #expect(codeThrown { _ = try fileSystem.lock(path("link"), stamp: "x") } == .wrongFile)
        #expect(try fileSystem.status(path("dangling"))?.kind == .other)
        #expect(try String(contentsOfFile: path("real"), encoding: .utf8) == "text")
        #expect(try fileSystem.status(path("none")) == nil)
    }

    @Test("does not wait for a pipe in the place of a file")
    func refusesPipes() throws {
        #expect(unsafe mkfifo(path("pipe"), 0o600) == 0)
        #expect(codeThrown { _ = try fileSystem.openForReading(path("pipe")) } == .wrongFile)
        #expect(codeThrown { _ = try fileSystem.lock(path("pipe"), stamp: "x") } == .wrongFile)
        #expect(try fileSystem.status(path("pipe"))?.kind == .other)
        #expect(codeThrown { _ = try fileSystem.openForReading("/dev/zero") } == .wrongFile)
    }

    @Test("does not take a directory for a file")
    func refusesDirectories() throws {
        try fileSystem.createDirectory(path("sub"))
        #expect(codeThrown { _ = try fileSystem.openForReading(path("sub")) } == .wrongFile)
        #expect(codeThrown { _ = try fileSystem.lock(path("sub"), stamp: "x") } == .wrongFile)
    }

    @Test("says in its errors what, where and why")
    func errorsNameThePlace() throws {
        let error = #expect(throws: GranaryError.self) { _ = try fileSystem.openForReading(path("none")) }
        #expect(error?.path == path("none"))
        #expect(error?.systemError == ENOENT)
        #expect(error.map { "\($0)" }?.contains("not found") == true)
    }

    @Test("says that a directory may not be read or written", .enabled(if: geteuid() != 0, "root may do all"))
    func permissions() throws {
        try fileSystem.createDirectory(path("sub"))
        try FileManager.default.setAttributes([.posixPermissions: 0o500], ofItemAtPath: path("sub"))
        defer {
            try? FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path("sub"))
        }
        #expect(codeThrown { _ = try fileSystem.create(path("sub/a")) } == .permissionDenied)
    }

    @Test("leaves no descriptor open, whether calls succeed or fail")
    func closesDescriptors() throws {
        try makeFile("a")
        try fileSystem.createDirectory(path("sub"))
        #expect(unsafe mkfifo(path("pipe"), 0o600) == 0)
        for _ in 0..<3 {
            #expect(codeThrown { _ = try fileSystem.openForReading(path("sub")) } == .wrongFile)
            #expect(codeThrown { _ = try fileSystem.openForReading(path("pipe")) } == .wrongFile)
            #expect(codeThrown { _ = try fileSystem.lock(path("pipe"), stamp: "x") } == .wrongFile)
            let lock = try fileSystem.lock(path("LOCK"), stamp: "x")
            #expect(codeThrown { _ = try fileSystem.lock(path("LOCK"), stamp: "y") } == .locked)
            lock.release()
            let file = try fileSystem.openForReading(path("a"))
            #expect(try file.map().count == 4)
            file.close()
            _ = try fileSystem.openForReading(path("a"))
            _ = try fileSystem.list(directory.path)
            try fileSystem.syncDirectory(directory.path)
        }
        #expect(try openDescriptors() == 0)
        let file = try fileSystem.openForReading(path("a"))
        #expect(try openDescriptors() == 1)
        file.close()
    }

    @Test("stamps the lock file for people, whatever stood there")
    func stampsTheLock() throws {
        try makeFile("LOCK", "a longer text that an earlier holder left behind")
        let lock = try fileSystem.lock(path("LOCK"), stamp: "short")
        #expect(try String(contentsOfFile: path("LOCK"), encoding: .utf8) == "short")
        lock.release()
        #expect(try String(contentsOfFile: path("LOCK"), encoding: .utf8) == "short")
    }

    @Test(
        "excludes other processes by the lock",
        .enabled(if: FileManager.default.fileExists(atPath: "/usr/bin/perl")))
    func locksAgainstProcesses() throws {
        let lock = try fileSystem.lock(path("LOCK"), stamp: "x")
        #expect(try perlTakesLock() == false)
        lock.release()
        #expect(try perlTakesLock() == true)
    }

    /// Whether another process gets a POSIX record lock on the file: kernel locks of both kinds exclude each
    /// other.
    private func perlTakesLock() throws -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/perl")
        process.arguments = [
            "-MFcntl", "-e",
            """
            open(my $file, '+<', $ARGV[0]) or exit 2;
            my $lock = pack('s s x4 q q l x4', F_WRLCK, 0, 0, 0, 0);
            exit(fcntl($file, F_SETLK, $lock) ? 0 : 1)
            """,
            path("LOCK"),
        ]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus < 2)
        return process.terminationStatus == 0
    }

    @Test("writes and reads more than one system call would like")
    func largeTransfers() throws {
        let bytes = (0..<3_000_001).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let file = try fileSystem.create(path("large"))
        try file.write(bytes.rawBytes, at: 5)
        #expect(try file.read(at: 5, count: bytes.count) == bytes)
        #expect(try file.read(at: 0, count: 5) == [0, 0, 0, 0, 0])
    }
}
