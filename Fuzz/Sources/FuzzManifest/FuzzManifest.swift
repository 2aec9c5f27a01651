import FuzzSupport
import Granary

/// The decoder of manifests. Even first byte: the rest as it is; odd: with its hash repaired.
/// What is decoded must be the same after encoding.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    var input = Input(data, size)
    let isRepaired = input.byte() & 1 == 1
    var bytes = input.rest()
    if isRepaired { Repair.manifest(&bytes) }
    guard var manifest = try? Manifest.decode(bytes, path: "input") else { return 0 }
    // For people only: bytes that are no UTF-8 are read as replacement characters. Every commit writes its
    // own.
    manifest.engineVersion = Manifest.thisVersion
    do {
        let again = try Manifest.decode(try manifest.encoded(), path: "again")
        if again != manifest { report("a manifest changes when it is encoded") }
    } catch { report("a decoded manifest cannot be encoded and read: \(error)") }
    return 0
}
