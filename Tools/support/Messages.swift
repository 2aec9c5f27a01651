import Foundation

/// Standard error, for people.
package enum Messages {
    /// Writes a text. One that nobody takes is lost: where standard error is closed, full or a broken pipe,
    /// the exit code still says how the command ended.
    static func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    /// Fills the places of standard input, output and error that the process was started without. The next
    /// files that are opened, those of an index, would get them otherwise, and messages be written into them.
    ///
    /// To use one fails as before: each is open for what it is not used for.
    package static func fillPlaces() {
        for (place, use) in [(Int32(0), O_WRONLY), (1, O_RDONLY), (2, O_RDONLY)]
        where fcntl(place, F_GETFD) == -1 {
            // SAFETY: the path is a C string; the smallest number that is free is the place itself.
            _ = unsafe open("/dev/null", use)
        }
    }
}
