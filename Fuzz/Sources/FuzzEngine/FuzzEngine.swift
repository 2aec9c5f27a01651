import Foundation
import FuzzSupport

/// What libFuzzer calls: the harness that the environment names.
private let target: FuzzTarget = {
    let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        fatalError("FUZZ_TARGET: expected one of \(FuzzTarget.allCases), found \"\(name)\"")
    }
    return target
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    do {
        try target.run(Input(data, size).bytes)
    } catch { report("\(error)") }
    return 0
}
