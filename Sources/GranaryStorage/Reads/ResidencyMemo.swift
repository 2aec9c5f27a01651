internal import CGranary
import Synchronization

/// Which pages were in memory a moment ago: asking the system costs some hundred nanoseconds a row, this a
/// few.
///
/// It forgets after one to two seconds, and may be wrong: a page that went meanwhile is read when it is used,
/// alone. A table of fixed size with one place for each window; windows that share a place displace each
/// other.
final class ResidencyMemo: Sendable {
    /// A window's number (32 bits), the tick when it was asked about (16), its pages in memory (16).
    private let places: Mutex<[UInt64]>
    private let now: @Sendable () -> UInt64
    private let mostPlaces = 1 << 16

    /// - Parameter now: nanoseconds since any time; a jump makes it forget.
    init(windowCount: Int, now: @escaping @Sendable () -> UInt64 = { SystemCalls.now() }) {
        var count = 64
        while count < min(windowCount, mostPlaces) { count *= 2 }
        places = Mutex([UInt64](repeating: .max, count: count))
        self.now = now
    }

    /// Sets `resident` of windows as it is remembered.
    ///
    /// - Returns: whether all wanted pages are there.
    func recall(_ windows: inout [granary_window], _ geometry: PageWindows) -> Bool {
        let tick = tick
        return places.withLock { places in
            var isComplete = true
            for position in windows.indices {
                let index = geometry.index(at: Int(windows[position].offset))
                let place = places[index & (places.count - 1)]
                let age = tick &- UInt16(truncatingIfNeeded: place >> 16)
                let isKnown = place >> 32 == UInt64(UInt32(truncatingIfNeeded: index)) && age <= 1
                windows[position].resident = isKnown ? UInt32(place & 0xffff) : 0
                if windows[position].missing != 0 { isComplete = false }
            }
            return isComplete
        }
    }

    /// Remembers the wanted and the resident pages of windows, all of which are in memory now.
    func remember(_ windows: [granary_window], _ geometry: PageWindows) {
        let tick = tick
        places.withLock { places in
            for window in windows {
                let index = geometry.index(at: Int(window.offset))
                let number = UInt64(UInt32(truncatingIfNeeded: index))
                let pages = UInt64((window.wanted | window.resident) & 0xffff)
                places[index & (places.count - 1)] = number << 32 | UInt64(tick) << 16 | pages
            }
        }
    }

    /// Forgets a window.
    func forget(_ index: Int) {
        places.withLock { $0[index & ($0.count - 1)] = .max }
    }

    private var tick: UInt16 { UInt16(truncatingIfNeeded: now() >> 30) }
}
