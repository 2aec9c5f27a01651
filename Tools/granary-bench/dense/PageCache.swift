import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// What the system keeps of files in memory.
enum PageCache {
    /// Makes the `.dense` files of a closed index leave the page cache.
    static func drop(denseFilesOf index: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: index) where name.hasSuffix(".dense")
        {
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: index + "/" + name))
            // Only what is on the device can leave.
            try file.synchronize()
            #if os(Linux)
                posix_fadvise(file.fileDescriptor, 0, 0, POSIX_FADV_DONTNEED)
            #endif
            try file.close()
        }
    }
}

/// Bytes that the device has given to this process so far; 0 where the system does not count them.
func deviceBytes() -> Int {
    guard let text = try? String(contentsOfFile: "/proc/self/io", encoding: .utf8),
        let line = text.split(separator: "\n").first(where: { $0.hasPrefix("read_bytes:") })
    else { return 0 }
    return line.split(separator: " ").last.flatMap { Int($0) } ?? 0
}
