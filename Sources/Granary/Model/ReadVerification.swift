/// What is compared with its checksums before an answer comes of it.
public enum ReadVerification: String, Sendable, CaseIterable {
    /// The structure of files, when they are opened, and dense vectors, when they are first read. The rest is
    /// checked for safety only: damage that leaves rows and lists well-formed can change answers.
    case structure
    /// Everything: small sections when a segment is opened, large ones when they are first read, each 64 KiB
    /// of them once. Damage is an error, never another answer.
    case firstTouch
}

/// How the files of an index are read.
struct Reading: Sendable {
    /// How dense vectors are read that are not in memory.
    var dense = DenseReading()
    /// What is compared with its checksums.
    var verification = ReadVerification.structure
}
