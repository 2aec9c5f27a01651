internal import CGranary

/// How a mapping divides into windows: 64 KiB of addresses, or a page where pages are larger.
///
/// A page fault maps what is cached of the window around it (`fault_around_bytes` of Linux), so what a
/// process holds is counted and given back by windows. They lie by the address and not by the offset; the
/// first and the last may be shorter.
struct PageWindows: Sendable {
    let pageBytes: Int
    let windowBytes: Int
    let mappedBytes: Int
    /// By how much the mapping begins behind the beginning of a window.
    let phaseBytes: Int

    /// - Parameter address: where the mapping begins, a multiple of the page.
    init(mappedBytes: Int, address: UInt, pageBytes: Int = SystemCalls.pageBytes) {
        self.pageBytes = pageBytes
        windowBytes = max(pageBytes, 1 << 16)
        self.mappedBytes = mappedBytes
        phaseBytes = Int(address % UInt(windowBytes))
    }

    /// The number of the window that holds a byte.
    func index(at offset: Int) -> Int { (offset + phaseBytes) / windowBytes }

    /// A window, with nothing wanted.
    func window(_ index: Int) -> granary_window {
        let start = max(0, index * windowBytes - phaseBytes)
        let end = min(mappedBytes, (index + 1) * windowBytes - phaseBytes)
        return granary_window(
            offset: UInt64(start), page_count: UInt32((end - start + pageBytes - 1) / pageBytes), wanted: 0,
            resident: 0, reserved: 0)
    }

    /// The windows of ranges, with the wanted pages marked; ascending, each once.
    ///
    /// - Parameter ranges: inside the mapping, ascending by where they begin.
    func windows(covering ranges: [Range<Int>]) -> [granary_window] {
        var windows: [granary_window] = []
        windows.reserveCapacity(ranges.count)
        var (covered, last) = (0, -1)
        for range in ranges {
            // What lies before `covered` is marked: ranges begin in ascending order.
            var offset = max(range.lowerBound / pageBytes * pageBytes, covered)
            while offset < range.upperBound {
                let index = index(at: offset)
                if index != last {
                    windows.append(window(index))
                    last = index
                }
                let position = windows.count - 1
                let page = (offset - Int(windows[position].offset)) / pageBytes
                windows[position].wanted |= 1 << UInt32(page)
                offset += pageBytes
            }
            covered = max(covered, offset)
        }
        return windows
    }

    /// Runs of pages of a mask, as byte ranges of the file that end with their last page's first byte: enough
    /// to read to have the pages, and never behind the end of the file.
    func forEachRun(of mask: UInt32, in window: granary_window, _ body: (_ offset: Int, _ pages: Int) -> Void)
    {
        var (rest, page) = (mask, 0)
        while rest != 0 {
            let gap = rest.trailingZeroBitCount
            page += gap
            rest >>= UInt32(gap)
            let length = (~rest).trailingZeroBitCount
            body(Int(window.offset) + page * pageBytes, length)
            page += length
            rest = length >= 32 ? 0 : rest >> UInt32(length)
        }
    }
}

extension granary_window {
    /// Wanted pages that are not in memory.
    var missing: UInt32 { wanted & ~resident }
}
