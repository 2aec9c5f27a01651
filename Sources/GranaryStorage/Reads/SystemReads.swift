internal import CGranary

/// The calls of the system that batches of one file make.
final class SystemReads: Sendable {
    let geometry: PageWindows
    private let access: BatchAccess
    private let mapping: MappedBytes
    private let path: String
    private let maySeeResidency: Bool
    /// Reads between two questions whether to go on, where threads read.
    private let waveCount = 256

    /// Takes a descriptor over, and tells the system that file and mapping are read at random.
    init(_ access: BatchAccess, _ mapping: MappedBytes, path: String) {
        self.access = access
        self.mapping = mapping
        self.path = path
        // SAFETY: the address is only looked at as a number.
        let address = unsafe mapping.bytes.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
        geometry = PageWindows(mappedBytes: mapping.count, address: address)
        maySeeResidency = granary_may_see_residency(access.descriptor) != 0
        _ = granary_advise_random(access.descriptor)
        mapping.advise(.random, 0..<mapping.count)
    }

    deinit { _ = SystemCalls.close(access.descriptor) }

    /// Asks whether ranges may be read: the file's gate, then whether it is still long enough.
    func admit(_ ranges: [Range<Int>]) throws(GranaryError) {
        if let gate = access.gate {
            for range in ranges { try gate(UInt64(range.lowerBound), range.count) }
        }
        try checkLength(ranges.reduce(0) { max($0, $1.upperBound) })
    }

    /// Asks whether the file is long enough still for the bytes up to `end`.
    func checkLength(_ end: Int) throws(GranaryError) {
        let length = granary_file_length(access.descriptor)
        guard length >= Int64(end) else {
            throw GranaryError(
                .truncated, "expected bytes up to \(end), found a file of \(length)", path: path,
                byteOffset: UInt64(max(0, length)))
        }
    }

    /// Sets `resident` of windows.
    func findResident(_ windows: inout [granary_window], isWhole: Bool) throws(GranaryError) {
        guard maySeeResidency else { return findCached(&windows) }
        // SAFETY: windows lie inside the mapping, whose length is handed over too.
        let mapping = mapping
        let bytes = mapping.bytes
        let number = unsafe bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return Int32(0) }
            return unsafe windows.withUnsafeMutableBufferPointer { windows in
                unsafe granary_find_resident(
                    base, bytes.count, windows.baseAddress, windows.count, isWhole ? 1 : 0)
            }
        }
        guard number == 0 else { throw SystemCalls.error("mincore", number, path: path) }
    }

    /// Sets `resident` of the wanted pages by reading a byte of each without waiting.
    func findCached(_ windows: inout [granary_window]) {
        var places: [(window: Int, page: Int)] = []
        var reads: [granary_read] = unsafe []
        var byte: UInt8 = 0
        // SAFETY: each read writes the one byte, which lives until the end of the closure.
        unsafe withUnsafeMutableBytes(of: &byte) { byte in
            for (window, content) in windows.enumerated() {
                for page in 0..<Int(content.page_count) where content.wanted >> UInt32(page) & 1 == 1 {
                    places.append((window, page))
                    unsafe reads.append(
                        granary_read(
                            offset: content.offset + UInt64(page * geometry.pageBytes),
                            destination: byte.baseAddress, length: 1, done: 0, error: 0, retries: 0))
                }
            }
            _ = unsafe reads.withUnsafeMutableBufferPointer {
                unsafe granary_read_cached(access.descriptor, $0.baseAddress, $0.count)
            }
        }
        for window in windows.indices { windows[window].resident = 0 }
        for (position, place) in places.enumerated() where unsafe reads[position].done == 1 {
            windows[place.window].resident |= 1 << UInt32(place.page)
        }
    }

    /// Tells the system of the missing pages.
    func advise(_ windows: [granary_window]) {
        for window in windows {
            geometry.forEachRun(of: window.missing, in: window) { offset, pages in
                mapping.advise(.willNeed, offset..<min(mapping.count, offset + pages * geometry.pageBytes))
            }
        }
    }

    /// Reads that bring the missing pages into the cache: one for each run, from the last byte of its first
    /// page to the first of its last, as a byte brings the page.
    @unsafe func reads(
        ofMissing windows: [granary_window], into scratch: UnsafeMutableRawPointer?
    ) -> [granary_read] {
        var reads: [granary_read] = unsafe []
        let page = geometry.pageBytes
        for window in windows {
            geometry.forEachRun(of: window.missing, in: window) { offset, pages in
                unsafe reads.append(
                    granary_read(
                        offset: UInt64(pages == 1 ? offset : offset + page - 1), destination: scratch,
                        length: UInt32(pages == 1 ? 1 : (pages - 2) * page + 2), done: 0, error: 0, retries: 0
                    ))
            }
        }
        return unsafe reads
    }

    /// Does reads by threads, a wave at a time, those that find their bytes in the page cache first.
    @unsafe func perform(
        _ reads: inout [granary_read], threadCount: Int, findsCached: Bool, _ isCancelled: () -> Bool
    ) throws(GranaryError) {
        // SAFETY: each read's destination has room for it; no thread goes on after the call.
        let wasCancelled = unsafe reads.withUnsafeMutableBufferPointer { reads in
            guard let base = reads.baseAddress else { return false }
            if findsCached {
                let complete = unsafe granary_read_cached(access.descriptor, base, reads.count)
                if complete == reads.count { return false }
            }
            for start in stride(from: 0, to: reads.count, by: waveCount) {
                if isCancelled() { return true }
                unsafe granary_read_parallel(
                    access.descriptor, base + start, min(waveCount, reads.count - start), UInt32(threadCount))
            }
            return false
        }
        if wasCancelled { throw GranaryError(.cancelled, "the operation was cancelled", path: path) }
        try unsafe check(reads)
    }

    /// Does reads by a ring; false, with nothing done, when there is none to be had.
    ///
    /// - Parameter progress: gets the beginning of the page of the first read that is not done, again and
    ///   again.
    @unsafe func performByRing(
        _ reads: inout [granary_read], depth: Int, _ isCancelled: () -> Bool,
        _ progress: (Int) throws(GranaryError) -> Void
    ) throws(GranaryError) -> Bool {
        // SAFETY: each read's destination has room for it; nothing is in flight after the call.
        let isDone = try unsafe reads.withUnsafeMutableBufferPointer { reads throws(GranaryError) in
            try unsafe RingPool.shared.read(
                reads, from: access.descriptor, path: path, depth: depth, isCancelled: isCancelled
            ) { (done) throws(GranaryError) in
                guard done < reads.count else { return }
                let offset = unsafe Int(reads[done].offset)
                try progress(offset - offset % geometry.pageBytes)
            }
        }
        if isDone { try unsafe check(reads) }
        return isDone
    }

    /// Throws what the first read that did not get everything says.
    @unsafe private func check(_ reads: [granary_read]) throws(GranaryError) {
        for position in unsafe reads.indices {
            // SAFETY: only numbers are looked at.
            let read = unsafe reads[position]
            let (done, length, number) = unsafe (read.done, read.length, read.error)
            guard done < length else { continue }
            let offset = unsafe read.offset + UInt64(done)
            guard number == 0 else {
                var error = SystemCalls.error("read", number, path: path)
                error.byteOffset = offset
                throw error
            }
            throw GranaryError(
                .truncated, "expected \(length) bytes, found \(done)", path: path, byteOffset: offset)
        }
    }

    /// Gives a window back: all of it from this process, and from the page cache what was read here.
    func drop(_ window: granary_window, readHere: UInt32) {
        // SAFETY: the window lies inside the mapping, whose pages come back from the file when they are used.
        let mapping = mapping
        let bytes = mapping.bytes
        unsafe bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            let start = Int(window.offset)
            let end = min(start + Int(window.page_count) * geometry.pageBytes, bytes.count)
            _ = unsafe granary_unmap_pages(base + start, end - start)
        }
        geometry.forEachRun(of: readHere, in: window) { offset, pages in
            _ = granary_drop_cached(access.descriptor, UInt64(offset), UInt64(pages * geometry.pageBytes))
        }
    }
}
