internal import CGranary
import Synchronization

/// Bounds how many pages of a mapping a process holds: windows that were used come in, and when there are too
/// many the ones not used for longest go (a clock: a window that was used again since it was looked at stays
/// for one more round).
///
/// A window counts with the pages that were found or read in it. It is an upper bound of what page faults can
/// map, but for pages that others bring into the cache later. Safe to use from several threads; giving pages
/// back happens under its lock, so that the bound holds at every moment.
final class ResidencyBudget: Sendable {
    /// Gives a window's pages back: it is told which of them were read for this process.
    typealias Drop = @Sendable (_ window: granary_window, _ readHere: UInt32) -> Void

    private struct Entry {
        var mask: UInt32
        var readHere: UInt32
        var pins: Int
        var wasUsedAgain: Bool
    }

    private struct State {
        var entries: [Int: Entry] = [:]
        /// Numbers of windows by age, from `first` on.
        var queue: [Int] = []
        var first = 0
        var pages = 0
    }

    private let budgetBytes: Int
    private let geometry: PageWindows
    private let drop: Drop
    private let state = Mutex(State())

    /// - Parameter budgetBytes: a batch needs a window for each of its rows in the worst case.
    init(budgetBytes: Int, geometry: PageWindows, drop: @escaping Drop) {
        self.budgetBytes = budgetBytes
        self.geometry = geometry
        self.drop = drop
    }

    /// Bytes that are counted now.
    var countedBytes: Int { state.withLock { $0.pages } * geometry.pageBytes }

    /// Lets a batch's windows in, with `resident` as it was found, and keeps them until `release`. Others go
    /// for them.
    ///
    /// - Throws: `tooLarge` for a batch that could exceed the budget alone, or together with the batches in
    ///   use; it is not let in then.
    func admit(_ windows: [granary_window]) throws(GranaryError) {
        guard windows.count <= budgetBytes / geometry.windowBytes else {
            throw GranaryError(
                .tooLarge,
                "expected a batch within the residency budget of \(budgetBytes) bytes, found \(windows.count) "
                    + "windows of \(geometry.windowBytes) bytes")
        }
        let isWithin = state.withLock { state in
            for window in windows {
                let index = geometry.index(at: Int(window.offset))
                var entry = state.entries[index] ?? Entry(mask: 0, readHere: 0, pins: 0, wasUsedAgain: false)
                if entry.mask == 0 { state.queue.append(index) } else { entry.wasUsedAgain = true }
                let mask = entry.mask | window.wanted | window.resident
                state.pages += mask.nonzeroBitCount - entry.mask.nonzeroBitCount
                entry.mask = mask
                entry.readHere |= window.missing
                entry.pins += 1
                state.entries[index] = entry
            }
            return shrink(&state)
        }
        guard isWithin else {
            release(windows)
            state.withLock { _ = shrink(&$0) }
            throw GranaryError(
                .tooLarge,
                "expected room in the residency budget of \(budgetBytes) bytes, found it used by other batches"
            )
        }
    }

    /// Lets go of a batch: its windows may be given back from now on.
    func release(_ windows: [granary_window]) {
        state.withLock { state in
            for window in windows {
                state.entries[geometry.index(at: Int(window.offset))]?.pins -= 1
            }
        }
    }

    /// Gives back everything that is not in use.
    func clear() { state.withLock { _ = shrink(&$0, to: 0) } }

    /// Gives windows back until the rest is within the budget; false when those in use are not.
    private func shrink(_ state: inout State, to bytes: Int? = nil) -> Bool {
        let most = (bytes ?? budgetBytes) / geometry.pageBytes
        // Twice round: the first may only take the marks away.
        var looks = 2 * (state.queue.count - state.first)
        while state.pages > most, looks > 0 {
            looks -= 1
            let index = state.queue[state.first]
            state.first += 1
            guard var entry = state.entries[index] else { continue }
            if entry.pins > 0 || entry.wasUsedAgain {
                entry.wasUsedAgain = false
                state.entries[index] = entry
                state.queue.append(index)
            } else {
                state.entries[index] = nil
                state.pages -= entry.mask.nonzeroBitCount
                drop(geometry.window(index), entry.readHere)
            }
        }
        if state.first > 1024, state.first > state.queue.count / 2 {
            state.queue.removeFirst(state.first)
            state.first = 0
        }
        return state.pages <= most
    }
}
