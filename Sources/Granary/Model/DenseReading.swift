import GranaryStorage

/// How dense vectors are read that are not in memory.
public struct DenseReading: Sendable, Equatable {
    /// The method; nil for the fastest that the kernel allows.
    public var method: ReadMethod?
    /// The largest share of each `.dense` file that may be in this process's memory, above 0 and up to 1; nil
    /// leaves that to the system, which gives pages back when it needs them. At least 64 KiB of a file may
    /// be.
    public var residentShare: Double?

    /// Makes options.
    public init(method: ReadMethod? = nil, residentShare: Double? = nil) {
        self.method = method
        self.residentShare = residentShare
    }

    /// - Throws: `invalidArgument` for a share out of range.
    func validate() throws(GranaryError) {
        guard let residentShare, !(residentShare > 0 && residentShare <= 1) else { return }
        throw GranaryError(
            .invalidArgument, "expected a resident share above 0 and up to 1, found \(residentShare)")
    }
}
