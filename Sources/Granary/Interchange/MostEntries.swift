extension SparseVector {
    /// Entries that a document of a file may have: far more than a document has even before duplicates are
    /// settled. Bounds memory, since a file with holes costs nothing.
    static let mostEntriesRead = 1 << 20
}
