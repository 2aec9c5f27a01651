import Granary

/// The decoder of manifests. Even first byte: the rest as it is; odd: with its hash repaired.
/// What is decoded must be the same after encoding.
enum ManifestHarness {
    static func run(_ input: inout Input) throws {
        let isRepaired = input.byte() & 1 == 1
        var bytes = input.rest()
        if isRepaired { Repair.manifest(&bytes) }
        guard var manifest = try allowing({ try Manifest.decode(bytes, path: "input") }) else { return }
        // For people only: bytes that are no UTF-8 are read as replacement characters. Every commit writes
        // its own.
        manifest.engineVersion = Manifest.thisVersion
        let again: Manifest
        do {
            again = try Manifest.decode(try manifest.encoded(), path: "again")
        } catch { throw Finding("a decoded manifest cannot be encoded and read: \(error)") }
        try Finding.unless(again == manifest, "a manifest changes when it is encoded")
    }
}
