import FuzzSupport
import Granary

/// The reader of containers: opening and a full verification. The first byte says what is repaired.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    var input = Input(data, size)
    let mode = input.byte()
    var bytes = input.rest()
    var root = bytes.count >= 128 ? identifier(bytes, bytes.count - 40) : Identifier128(high: 0, low: 0)
    if mode & 1 == 1 { root = Repair.container(&bytes) ?? root }
    guard bytes.count >= 48 else { return 0 }
    let kind = FileKind(rawValue: bytes[8]) ?? .blocks
    let record = FileRecord(
        id: identifier(bytes, 32), kind: kind, length: UInt64(bytes.count), rootHash: root)
    do throws(GranaryError) {
        let system = MemoryFileSystem()
        try system.add("./\(record.name)", bytes)
        let container = try Container.open(
            fileSystem: system, directory: ".", record: record)
        try container.verify()
        for section in container.sections where !section.bytes.isEmpty {
            try container.verify(section, 0..<section.count)
        }
    } catch {
        if error.message.isEmpty { report("an error without a message") }
    }
    return 0
}

func identifier(_ bytes: [UInt8], _ at: Int) -> Identifier128 {
    let digits = bytes[at..<at + 16].map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    return Identifier128(hex: digits) ?? Identifier128(high: 0, low: 0)
}
