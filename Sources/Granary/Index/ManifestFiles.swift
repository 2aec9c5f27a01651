import GranaryStorage

extension Manifest {
    /// Checks that each data file belongs to one segment, and stands there once: what a commit, a repair or a
    /// backup makes of others, no reader takes, and a few words of a manifest would open one file ever again.
    ///
    /// - Throws: `corrupt` naming the file.
    func checkFiles(_ path: String) throws(GranaryError) {
        var uses = [Int](repeating: 0, count: files.count)
        for segment in segments {
            // Decoding has checked that the places are there.
            for place in segment.files { uses[Int(place)] += 1 }
            if let place = segment.deadFile { uses[Int(place)] += 1 }
        }
        if let place = uses.firstIndex(where: { $0 != 1 }) {
            throw GranaryError(
                .corrupt,
                "expected each file in one segment, found \(files[place].name) \(uses[place]) times",
                path: path)
        }
    }
}
