import Foundation

/// Seconds since an instant.
func seconds(since start: ContinuousClock.Instant) -> Double {
    let elapsed = ContinuousClock.now - start
    return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
}

/// A line of this process's status, in megabytes; 0 where there is none.
private func statusMegabytes(_ name: String) -> Int {
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
        let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name + ":") }),
        let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) })
    else { return 0 }
    return kilobytes / 1024
}

/// Memory of this process that is in RAM now, mapped files included.
func residentMegabytes() -> Int { statusMegabytes("VmRSS") }

/// The most that was ever in RAM.
func peakMegabytes() -> Int { statusMegabytes("VmHWM") }

extension Double {
    /// As text with so many decimals.
    func rounded(to decimals: Int) -> String { String(format: "%.\(decimals)f", self) }
}
