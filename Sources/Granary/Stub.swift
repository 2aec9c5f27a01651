import GranaryStorage
extension Snapshot {
    func backup(to: String, segments: Set<String>) throws(GranaryError) {}
}
