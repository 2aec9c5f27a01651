import Foundation
import FuzzSupport

// Runs every file of some folders, as libFuzzer would: for what the inputs reach, not for what they find.
//   FUZZ_TARGET=TARGET FuzzReplay FOLDER...
guard let target = FuzzTarget(rawValue: ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? "") else {
    fatalError("FUZZ_TARGET: expected one of \(FuzzTarget.allCases)")
}
var count = 0
for folder in CommandLine.arguments.dropFirst() {
    for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
        let input = try Data(contentsOf: URL(fileURLWithPath: folder).appendingPathComponent(name))
        do {
            try target.run(Array(input))
        } catch { report("\(name): \(error)") }
        count += 1
    }
}
print("\(target): \(count) inputs")
